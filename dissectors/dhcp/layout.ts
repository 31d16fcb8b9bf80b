//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+---------------+---------------+
// |     op (1)    |   htype (1)   |   hlen (1)    |   hops (1)    |
// |                            xid (4)                            |
// |           secs (2)            |           flags (2)           |
// |                          ciaddr  (4)                          |
// |                          yiaddr  (4)                          |
// |                          siaddr  (4)                          |
// |                          giaddr  (4)                          |
// |                          chaddr  (16)                         |
// |                          sname   (64)                         |
// |                          file    (128)                        |
// |                  99.130.83.99, then options                   |
// +---------------------------------------------------------------+
// RFC 2131, section 2; an option is its number, a length and that many bytes (RFC 2132, section 2).
export const OPERATION = 0;
export const HARDWARE_LENGTH = 2;
export const TRANSACTION = 4;
export const YOUR_ADDRESS = 16;
export const RELAY_ADDRESS = 24;
export const CLIENT_HARDWARE = 28;
export const COOKIE = 236;
export const OPTIONS = 240;

export const MAGIC_COOKIE = 0x6382_5363;
export const ETHERNET_LENGTH = 6;

export const OPTION_PAD = 0;
export const OPTION_INTERFACE_MTU = 26;
export const OPTION_MESSAGE_TYPE = 53;
export const OPTION_SERVER = 54;
export const OPTION_PARAMETERS = 55;
export const OPTION_END = 255;

export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const ACK = 5;
export const NAK = 6;

export const PORT_SERVER = 67;
export const PORT_CLIENT = 68;
