import { concat, u8, u16, u32, zeros } from './bytes.js';
import { isakmp, isakmpOf, type Payload, payloadChain, type Spis } from './isakmp.js';

export const EXCHANGE_V1 = {
  mainMode: 2,
  aggressive: 4,
  informational: 5,
  transaction: 6,
  quickMode: 32,
} as const;
const PAYLOAD_V1 = {
  sa: 1,
  ke: 4,
  id: 5,
  hash: 8,
  nonce: 10,
  notification: 11,
  vendorId: 13,
  natD: 20,
} as const;
const ENCRYPTED = 0x01;
const VERSION_1 = 0x10;
const DOI_IPSEC = 1;

/** Attribute in short form (RFC 2408 section 3.3). */
function attribute(type: number, value: number): Uint8Array {
  return concat(u16(0x8000 | type), u16(value));
}

/** One AES-128, PSK, 2048-bit MODP proposal; `hash`: 2 SHA-1, 4 SHA2-256. */
/** `authentication`: 1 is a PSK, 65001 XAUTH with a PSK. */
export function saV1({
  hash = 2,
  authentication = 1,
}: {
  hash?: number;
  authentication?: number;
} = {}): Payload {
  const attributes = concat(
    attribute(1, 7),
    attribute(14, 128),
    attribute(2, hash),
    attribute(4, 14),
    attribute(3, authentication),
    attribute(11, 1),
    attribute(12, 3600),
  );
  const transform = payloadChain([{ type: 3, body: concat(u8(0), u8(1), u16(0), attributes) }]);
  const proposal = payloadChain([{ type: 2, body: concat(u8(0), u8(1), u8(0), u8(1), transform) }]);
  return { type: PAYLOAD_V1.sa, body: concat(u32(DOI_IPSEC), u32(1), proposal) };
}

export function vendorId(id: Uint8Array): Payload {
  return { type: PAYLOAD_V1.vendorId, body: id };
}

export function keyExchangeV1(key: Uint8Array): Payload {
  return { type: PAYLOAD_V1.ke, body: key };
}

export function nonceV1(nonce: Uint8Array): Payload {
  return { type: PAYLOAD_V1.nonce, body: nonce };
}

export function hashV1(hash: Uint8Array): Payload {
  return { type: PAYLOAD_V1.hash, body: hash };
}

export function natD(hash: Uint8Array): Payload {
  return { type: PAYLOAD_V1.natD, body: hash };
}

/** An ID_IPV4_ADDR identification (RFC 2407 section 4.6.2) of the given address bytes. */
export function identification(ipAddress: Uint8Array): Payload {
  return { type: PAYLOAD_V1.id, body: concat(u8(1), u8(0), u16(0), ipAddress) };
}

/** A notification about the ISAKMP SA, its cookies as SPI (RFC 2408 section 3.14). */
export function notificationV1(type: number, spis: Spis): Payload {
  const spi = concat(spis.initiatorSpi, spis.responderSpi);
  const body = concat(u32(DOI_IPSEC), u8(1), u8(spi.length), u16(type), spi);
  return { type: PAYLOAD_V1.notification, body };
}

/** MI1: `spis.responderSpi` is not sent. */
export function mainMode1(spis: Spis, payloads: readonly Payload[]): Uint8Array {
  return messageV1({ ...spis, responderSpi: zeros(8) }, EXCHANGE_V1.mainMode, 0, payloads);
}

/** MR1, MI2 and MR2. */
export function mainModeClear(spis: Spis, payloads: readonly Payload[]): Uint8Array {
  return messageV1(spis, EXCHANGE_V1.mainMode, 0, payloads);
}

/** MI3 and MR3: `ciphertext` is a multiple of the block size. */
export function mainModeEncrypted(spis: Spis, ciphertext: Uint8Array): Uint8Array {
  return encryptedV1(spis, EXCHANGE_V1.mainMode, 0, PAYLOAD_V1.id, ciphertext);
}

/** AI1 (responder cookie zero) and AR1; AI2 is `aggressiveEncrypted`. */
export function aggressive(spis: Spis, payloads: readonly Payload[]): Uint8Array {
  return messageV1(spis, EXCHANGE_V1.aggressive, 0, payloads);
}

export function aggressiveEncrypted(spis: Spis, ciphertext: Uint8Array): Uint8Array {
  return encryptedV1(spis, EXCHANGE_V1.aggressive, 0, PAYLOAD_V1.hash, ciphertext);
}

/** QI1, QR1 and QI2 share a message id that is not zero. */
export function quickMode(spis: Spis, messageId: number, ciphertext: Uint8Array): Uint8Array {
  return encryptedV1(spis, EXCHANGE_V1.quickMode, messageId, PAYLOAD_V1.hash, ciphertext);
}

/** Mode config and XAUTH. */
export function transaction(spis: Spis, messageId: number, ciphertext: Uint8Array): Uint8Array {
  return encryptedV1(spis, EXCHANGE_V1.transaction, messageId, PAYLOAD_V1.hash, ciphertext);
}

export function informationalEncrypted(spis: Spis, messageId: number, ciphertext: Uint8Array): Uint8Array {
  return encryptedV1(spis, EXCHANGE_V1.informational, messageId, PAYLOAD_V1.hash, ciphertext);
}

/** An informational with a notify in clear, as a peer sends it that cannot decrypt. */
export function informationalClear(spis: Spis, messageId: number, notifyType: number): Uint8Array {
  return messageV1(spis, EXCHANGE_V1.informational, messageId, [notificationV1(notifyType, spis)]);
}

function messageV1(
  spis: Spis,
  exchangeType: number,
  messageId: number,
  payloads: readonly Payload[],
): Uint8Array {
  return isakmp({ ...spis, version: VERSION_1, exchangeType, flags: 0, messageId }, payloads);
}

function encryptedV1(
  spis: Spis,
  exchangeType: number,
  messageId: number,
  firstPayload: number,
  ciphertext: Uint8Array,
): Uint8Array {
  const header = { ...spis, version: VERSION_1, exchangeType, flags: ENCRYPTED, messageId };
  return isakmpOf(header, firstPayload, ciphertext);
}
