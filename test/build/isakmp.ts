import { createHash } from 'node:crypto';
import { address } from './address.js';
import { concat, hex, u8, u16, u32, zeros } from './bytes.js';

/** One payload of an ISAKMP message, without its generic header. */
export interface Payload {
  type: number;
  body: Uint8Array;
}

export interface IsakmpHeader {
  initiatorSpi: Uint8Array;
  responderSpi?: Uint8Array;
  /** 0x10 IKEv1, 0x20 IKEv2. */
  version: number;
  exchangeType: number;
  flags: number;
  messageId: number;
}

/** A message in clear: header (RFC 2408 section 3.1, RFC 7296 section 3.1) and a chain of payloads. */
export function isakmp(header: IsakmpHeader, payloads: readonly Payload[]): Uint8Array {
  return isakmpOf(header, payloads[0]?.type ?? 0, payloadChain(payloads));
}

/** A message whose body is given as bytes: IKEv1 ciphertext, or what a test wants to be wrong. */
export function isakmpOf(header: IsakmpHeader, nextPayload: number, body: Uint8Array): Uint8Array {
  return concat(
    header.initiatorSpi,
    header.responderSpi ?? zeros(8),
    u8(nextPayload),
    u8(header.version),
    u8(header.exchangeType),
    u8(header.flags),
    u32(header.messageId),
    u32(28 + body.length),
    body,
  );
}

/** Generic payload headers (RFC 2408 section 3.2) chained; `last` is the next-payload value of the last one. */
export function payloadChain(payloads: readonly Payload[], last = 0): Uint8Array {
  return concat(
    ...payloads.map(({ body }, i) =>
      concat(u8(payloads[i + 1]?.type ?? last), u8(0), u16(4 + body.length), body),
    ),
  );
}

/** Vendor ids, by what they announce. */
export const VENDOR_ID = {
  natTraversal: hex('4a131c81070358455c5728f20e95452f'), // "RFC 3947"
  natTraversalDraft02: hex('90cb80913ebb696e086381b5ec427b1f'),
  deadPeerDetection: hex('afcad71368a1f1c96b8696fc77570100'),
  fragmentation: hex('4048b7d56ebce88525e7de7f00d6c2d380000000'),
  xauth: hex('09002689dfd6b712'),
} as const;

/** Name, as the field knows it, to the number that stands in a notify payload. */
export const NOTIFY_V1 = {
  invalidMajorVersion: 5,
  noProposalChosen: 14,
  payloadMalformed: 16,
  invalidIdInformation: 18,
  authenticationFailed: 24,
} as const;

export const NOTIFY_V2 = {
  invalidIkeSpi: 4,
  noProposalChosen: 14,
  invalidKePayload: 17,
  authenticationFailed: 24,
  natDetectionSourceIp: 16_388,
  natDetectionDestinationIp: 16_389,
  cookie: 16_390,
  fragmentationSupported: 16_430,
  signatureHashAlgorithms: 16_431,
} as const;

export interface Spis {
  initiatorSpi: Uint8Array;
  responderSpi: Uint8Array;
}

/**
 * The hash of NAT-D (RFC 3947 section 3.2, with the negotiated hash) and of the NAT_DETECTION notifies
 * (RFC 7296 section 2.23, SHA-1): HASH(initiator SPI | responder SPI | IP | port).
 */
export function natDetectionHash(
  algorithm: 'sha1' | 'sha256',
  spis: Spis,
  ipAddress: string,
  port: number,
): Uint8Array {
  const input = concat(spis.initiatorSpi, spis.responderSpi, address(ipAddress), u16(port));
  return new Uint8Array(createHash(algorithm).update(input).digest());
}

/** IKE on port 4500 (RFC 3948 section 2.2): four zero bytes where ESP has its SPI. */
export function withNonEspMarker(message: Uint8Array): Uint8Array {
  return concat(zeros(4), message);
}

/** RFC 3948 section 2.3. */
export const NAT_KEEPALIVE = Uint8Array.of(0xff);
