/*
 *                                 1  1  1  1  1  1
 *   0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * |                      ID                       |
 * |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
 * |                    QDCOUNT                    |
 * |                    ANCOUNT                    |
 * |                    NSCOUNT                    |
 * |                    ARCOUNT                    |   RFC 1035, section 4.1.1
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 */
export const ID = 0;
export const FLAGS = 2;
export const QUESTIONS = 4;
export const ANSWERS = 6;
export const AUTHORITIES = 8;
export const HEADER_LENGTH = 12;

export const FLAG_RESPONSE = 0x8000;
export const OPCODE_MASK = 0x7800;
export const OPCODE_SHIFT = 11;
export const FLAG_TRUNCATED = 0x0200;
export const FLAG_RECURSION_DESIRED = 0x0100;
export const FLAG_RECURSION_AVAILABLE = 0x0080;
export const RCODE_MASK = 0x000f;

/** Query, inverse query, status, notify, update, stateful operations. */
export const OPCODE_QUERY = 0;
export const OPCODE_MAX = 6;

/** Labels hold up to 63 bytes, a name up to 255 (RFC 1035, section 2.3.4). */
export const LABEL_MAX = 63;
export const NAME_LENGTH_MAX = 255;

export const TYPE_A = 1;
export const TYPE_AAAA = 28;
export const TYPE_PTR = 12;

/** Type and class behind a question's name (RFC 1035, section 4.1.2). */
export const QUESTION_LENGTH = 4;

/** OPT record: root name, type, payload size, then the upper bits of the RCODE (RFC 6891, section 6.1.2). */
export const TYPE_OPT = 41;
export const OPT_TYPE = 1;
export const OPT_EXTENDED_RCODE = 5;
export const OPT_LENGTH_MIN = 11;

/** In front of a message over TCP (RFC 1035, section 4.2.2). */
export const TCP_LENGTH_PREFIX = 2;

export const PORT_MDNS = 5353;
export const PORT_LLMNR = 5355;
