/*
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                                                               |
 * +                                                               +
 * |                   Marker, 16 bytes of ones                    |
 * +                                                               +
 * |                                                               |
 * +                                                               +
 * |                                                               |
 * |          Length               |      Type     |               |   RFC 4271, section 4.1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const MARKER_LENGTH = 16;
export const LENGTH = 16;
export const TYPE = 18;
export const HEADER_LENGTH = 19;

export const TYPE_OPEN = 1;
export const TYPE_UPDATE = 2;
export const TYPE_NOTIFICATION = 3;
export const TYPE_KEEPALIVE = 4;
export const TYPE_ROUTE_REFRESH = 5;
/** No message: a row of one route. No type of RFC 4271 and its successors is as high. */
export const ROW_ROUTE = 0x80;

/** OPEN (RFC 4271, section 4.2). */
export const OPEN_VERSION = 19;
export const OPEN_AS = 20;
export const OPEN_HOLD_TIME = 22;
export const OPEN_IDENTIFIER = 24;
export const OPEN_PARAMETERS_LENGTH = 28;
export const OPEN_LENGTH_MIN = 29;
/** Optional parameters; 255 in place of their length, and again as the first type: lengths of two bytes (RFC 9072). */
export const PARAMETER_CAPABILITIES = 2;
export const PARAMETERS_EXTENDED = 255;

export const CAPABILITY_MULTIPROTOCOL = 1;
export const CAPABILITY_ROUTE_REFRESH = 2;
export const CAPABILITY_EXTENDED_NEXT_HOP = 5;
export const CAPABILITY_EXTENDED_MESSAGE = 6;
export const CAPABILITY_GRACEFUL_RESTART = 64;
export const CAPABILITY_FOUR_BYTE_AS = 65;
export const CAPABILITY_ADD_PATH = 69;

/** `capabilities`: bits by capability; all others together are HAS_OTHER. */
export const HAS_MULTIPROTOCOL = 0x01;
export const HAS_ROUTE_REFRESH = 0x02;
export const HAS_EXTENDED_NEXT_HOP = 0x04;
export const HAS_EXTENDED_MESSAGE = 0x08;
export const HAS_GRACEFUL_RESTART = 0x10;
export const HAS_FOUR_BYTE_AS = 0x20;
export const HAS_ADD_PATH = 0x40;
export const HAS_OTHER = 0x80;

/** UPDATE (RFC 4271, section 4.3). */
export const UPDATE_WITHDRAWN_LENGTH = 19;
export const UPDATE_LENGTH_MIN = 23;
export const ATTRIBUTE_EXTENDED_LENGTH = 0x10;
export const ATTRIBUTE_MP_REACH = 14;
export const ATTRIBUTE_MP_UNREACH = 15;
/** MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760): AFI, SAFI, and of the first then the next hop behind its length. */
export const MP_SAFI = 2;
export const MP_NEXT_HOP = 3;
export const AFI_IPV4 = 1;
export const AFI_IPV6 = 2;
export const SAFI_UNICAST = 1;

/** NOTIFICATION (RFC 4271, section 4.5). */
export const NOTIFICATION_CODE = 19;
export const NOTIFICATION_SUBCODE = 20;
export const NOTIFICATION_DATA = 21;

export const CODE_OPEN = 2;
export const CODE_HOLD_TIMER = 4;
export const CODE_CEASE = 6;
export const CEASE_ADMIN_SHUTDOWN = 2;
export const CEASE_DECONFIGURED = 3;
export const CEASE_ADMIN_RESET = 4;
export const CEASE_CONFIGURATION_CHANGE = 6;
export const CEASE_COLLISION = 7;
/** RFC 8538, section 3: code and subcode of the reason follow as data. */
export const CEASE_HARD_RESET = 9;
export const CEASE_BFD_DOWN = 10;

export const ROUTE_REFRESH_LENGTH_MIN = 23;

/** Without capability 6 (RFC 8654) no message is longer. */
export const MESSAGE_LENGTH_MAX = 4096;
/** So long a message would be a marker read one byte too early. */
export const LENGTH_IMPLAUSIBLE = 0xff00;

export const PORT_BGP = 179;
