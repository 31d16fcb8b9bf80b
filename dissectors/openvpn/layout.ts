/*
 * First byte of every packet; over TCP a length of two bytes comes before it:
 *
 *    0 1 2 3 4 5 6 7
 *   +-+-+-+-+-+-+-+-+
 *   | opcode  |key id|
 *   +-+-+-+-+-+-+-+-+
 *
 * Control packets (every opcode but the two of data), without wrapping:
 *
 *   0         1                    9    10                10+4n
 *   +---------+--------------------+----+------------------+------------------------+--------------+--------
 *   | op, key | own session id (8) | n  | acknowledged ids | the peer's session id  | message id   | TLS …
 *   +---------+--------------------+----+------------------+------------------------+--------------+--------
 *                                         4 bytes each       8 bytes, only if n > 0   4, not in ACK
 *
 * With tls-auth an HMAC (by digest 16 to 64 bytes), a replay id (4) and the time of the sender (4) stand before n.
 * With tls-crypt replay id and time follow the session id, then a tag (32); all behind it, n included, is encrypted.
 * tls-crypt-v2 appends the wrapped client key, whose last two bytes are its length.
 *
 * Data, version 1 and 2; the packet id is in clear for AEAD ciphers, encrypted for others:
 *
 *   +---------+---------------+-------           +---------+-------------+---------------+-------
 *   | op, key | packet id (4) | …                | op, key | peer id (3) | packet id (4) | …
 *   +---------+---------------+-------           +---------+-------------+---------------+-------
 *
 * From 2.7 on version 2 may have packet ids of 8 bytes: an epoch (2) and a counter (6).
 */
/** UDP and TCP (IANA). */
export const PORT = 1194;

export const OPCODE_SHIFT = 3;
export const KEY_ID_MASK = 0x07;

export const HARD_RESET_CLIENT_V1 = 1;
export const HARD_RESET_SERVER_V1 = 2;
export const SOFT_RESET = 3;
export const CONTROL = 4;
export const ACK = 5;
export const DATA_V1 = 6;
export const HARD_RESET_CLIENT_V2 = 7;
export const HARD_RESET_SERVER_V2 = 8;
export const DATA_V2 = 9;
export const HARD_RESET_CLIENT_V3 = 10;
export const CONTROL_WRAPPED_KEY = 11;

/** Opcodes of the first packets of a session without a wrapped key. */
export function isPlainHardReset(opcode: number): boolean {
  return (
    opcode === HARD_RESET_CLIENT_V1 ||
    opcode === HARD_RESET_SERVER_V1 ||
    opcode === HARD_RESET_CLIENT_V2 ||
    opcode === HARD_RESET_SERVER_V2
  );
}

export const SESSION_ID = 1;
export const ACK_COUNT = 9;
/** Opcode, session id, number of acknowledgments. */
export const CONTROL_LENGTH_MIN = 10;
export const ACKS_MAX = 8;
/** A hard reset of the client without wrapping: the shortest control packet. */
export const RESET_LENGTH_MIN = 14;
/** One of the server, which acknowledges one message, with the longest digest of tls-auth (64 bytes), replay id and time. */
export const HARD_RESET_LENGTH_MAX = 26 + 64 + 8;
export const ID_LENGTH = 4;
export const SESSION_ID_LENGTH = 8;

/** Replay id and time, with tls-auth and tls-crypt. */
export const REPLAY_LENGTH = 8;
export const CRYPT_REPLAY_ID = 9;
export const CRYPT_TIME = 13;
/** Up to the end of the tag. */
export const CRYPT_HEADER_LENGTH = 49;

export const PEER_ID = 1;
export const PEER_ID_UNSET = 0xffffff;
export const DATA_V1_PACKET_ID = 1;
export const DATA_V2_PACKET_ID = 4;
/** Packet id and a tag of 16 bytes, or an HMAC (16 at least) and an IV. */
export const DATA_V1_LENGTH_MIN = 21;
export const DATA_V2_LENGTH_MIN = 24;

/** TLS record: type, version (two bytes, the first one 3), length (two bytes). RFC 8446, section 5.1. */
export const TLS_RECORD_LENGTH = 5;
export const TLS_MAJOR_VERSION = 3;
/** SSL 3.0 to TLS 1.3, which says 1.2. */
export const TLS_MINOR_VERSION_MAX = 4;
export const TLS_TYPE_MIN = 20;
export const TLS_TYPE_MAX = 23;
export const TLS_ALERT = 21;
/** An alert in clear: level and description. */
export const TLS_ALERT_LENGTH = 2;
export const TLS_FATAL = 2;

export const STREAM_LENGTH_LENGTH = 2;

export function isData(opcode: number): boolean {
  return opcode === DATA_V1 || opcode === DATA_V2;
}

export function isClientReset(opcode: number): boolean {
  return (
    opcode === HARD_RESET_CLIENT_V2 || opcode === HARD_RESET_CLIENT_V3 || opcode === HARD_RESET_CLIENT_V1
  );
}

export function isServerReset(opcode: number): boolean {
  return opcode === HARD_RESET_SERVER_V2 || opcode === HARD_RESET_SERVER_V1;
}
