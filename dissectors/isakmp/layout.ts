/*
 * Numbers of ISAKMP (RFC 2408), IKEv1 (RFC 2409) and IKEv2 (RFC 7296) that the dissector, the correlator
 * and the diagnoses share.
 */

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |              Initiator cookie, IKE SA initiator's SPI         |
// |                                                               |
// |              Responder cookie, IKE SA responder's SPI         |
// |                                                               |
// |  Next payload | MjVer | MnVer | Exchange type |     Flags     |
// |                          Message id                           |
// |                            Length                             |   RFC 2408, section 3.1;
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   RFC 7296, section 3.1
export const INITIATOR_SPI = 0;
export const RESPONDER_SPI = 8;
export const NEXT_PAYLOAD = 16;
export const VERSION = 17;
export const EXCHANGE_TYPE = 18;
export const FLAGS = 19;
export const MESSAGE_ID = 20;
export const MESSAGE_LENGTH = 24;
export const HEADER_LENGTH = 28;
/**
 * Stands for a length that no line of a text says: of no message that is told by being short, and of none that daemons send.
 * It is never printed.
 */
export const LENGTH_UNTOLD = 229;

export const VERSION_1 = 1;
export const VERSION_2 = 2;

export const V1_ENCRYPTED = 0x01;
export const V1_FLAGS = 0x07;
export const V2_INITIATOR = 0x08;
export const V2_RESPONSE = 0x20;
export const V2_FLAGS = 0x38;

export const EXCHANGE_BASE = 1;
export const EXCHANGE_MAIN = 2;
export const EXCHANGE_AUTHENTICATION_ONLY = 3;
export const EXCHANGE_AGGRESSIVE = 4;
export const EXCHANGE_V1_INFORMATIONAL = 5;
export const EXCHANGE_TRANSACTION = 6;
export const EXCHANGE_QUICK = 32;
export const EXCHANGE_NEW_GROUP = 33;
export const EXCHANGE_SA_INIT = 34;
export const EXCHANGE_AUTH = 35;
export const EXCHANGE_CREATE_CHILD = 36;
export const EXCHANGE_V2_INFORMATIONAL = 37;
export const EXCHANGE_SESSION_RESUME = 38;
export const EXCHANGE_INTERMEDIATE = 43;
export const EXCHANGE_FOLLOWUP_KE = 44;

/** Kinds of payload that were readable in a message, as bits of the column `payloads`. */
export const HAS_SA = 1 << 0;
export const HAS_KEY_EXCHANGE = 1 << 1;
export const HAS_NONCE = 1 << 2;
export const HAS_IDENTIFICATION = 1 << 3;
export const HAS_CERTIFICATE = 1 << 4;
export const HAS_HASH = 1 << 5;
export const HAS_NOTIFY = 1 << 6;
export const HAS_DELETE = 1 << 7;
export const HAS_VENDOR_ID = 1 << 8;
export const HAS_ENCRYPTED = 1 << 9;
export const HAS_FRAGMENT = 1 << 10;

/** Status notifies of IKEv2 and IKEv1 of interest, as bits of the column `statuses`. */
export const STATUS_NAT_DETECTION_SOURCE = 1 << 0;
export const STATUS_NAT_DETECTION_DESTINATION = 1 << 1;
export const STATUS_COOKIE = 1 << 2;
export const STATUS_REDIRECT = 1 << 3;
export const STATUS_FRAGMENTATION_SUPPORTED = 1 << 4;
export const STATUS_INITIAL_CONTACT = 1 << 5;
export const STATUS_DEAD_PEER_DETECTION = 1 << 6;
export const STATUS_INTERMEDIATE = 1 << 7;

/** Vendor ids, as bits of the column `vendors`. */
export const VENDOR_NAT_T = 1 << 0;
export const VENDOR_NAT_T_DRAFT = 1 << 1;
export const VENDOR_DPD = 1 << 2;
export const VENDOR_FRAGMENTATION = 1 << 3;
export const VENDOR_XAUTH = 1 << 4;
export const VENDOR_UNITY = 1 << 5;
export const VENDOR_STRONGSWAN = 1 << 6;
export const VENDOR_RACOON = 1 << 7;
export const VENDOR_OPENSWAN_FAMILY = 1 << 8;
export const VENDOR_LIBRESWAN = 1 << 9;
export const VENDOR_WINDOWS = 1 << 10;
export const VENDOR_CISCO = 1 << 11;

/** Hashes over addresses that a message carries, as bits of the column `natHashes`. */
export const NAT_DESTINATION = 1 << 0;
export const NAT_SOURCE = 1 << 1;
/** A second source hash: the sender has more than one address, or does not know which one it uses. */
export const NAT_SECOND_SOURCE = 1 << 2;

/** Transforms of a proposal that are kept one by one. */
export const TRANSFORMS_KEPT = 16;

export const NOTIFY_INVALID_COOKIE_OR_SPI = 4;
export const NOTIFY_INVALID_MAJOR_VERSION = 5;
export const NOTIFY_NO_PROPOSAL_CHOSEN = 14;
export const NOTIFY_V1_PAYLOAD_MALFORMED = 16;
export const NOTIFY_V2_INVALID_KE_PAYLOAD = 17;
export const NOTIFY_V1_INVALID_ID_INFORMATION = 18;
export const NOTIFY_AUTHENTICATION_FAILED = 24;
/** First status type; every type below it is an error (RFC 7296, section 3.10.1; RFC 2408, section 3.14.1). */
export const NOTIFY_STATUS_FIRST = 16_384;
