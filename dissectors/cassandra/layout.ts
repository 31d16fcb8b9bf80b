//  0         8        16        24        32        40
// +---------+---------+---------+---------+---------+
// | version |  flags  |      stream       | opcode  |   CQL binary protocol v3 and later, section 2
// +---------+---------+---------+---------+---------+   (v1 and v2: stream is one byte)
// |                length                 |  body …
// +---------+---------+---------+---------+
export const PORT = 9042;

export const VERSION_MASK = 0x7f;
export const RESPONSE_BIT = 0x80;
/** From this version on the stream has two bytes. */
export const VERSION_WIDE_STREAM = 3;
/** From this version on, messages after the first ones travel in frames with checksums. */
export const VERSION_FRAMED = 5;
export const FLAG_COMPRESSED = 0x01;
export const FLAGS_KNOWN = 0x1f;
export const OPCODE_MAX = 16;
export const HEADER_LENGTH_NARROW = 8;
export const HEADER_LENGTH = 9;
/** The protocol's own limit of a body. */
export const BODY_LENGTH_MAX = 256 << 20;

// Frames of version 5: a length of 17 bits and a flag, then a CRC-24 over these three bytes, least significant byte first;
// the payload; a CRC-32 (section 2 of the v5 specification).
export const FRAME_HEADER_LENGTH = 6;
export const FRAME_TRAILER_LENGTH = 4;
export const FRAME_LENGTH_MASK = 0x1ffff;
export const FRAME_SELF_CONTAINED = 0x20000;

export const OPCODE_ERROR = 0x00;
export const OPCODE_STARTUP = 0x01;
export const OPCODE_READY = 0x02;
export const OPCODE_AUTHENTICATE = 0x03;
export const OPCODE_OPTIONS = 0x05;
export const OPCODE_SUPPORTED = 0x06;
export const OPCODE_AUTH_SUCCESS = 0x10;
