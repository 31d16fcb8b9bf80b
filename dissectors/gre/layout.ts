/*
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |C|R|K|S|s|Recur| A|  Flags |Ver|         Protocol type         |   RFC 2784, section 2; RFC 2890, section 2
 * |      Checksum (if C or R)     |       Offset (if C or R)      |
 * |                          Key (if K)                           |
 * |                   Sequence number (if S)                      |
 * |            Acknowledgment number (if A, version 1)            |   RFC 2637, section 4.1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const FLAGS = 0;
export const PROTOCOL_TYPE = 2;
export const HEADER_LENGTH_MIN = 4;

export const FLAG_CHECKSUM = 0x8000;
/** Source routes; withdrawn by RFC 2784. */
export const FLAG_ROUTING = 0x4000;
export const FLAG_KEY = 0x2000;
export const FLAG_SEQUENCE = 0x1000;
export const FLAG_ACKNOWLEDGMENT = 0x0080;
/** Everything that RFC 2784 wants to be zero, and the version. */
export const RESERVED_AND_VERSION = 0x0fff;
export const VERSION = 0x0007;
/** GRE as PPTP uses it. */
export const VERSION_PPTP = 1;

/** The Cisco keepalive; everything else is an EtherType. */
export const TYPE_KEEPALIVE = 0x0000;
export const TYPE_TRANSPARENT_ETHERNET = 0x6558;
export const TYPE_PPP = 0x880b;
export const TYPE_ERSPAN = 0x88be;
export const TYPE_ERSPAN_III = 0x22eb;

/** MidoNet's flow state packets: one way by design. */
export const KEY_MIDONET_FLOW_STATE = 0xff_ffff;

/*
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Ver  |          VLAN         | COS |En |T|    Session ID     |   ERSPAN type II, draft-foschiano-erspan-03,
 * |       Reserved        |                 Index                 |   section 4.2; type III begins alike
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const ERSPAN_SESSION_MASK = 0x03ff;
export const ERSPAN_II_LENGTH = 8;
export const ERSPAN_III_LENGTH = 12;
/** Last two bytes of the type III header: frame type, hardware, granularity, and O for the sub-header. */
export const ERSPAN_III_FLAGS = 10;
export const ERSPAN_III_OPTION = 0x0001;
/** Frame type of the mirrored packet, 0 Ethernet, 2 IP. */
export const ERSPAN_III_FRAME_TYPE_MASK = 0x7c00;
export const ERSPAN_III_FRAME_TYPE_SHIFT = 10;
export const ERSPAN_III_FRAME_TYPE_IP = 2;
export const ERSPAN_III_OPTION_LENGTH = 8;
