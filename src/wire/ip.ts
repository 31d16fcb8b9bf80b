//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Version|  IHL  |Type of service|          Total length         |
// |         Identification        |Flags|     Fragment offset     |
// |  Time to live |    Protocol   |        Header checksum        |
// |                        Source address                         |
// |                      Destination address                      |   RFC 791, section 3.1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
export const IPV4_TOTAL_LENGTH = 2;
export const IPV4_IDENTIFICATION = 4;
export const IPV4_FRAGMENT = 6;
export const IPV4_TIME_TO_LIVE = 8;
export const IPV4_PROTOCOL = 9;
export const IPV4_SOURCE = 12;
export const IPV4_DESTINATION = 16;
export const IPV4_HEADER_LENGTH_MIN = 20;
export const IPV4_DONT_FRAGMENT = 0x4000;
export const IPV4_MORE_FRAGMENTS = 0x2000;
/** In units of 8 bytes. */
export const IPV4_OFFSET_MASK = 0x1fff;

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Version| Traffic class |              Flow label               |
// |         Payload length        |  Next header  |   Hop limit   |
// |                    Source address (16 bytes)                  |
// |                 Destination address (16 bytes)                |   RFC 8200, section 3
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
export const IPV6_PAYLOAD_LENGTH = 4;
export const IPV6_NEXT_HEADER = 6;
export const IPV6_HOP_LIMIT = 7;
export const IPV6_SOURCE = 8;
export const IPV6_DESTINATION = 24;
export const IPV6_HEADER_LENGTH = 40;

/** Fragment header: next header, reserved, offset and M, identification (RFC 8200, section 4.5). */
export const IPV6_FRAGMENT_OFFSET = 2;
export const IPV6_FRAGMENT_IDENTIFICATION = 4;
export const IPV6_FRAGMENT_HEADER_LENGTH = 8;
export const IPV6_FRAGMENT_OFFSET_MASK = 0xfff8;
export const IPV6_MORE_FRAGMENTS = 1;

export const PROTOCOL_HOP_BY_HOP = 0;
export const PROTOCOL_ICMP = 1;
export const PROTOCOL_IPIP = 4;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_IPV6 = 41;
export const PROTOCOL_ROUTING = 43;
export const PROTOCOL_FRAGMENT = 44;
export const PROTOCOL_GRE = 47;
export const PROTOCOL_ESP = 50;
export const PROTOCOL_AH = 51;
export const PROTOCOL_ICMPV6 = 58;
export const PROTOCOL_NO_NEXT_HEADER = 59;
export const PROTOCOL_DESTINATION_OPTIONS = 60;
export const PROTOCOL_SCTP = 132;
export const PROTOCOL_MOBILITY = 135;

/** Third word of an IPv4 address in four words (::ffff:0:0/96, RFC 4291, section 2.5.5.2). */
export const IPV4_MAPPED = 0xffff;
