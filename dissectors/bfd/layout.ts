/*
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 * |                       My Discriminator                        |
 * |                      Your Discriminator                       |
 * |                    Desired Min TX Interval                    |
 * |                   Required Min RX Interval                    |
 * |                 Required Min Echo RX Interval                 |
 * |   Auth Type   |   Auth Len    |    Authentication Data...     |   RFC 5880, section 4.1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const VERSION_AND_DIAGNOSTIC = 0;
export const STATE_AND_FLAGS = 1;
export const DETECT_MULTIPLIER = 2;
export const LENGTH = 3;
export const MY_DISCRIMINATOR = 4;
export const YOUR_DISCRIMINATOR = 8;
export const DESIRED_MIN_TX = 12;
export const REQUIRED_MIN_RX = 16;
export const REQUIRED_MIN_ECHO_RX = 20;
export const MANDATORY_LENGTH = 24;
export const AUTHENTICATION_TYPE = 24;
/** Type and length of the authentication section, which every type has. */
export const AUTHENTICATION_LENGTH_MIN = 2;

export const VERSION = 1;
export const VERSION_SHIFT = 5;
export const DIAGNOSTIC_MASK = 0x1f;
export const STATE_SHIFT = 6;
export const FLAGS_MASK = 0x3f;
export const FLAG_POLL = 0x20;
export const FLAG_FINAL = 0x10;
export const FLAG_CONTROL_PLANE_INDEPENDENT = 0x08;
export const FLAG_AUTHENTICATION = 0x04;
export const FLAG_DEMAND = 0x02;
export const FLAG_MULTIPOINT = 0x01;

export const STATE_ADMIN_DOWN = 0;
export const STATE_DOWN = 1;
export const STATE_INIT = 2;
export const STATE_UP = 3;

export const DIAGNOSTIC_TIME_EXPIRED = 1;
export const DIAGNOSTIC_NEIGHBOR_DOWN = 3;
export const DIAGNOSTIC_ADMIN_DOWN = 7;

/** RFC 5881 section 4, RFC 5883 section 5, RFC 7130 section 2.1, RFC 7881 section 2. */
export const PORT_SINGLE_HOP = 3784;
export const PORT_ECHO = 3785;
export const PORT_MULTIHOP = 4784;
export const PORT_MICRO = 6784;
export const PORT_REFLECTOR = 7784;

/** RFC 5881, section 5: what a single hop must leave untouched. */
export const TTL_SINGLE_HOP = 255;

/** `carrier`: how the packet travels. */
export const CARRIER_SINGLE_HOP = 1;
export const CARRIER_MULTIHOP = 2;
export const CARRIER_MICRO = 3;
/** In a packet of another protocol than UDP over IP. */
export const CARRIER_OTHER = 4;
/** Seamless BFD: to the port of the reflector, and its answers from there (RFC 7881, section 4). */
export const CARRIER_TO_REFLECTOR = 5;
export const CARRIER_FROM_REFLECTOR = 6;
