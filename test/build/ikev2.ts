import { concat, u8, u16, zeros } from './bytes.js';
import { isakmp, isakmpOf, type Payload, payloadChain, type Spis } from './isakmp.js';

export const EXCHANGE_V2 = { ikeSaInit: 34, ikeAuth: 35, createChildSa: 36, informational: 37 } as const;
const PAYLOAD_V2 = { sa: 33, ke: 34, idi: 35, idr: 36, nonce: 40, notify: 41, sk: 46, skf: 53 } as const;
const FLAG_INITIATOR = 0x08;
const FLAG_RESPONSE = 0x20;
const VERSION_2 = 0x20;

/** One proposal: AES-CBC-128, PRF and integrity by HMAC-SHA2-256, 2048-bit MODP (RFC 7296 section 3.3). */
export function saV2(): Payload {
  const keyLength = concat(u16(0x8000 | 14), u16(128));
  const transforms: readonly [number, number, Uint8Array][] = [
    [1, 12, keyLength],
    [2, 5, zeros(0)],
    [3, 12, zeros(0)],
    [4, 14, zeros(0)],
  ];
  const chain = payloadChain(
    transforms.map(([type, id, attributes]) => ({
      type: 3,
      body: concat(u8(type), u8(0), u16(id), attributes),
    })),
  );
  const proposal = payloadChain([
    { type: 2, body: concat(u8(1), u8(1), u8(0), u8(transforms.length), chain) },
  ]);
  return { type: PAYLOAD_V2.sa, body: proposal };
}

/** RFC 7296 section 3.4; group 14 has 256 bytes. */
export function keyExchangeV2(key: Uint8Array, group = 14): Payload {
  return { type: PAYLOAD_V2.ke, body: concat(u16(group), u16(0), key) };
}

export function nonceV2(nonce: Uint8Array): Payload {
  return { type: PAYLOAD_V2.nonce, body: nonce };
}

/** RFC 7296 section 3.10, without SPI. */
export function notifyV2(type: number, data: Uint8Array = zeros(0)): Payload {
  return { type: PAYLOAD_V2.notify, body: concat(u8(0), u8(0), u16(type), data) };
}

/** Who sends: the original initiator or responder of the IKE SA, and whether it is a response. */
export interface Sender {
  originalInitiator: boolean;
  response: boolean;
}

function flagsOf(sender: Sender): number {
  return (sender.originalInitiator ? FLAG_INITIATOR : 0) | (sender.response ? FLAG_RESPONSE : 0);
}

export function ikeSaInitRequest(spis: Spis, payloads: readonly Payload[]): Uint8Array {
  const header = { ...spis, responderSpi: zeros(8), version: VERSION_2, exchangeType: EXCHANGE_V2.ikeSaInit };
  return isakmp({ ...header, flags: FLAG_INITIATOR, messageId: 0 }, payloads);
}

export function ikeSaInitResponse(spis: Spis, payloads: readonly Payload[]): Uint8Array {
  const header = { ...spis, version: VERSION_2, exchangeType: EXCHANGE_V2.ikeSaInit };
  return isakmp({ ...header, flags: FLAG_RESPONSE, messageId: 0 }, payloads);
}

/** A response in clear of a host that does not know the IKE SA of the request (RFC 7296 section 2.21.4). */
export function informationalClearV2(
  spis: Spis,
  messageId: number,
  originalInitiator: boolean,
  payloads: readonly Payload[],
): Uint8Array {
  const flags = flagsOf({ originalInitiator, response: true });
  const header = { ...spis, version: VERSION_2, exchangeType: EXCHANGE_V2.informational };
  return isakmp({ ...header, flags, messageId }, payloads);
}

export interface Encrypted extends Sender {
  exchangeType: number;
  messageId: number;
  /** Type of the first payload inside. */
  firstPayload?: number;
  /** IV, ciphertext and ICV: the SK payload is 4 bytes longer. */
  encrypted: Uint8Array;
}

/** A message with an SK payload (RFC 7296 section 3.14). */
export function encryptedV2(spis: Spis, message: Encrypted): Uint8Array {
  const { exchangeType, messageId, encrypted } = message;
  const header = { ...spis, version: VERSION_2, exchangeType, flags: flagsOf(message), messageId };
  const first = message.firstPayload ?? firstPayloadOf(message);
  return isakmpOf(header, PAYLOAD_V2.sk, payloadChain([{ type: PAYLOAD_V2.sk, body: encrypted }], first));
}

/** The same message as fragments (RFC 7383 section 2.5), one ISAKMP message for each of `parts`. */
export function encryptedFragments(
  spis: Spis,
  message: Omit<Encrypted, 'encrypted'>,
  parts: readonly Uint8Array[],
): Uint8Array[] {
  const { exchangeType, messageId } = message;
  const header = { ...spis, version: VERSION_2, exchangeType, flags: flagsOf(message), messageId };
  return parts.map((part, i) => {
    const body = concat(u16(i + 1), u16(parts.length), part);
    const next = i === 0 ? (message.firstPayload ?? firstPayloadOf(message)) : 0;
    return isakmpOf(header, PAYLOAD_V2.skf, payloadChain([{ type: PAYLOAD_V2.skf, body }], next));
  });
}

function firstPayloadOf(message: Sender & { exchangeType: number }): number {
  if (message.exchangeType === EXCHANGE_V2.ikeAuth) return message.response ? PAYLOAD_V2.idr : PAYLOAD_V2.idi;
  return message.exchangeType === EXCHANGE_V2.createChildSa ? PAYLOAD_V2.sa : 0;
}
