/*
 * Jason A. Donenfeld, "WireGuard: Next Generation Kernel Network Tunnel", section 5.4. Numbers are little-endian. Every
 * message begins with its type and three bytes that are zero:
 *
 *   initiation, 148 bytes                      response, 92 bytes
 *   +------+----------+                        +------+----------+
 *   | 1    | zero (3) |                        | 2    | zero (3) |
 *   +------+----------+                        +------+----------+
 *   | sender index (4)        |                | sender index (4)        |
 *   | ephemeral key (32)      |                | receiver index (4)      |
 *   | static key + tag (48)   |                | ephemeral key (32)      |
 *   | timestamp + tag (28)    |                | tag of nothing (16)     |
 *   | mac1 (16)               |                | mac1 (16)               |
 *   | mac2 (16)               |                | mac2 (16)               |
 *
 *   cookie reply, 64 bytes                     transport data, 32 bytes or more
 *   +------+----------+                        +------+----------+
 *   | 3    | zero (3) |                        | 4    | zero (3) |
 *   +------+----------+                        +------+----------+
 *   | receiver index (4)      |                | receiver index (4)      |
 *   | nonce (24)              |                | counter (8)             |
 *   | cookie + tag (32)       |                | packet + tag (16)       |
 *
 * mac2 is zero unless the sender has a fresh cookie. Packets are padded to a multiple of 16 bytes, unless that would exceed
 * the MTU of the tunnel. A keepalive is transport data with nothing in it.
 */
export const PORT = 51_820;

export const INITIATION = 1;
export const RESPONSE = 2;
export const COOKIE_REPLY = 3;
export const DATA = 4;

/** Type and zero bytes, read as one little-endian number: the type. */
export const TYPE = 0;
export const SENDER = 4;
export const RESPONSE_RECEIVER = 8;
/** Of a cookie reply and of data. */
export const RECEIVER = 4;
export const COUNTER = 8;
export const INITIATION_EPHEMERAL = 8;
export const RESPONSE_EPHEMERAL = 12;
export const COOKIE_NONCE = 8;
export const KEY_LENGTH = 32;
export const MAC_LENGTH = 16;

export const INITIATION_LENGTH = 148;
export const RESPONSE_LENGTH = 92;
export const COOKIE_REPLY_LENGTH = 64;
export const DATA_HEADER_LENGTH = 16;
export const KEEPALIVE_LENGTH = 32;
export const PADDING = 16;
