/*
 * Two generations of the SCION header are in use, both with version 0; `generationOf` tells them apart.
 *
 * Current generation (since the end of 2020), SCION header specification, "Common Header":
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Version| TrafficClass  |                FlowID                 |
 * |    NextHdr    |    HdrLen     |          PayloadLen           |   HdrLen in units of 4 bytes
 * |    PathType   |DT |DL |ST |SL |              RSV              |
 * |            DstISD             |                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+             DstAS             +
 * |            SrcISD             |             SrcAS             |
 * |  destination host (4 to 16 bytes), source host, path          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const CURRENT_NEXT_HEADER = 4;
export const CURRENT_HEADER_LENGTH = 5;
export const CURRENT_PAYLOAD_LENGTH = 6;
export const CURRENT_PATH_TYPE = 8;
export const CURRENT_ADDRESS_TYPES = 9;
export const CURRENT_RESERVED = 10;
export const CURRENT_DESTINATION = 12;
export const CURRENT_SOURCE = 20;
export const CURRENT_HOSTS = 28;
/** The common header, which recognition needs whole. */
export const CURRENT_COMMON_LENGTH = 12;

/** Type and length bits of an address together. */
export const CURRENT_IPV4 = 0x0;
export const CURRENT_IPV6 = 0x3;
export const CURRENT_SERVICE = 0x4;

export const PATH_EMPTY = 0;
export const PATH_SCION = 1;
export const PATH_ONE_HOP = 2;
export const PATH_EPIC = 3;
export const PATH_COLIBRI = 4;

/*
 * Path of type SCION: a word |CurrINF 2|CurrHF 6|RSV 6|Seg0Len 6|Seg1Len 6|Seg2Len 6|, info fields of 8 bytes
 * (flags, reserved, SegID 2, timestamp 4), hop fields of 12 (flags, ExpTime, ingress 2, egress 2, MAC 6).
 * One hop: one info field and two hop fields. EPIC: 16 bytes, then a path of type SCION.
 */
export const META_LENGTH = 4;
export const INFO_LENGTH = 8;
export const INFO_TIMESTAMP = 4;
export const HOP_LENGTH = 12;
export const HOP_EXPIRY = 1;
export const ONE_HOP_LENGTH = 32;
export const EPIC_PREFIX_LENGTH = 16;

/*
 * Generation of 2016 to 2020:
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Version|  DstType  |  SrcType  |         Total length          |
 * |    HdrLen     |   CurrINF     |    CurrHF     |    NextHdr    |   all three in units of 8 bytes
 * |            DstISD             |                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+             DstAS             +
 * |            SrcISD             |             SrcAS             |
 * |  destination host, source host, padded to 8 bytes; path       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Path: segments of 8-byte fields; an info field (flags, timestamp 4, ISD 2, number of hop fields 1), then its hop
 * fields (flags, expiry 1, ingress and egress 3, MAC 3).
 */
export const OLD_TYPES = 0;
export const OLD_TOTAL_LENGTH = 2;
export const OLD_HEADER_LENGTH = 4;
export const OLD_CURRENT_INFO = 5;
export const OLD_CURRENT_HOP = 6;
export const OLD_NEXT_HEADER = 7;
export const OLD_DESTINATION = 8;
export const OLD_SOURCE = 16;
export const OLD_HOSTS = 24;
export const OLD_IPV4 = 1;
export const OLD_IPV6 = 2;
export const OLD_SERVICE = 3;
export const OLD_LINE = 8;
export const OLD_INFO_TIMESTAMP = 1;
export const OLD_INFO_HOPS = 7;
export const OLD_HOP_EXPIRY = 1;
/** Bits that no info field of that generation sets. */
export const OLD_INFO_FLAGS_UNKNOWN = 0xf8;
export const SEGMENTS_MAX = 3;

/** Hop fields live for (ExpTime + 1) of these, counted from the timestamp of their segment. */
export const EXPIRY_UNIT_SECONDS = 86_400 / 256;

/** Next header, both generations. */
export const NEXT_TCP = 6;
export const NEXT_UDP = 17;
/** Of the generation of 2018; 0 is a hop-by-hop extension, or nothing where the packet ends. */
export const OLD_NEXT_HOP_BY_HOP = 0;
export const OLD_NEXT_SCMP = 1;
export const OLD_NEXT_END_TO_END = 222;
/** Of the current one (SCION assigned protocol numbers). */
export const NEXT_HOP_BY_HOP = 200;
export const NEXT_END_TO_END = 201;
export const NEXT_SCMP = 202;
export const NEXT_BFD = 203;
/** Routers make the path of a BFD packet that much older than the packet, lest a slow neighbour finds it in the future. */
export const BFD_STAMP_EARLIER_SECONDS = 10;
/** Type of the hop-by-hop extension that says that the path is one hop long, in 2018. */
export const OLD_EXTENSION_ONE_HOP = 1;
export const EXTENSIONS_MAX = 8;

export const UDP_LENGTH = 8;

/* SCMP, current: type 1, code 1, checksum 2, then by type. */
export const SCMP_CODE = 1;
export const SCMP_IDENTIFIER = 4;
export const SCMP_SEQUENCE = 6;
export const SCMP_MTU = 6;
export const SCMP_LENGTH_MIN = 8;
/** Types 5 and 6: ISD-AS 8, then the interface (6: ingress and egress), 8 bytes each. */
export const SCMP_INTERFACE = 12;
export const TYPE_UNREACHABLE = 1;
export const TYPE_TOO_BIG = 2;
export const TYPE_PARAMETER = 4;
export const TYPE_EXTERNAL_DOWN = 5;
export const TYPE_INTERNAL_DOWN = 6;
export const TYPE_ECHO_REQUEST = 128;
export const TYPE_ECHO_REPLY = 129;

/* SCMP of 2018: class 2, type 2, length 2, checksum 2, timestamp 8; then 8 bytes of lengths, then the info. */
export const OLD_SCMP_TYPE = 2;
export const OLD_SCMP_HEADER_LENGTH = 16;
export const OLD_SCMP_INFO = 24;
export const OLD_ECHO_SEQUENCE = 32;
export const OLD_OVERSIZE_MTU = 26;
/** After the offsets of the info and the hop field in question. */
export const OLD_PATH_INTERFACE = 28;
export const OLD_CLASS_GENERAL = 0;
export const OLD_CLASS_ROUTING = 1;
export const OLD_CLASS_COMMON_HEADER = 2;
export const OLD_CLASS_PATH = 3;
export const OLD_TYPE_ECHO_REQUEST = 1;
export const OLD_TYPE_ECHO_REPLY = 2;

/*
 * Frame of the gateway (SIG framing protocol): version 1, session 1, index 2, reserved 12 bits, stream 20 bits,
 * sequence 8; then IP packets one behind the other, the first that begins in the frame at `index`.
 */
export const GATEWAY_PORT = 30_056;
export const GATEWAY_HEADER_LENGTH = 16;
export const GATEWAY_SESSION = 1;
export const GATEWAY_INDEX = 2;
export const GATEWAY_RESERVED = 4;
/** No packet begins in the frame. */
export const GATEWAY_INDEX_NONE = 0xffff;
/** Packets that begin in one frame and are followed. */
export const GATEWAY_PACKETS_MAX = 8;
