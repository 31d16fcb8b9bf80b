import type { FrameContext } from '../../src/dissect/frame-context.js';
import { ORIGIN_WHOLE } from '../../src/observe/table.js';
import * as wireguard from './layout.js';

export const PROOF_NONE = 0;
export const PROOF_WEAK = 1;
export const PROOF_STRONG = 2;

/** Of 32 random bytes so many are zero once in 2^26 times; of 16, once in 2^29 times. */
const KEY_ZEROS_MAX = 3;
const TAG_ZEROS_MAX = 3;
/** Packets that the MTU of the tunnel keeps from being padded are about as long as that. */
const UNPADDED_LENGTH_MIN = 1000;

/** Type, zero bytes and length fit. At least DATA_HEADER_LENGTH bytes are there. */
export function hasForm(view: DataView, offset: number, length: number, isWhole: boolean): boolean {
  const type = view.getUint32(offset + wireguard.TYPE, true);
  switch (type) {
    case wireguard.INITIATION:
      return length === wireguard.INITIATION_LENGTH;
    case wireguard.RESPONSE:
      return length === wireguard.RESPONSE_LENGTH;
    case wireguard.COOKIE_REPLY:
      return length === wireguard.COOKIE_REPLY_LENGTH;
    case wireguard.DATA:
      return !isWhole || length >= wireguard.KEEPALIVE_LENGTH;
    default:
      return false;
  }
}

/**
 * On other ports. Initiation and response without a cookie are strong: four fixed bytes, a length, mac2 of zeros beside a
 * key that looks random (random bytes match once in 2^160 times; a structured payload has no such key). The others are weak:
 * four fixed bytes, and for data an index, a counter below 2^32, padding, and a tag that looks random (2^-64).
 */
export function recognise(frame: FrameContext, offset: number, end: number): number {
  const { view } = frame;
  const length = frame.payloadLength;
  if (end - offset < Math.min(length, wireguard.KEEPALIVE_LENGTH)) return PROOF_NONE;
  if (length < wireguard.KEEPALIVE_LENGTH || frame.origin !== ORIGIN_WHOLE) return PROOF_NONE;
  if (!hasForm(view, offset, length, true)) return PROOF_NONE;
  const isCut = end - offset < length;
  switch (view.getUint8(offset + wireguard.TYPE)) {
    case wireguard.INITIATION:
      return isCut ? PROOF_NONE : handshakeClaim(view, offset, end, wireguard.INITIATION_EPHEMERAL);
    case wireguard.RESPONSE:
      return isCut ? PROOF_NONE : handshakeClaim(view, offset, end, wireguard.RESPONSE_EPHEMERAL);
    case wireguard.COOKIE_REPLY:
      return isCut || zerosIn(view, offset + wireguard.COOKIE_NONCE, end) > KEY_ZEROS_MAX
        ? PROOF_NONE
        : PROOF_WEAK;
    default:
      return dataClaim(view, offset, end, length, isCut);
  }
}

function handshakeClaim(view: DataView, offset: number, end: number, ephemeral: number): number {
  const key = offset + ephemeral;
  if (view.getUint32(offset + wireguard.SENDER) === 0) return PROOF_NONE;
  if (zerosIn(view, key, key + wireguard.KEY_LENGTH) > KEY_ZEROS_MAX) return PROOF_NONE;
  const mac2Zeros = zerosIn(view, end - wireguard.MAC_LENGTH, end);
  return mac2Zeros === wireguard.MAC_LENGTH ? PROOF_STRONG : PROOF_WEAK;
}

function dataClaim(view: DataView, offset: number, end: number, length: number, isCut: boolean): number {
  const isPadded = length % wireguard.PADDING === 0 || length >= UNPADDED_LENGTH_MIN;
  if (!isPadded || view.getUint32(offset + wireguard.RECEIVER) === 0) return PROOF_NONE;
  if (view.getUint32(offset + wireguard.COUNTER + 4, true) !== 0) return PROOF_NONE;
  // The tag of a packet that was cut is missing; what is encrypted looks as random.
  const tag = isCut ? offset + wireguard.DATA_HEADER_LENGTH : end - wireguard.MAC_LENGTH;
  return zerosIn(view, tag, tag + wireguard.MAC_LENGTH) > TAG_ZEROS_MAX ? PROOF_NONE : PROOF_WEAK;
}

function zerosIn(view: DataView, from: number, to: number): number {
  let zeros = 0;
  for (let at = from; at < to; at++) if (view.getUint8(at) === 0) zeros++;
  return zeros;
}
