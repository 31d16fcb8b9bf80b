/*
 * Two protocols share the port (ZooKeeper Programmer's Guide and Administrator's Guide). Administrators send a four-letter word in clear text
 * and get text back. Clients send and receive records behind a length of 4 bytes:
 *
 *   connect request    version 4 (0), last zxid 8, timeout in ms 4, session 8, password length 4 (16), password 16 [, read-only 1]
 *   connect response   version 4 (0), timeout in ms 4, session 8 (0: refused, expired), password length 4 (16), password 16 [, read-only 1]
 *   request            xid 4, operation 4, …
 *   response           xid 4, zxid 8, error 4, …
 */
export const PORT = 2181;

/** Records; offsets count from the length in front. */
export const LENGTH_PREFIX = 4;
export const RECORD_LENGTH_MIN = 8;
/** jute.maxbuffer is 1 MiB by default; operators raise it, hardly beyond this. */
export const RECORD_LENGTH_LIMIT = 1 << 24;

export const VERSION = 4;
export const PASSWORD_LENGTH = 16;
export const REQUEST_TIMEOUT = 16;
export const REQUEST_PASSWORD_LENGTH = 28;
export const CONNECT_REQUEST_LENGTH = 48;
export const RESPONSE_TIMEOUT = 8;
export const RESPONSE_SESSION = 12;
export const RESPONSE_PASSWORD_LENGTH = 20;
export const CONNECT_RESPONSE_LENGTH = 40;

export const XID = 4;
export const OPERATION = 8;
export const PING_LENGTH = 12;
export const ERROR = 16;
export const REPLY_LENGTH = 20;

export const XID_PING = -2;
export const OPERATION_PING = 11;
export const OPERATION_CLOSE = -11;
export const ERROR_SESSION_EXPIRED = -112;

/** Four-letter words and what begins an answer, as numbers. */
export const WORD_RUOK = 0x72756f6b;
export const WORD_IMOK = 0x696d6f6b;

/** `kind` column. */
export const KIND_TEXT = 1;
export const KIND_CONNECT_REQUEST = 2;
export const KIND_CONNECT_RESPONSE = 3;
export const KIND_PING = 4;
export const KIND_PING_REPLY = 5;
export const KIND_EXPIRED = 6;
export const KIND_CLOSE = 7;
