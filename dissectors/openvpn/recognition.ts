import type { FrameContext } from '../../src/dissect/frame-context.js';
import { ORIGIN_FIRST_FRAGMENT, ORIGIN_WHOLE } from '../../src/observe/table.js';
import * as openvpn from './layout.js';
import { PROOF_NONE, PROOF_STRONG, PROOF_WEAK } from './rows.js';

/*
 * Which of the ways to protect the control channel a packet was sent with. Nothing in the packet says so: it is told
 * from the fields that only fit one of them.
 */

/** `controlShape`: no way fits; tls-crypt; otherwise the offset of the number of acknowledgments in the packet. */
export const SHAPE_NONE = 0;
export const SHAPE_TLS_CRYPT = -1;
export const SHAPE_PLAIN = openvpn.ACK_COUNT;

/** Message and replay ids count from 0 and 1 for each key or session; a control channel sends some dozens of packets. */
const COUNTER_MAX = 0xffff;
/** Servers from 2.6 on answer a first reset without keeping state, and mark its replay id so. */
const STATELESS_REPLAY_PREFIX = 0x0f;
/** 2001-09-09 to 2068: a time of day in seconds. Before the first, clocks are unset, and random bytes rarely lie between. */
const TIME_MIN = 1_000_000_000;
const TIME_MAX = 3_100_000_000;
const CRYPT_RESET_LENGTH_MIN = openvpn.CRYPT_HEADER_LENGTH + 5;
/** A wrapped client key is a tag, keys of 256 bytes, metadata, and its length. */
const WRAPPED_KEY_LENGTH_MIN = 290;

/**
 * What `[offset, end)` is as a control packet. False matches of random bytes behind a fitting opcode: plain 2^-21
 * (number of acknowledgments 2^-5, an id below 2^16), tls-auth 2^-35, tls-crypt 2^-17; resets and ACK less, as their length is fixed.
 * @param isWhole false where the packet is cut or goes on in another fragment, so that its length proves nothing.
 */
export function controlShape(
  view: DataView,
  offset: number,
  end: number,
  opcode: number,
  isWhole: boolean,
): number {
  const hasWrappedClientKey =
    opcode === openvpn.HARD_RESET_CLIENT_V3 || opcode === openvpn.CONTROL_WRAPPED_KEY;
  if (hasWrappedClientKey) {
    if (!hasCryptHeader(view, offset, end)) return SHAPE_NONE;
    return !isWhole || hasWrappedKey(view, offset, end) ? SHAPE_TLS_CRYPT : SHAPE_NONE;
  }
  // The strictest first: the first replay ids of tls-crypt would also pass for "no acknowledgment, small message id".
  const auth = authShape(view, offset, end, opcode, isWhole);
  if (auth !== SHAPE_NONE) return auth;
  if (hasCryptHeader(view, offset, end) && (!isWhole || end - offset > openvpn.CRYPT_HEADER_LENGTH)) {
    return SHAPE_TLS_CRYPT;
  }
  return fits(view, offset, openvpn.ACK_COUNT, end, opcode, isWhole) ? SHAPE_PLAIN : SHAPE_NONE;
}

/** HMAC lengths of SHA1 (the default), SHA2-256, 384, 512 and 224, and MD5. */
function authShape(view: DataView, offset: number, end: number, opcode: number, isWhole: boolean): number {
  if (fitsAuth(view, offset, 20, end, opcode, isWhole)) return authAckCount(20);
  if (fitsAuth(view, offset, 32, end, opcode, isWhole)) return authAckCount(32);
  if (fitsAuth(view, offset, 64, end, opcode, isWhole)) return authAckCount(64);
  if (fitsAuth(view, offset, 48, end, opcode, isWhole)) return authAckCount(48);
  if (fitsAuth(view, offset, 28, end, opcode, isWhole)) return authAckCount(28);
  if (fitsAuth(view, offset, 16, end, opcode, isWhole)) return authAckCount(16);
  return SHAPE_NONE;
}

function authAckCount(hmacLength: number): number {
  return openvpn.ACK_COUNT + hmacLength + openvpn.REPLAY_LENGTH;
}

function fitsAuth(
  view: DataView,
  offset: number,
  hmacLength: number,
  end: number,
  opcode: number,
  isWhole: boolean,
): boolean {
  const replay = offset + openvpn.ACK_COUNT + hmacLength;
  if (end - replay < openvpn.REPLAY_LENGTH) return false;
  return (
    isReplayId(view, replay) &&
    isTime(view, replay + openvpn.ID_LENGTH) &&
    fits(view, offset, authAckCount(hmacLength), end, opcode, isWhole)
  );
}

/** Number of acknowledgments, their ids and the message id as they would be were `ackCount` the right place. */
function fits(
  view: DataView,
  offset: number,
  ackCount: number,
  end: number,
  opcode: number,
  isWhole: boolean,
): boolean {
  const length = end - offset;
  if (length <= ackCount) return false;
  const count = view.getUint8(offset + ackCount);
  if (count > openvpn.ACKS_MAX) return false;
  const isAck = opcode === openvpn.ACK;
  const ids = ackCount + 1;
  const remote = ids + count * openvpn.ID_LENGTH;
  const message = remote + (count > 0 ? openvpn.SESSION_ID_LENGTH : 0);
  const header = isAck ? message : message + openvpn.ID_LENGTH;
  if (isWhole ? length < header : length < ids + openvpn.ID_LENGTH) return false;
  if (isWhole && isAck && (length !== header || count === 0)) return false;
  for (let index = 0; index < count; index++) {
    const at = ids + index * openvpn.ID_LENGTH;
    if (length < at + openvpn.ID_LENGTH) break;
    if (view.getUint32(offset + at) > COUNTER_MAX) return false;
  }
  if (isAck || length < header) return count > 0 || !isAck;
  if (openvpn.isClientReset(opcode)) {
    return count === 0 && view.getInt32(offset + message) === 0 && (!isWhole || length === header);
  }
  return view.getUint32(offset + message) <= COUNTER_MAX;
}

function hasCryptHeader(view: DataView, offset: number, end: number): boolean {
  if (end - offset < openvpn.CRYPT_TIME + openvpn.ID_LENGTH) return false;
  return isReplayId(view, offset + openvpn.CRYPT_REPLAY_ID) && isTime(view, offset + openvpn.CRYPT_TIME);
}

function isReplayId(view: DataView, offset: number): boolean {
  const id = view.getUint32(offset);
  if (id > 0 && id <= COUNTER_MAX) return true;
  return id >>> 24 === STATELESS_REPLAY_PREFIX && (id & 0xff_ffff) <= COUNTER_MAX;
}

function isTime(view: DataView, offset: number): boolean {
  const time = view.getUint32(offset);
  return time >= TIME_MIN && time <= TIME_MAX;
}

/** The last two bytes of a packet of tls-crypt-v2 are the length of the wrapped key before them. */
function hasWrappedKey(view: DataView, offset: number, end: number): boolean {
  const length = end - offset;
  if (length < CRYPT_RESET_LENGTH_MIN + WRAPPED_KEY_LENGTH_MIN) return false;
  const keyLength = view.getUint16(end - 2);
  return keyLength >= WRAPPED_KEY_LENGTH_MIN && keyLength <= length - CRYPT_RESET_LENGTH_MIN;
}

/**
 * OpenVPN on a port that nobody owns. Other protocols are not random: headers full of zeros pass for "no acknowledgment, small
 * message id". So session ids, which are random, have to look so. Strong: resets of exact length, packets that name
 * both sessions, a TLS record where it must begin, and everything with tls-auth. Weak: other control packets, and data with
 * a peer id and a packet id as they are in the first hours of a tunnel, and what a first fragment holds of either. The README
 * has the arithmetic.
 */
export function recognise(frame: FrameContext, offset: number, end: number): number {
  const length = end - offset;
  const isFirstFragment = frame.origin === ORIGIN_FIRST_FRAGMENT;
  if (length < openvpn.RESET_LENGTH_MIN || (frame.origin !== ORIGIN_WHOLE && !isFirstFragment))
    return PROOF_NONE;
  const view = frame.view;
  const first = view.getUint8(offset);
  const opcode = first >> openvpn.OPCODE_SHIFT;
  if (opcode < openvpn.SOFT_RESET || opcode > openvpn.CONTROL_WRAPPED_KEY) return PROOF_NONE;
  if (opcode === openvpn.DATA_V2) return recogniseDataV2(view, offset, end);
  if (opcode === openvpn.DATA_V1 || frame.isCut) return PROOF_NONE;
  if (isFirstFragment) {
    const isControl = controlShape(view, offset, end, opcode, false) !== SHAPE_NONE;
    return isControl && looksRandom(view, offset + openvpn.SESSION_ID) ? PROOF_WEAK : PROOF_NONE;
  }
  const isReset = openvpn.isClientReset(opcode) || openvpn.isServerReset(opcode);
  if (isReset && (first & openvpn.KEY_ID_MASK) !== 0) return PROOF_NONE;
  return controlProof(view, offset, end, opcode, controlShape(view, offset, end, opcode, true));
}

/** How sure a whole control packet of that shape is one, as a PROOF_ value; PROOF_NONE: the port alone speaks for it. */
export function controlProof(
  view: DataView,
  offset: number,
  end: number,
  opcode: number,
  shape: number,
): number {
  if (shape === SHAPE_NONE || !looksRandom(view, offset + openvpn.SESSION_ID)) return PROOF_NONE;
  const isReset = openvpn.isClientReset(opcode) || openvpn.isServerReset(opcode);
  if (shape === SHAPE_TLS_CRYPT) return isReset ? PROOF_STRONG : PROOF_WEAK;
  return shape === SHAPE_PLAIN ? plainProof(view, offset, end, opcode) : PROOF_STRONG;
}

function plainProof(view: DataView, offset: number, end: number, opcode: number): number {
  // `controlShape` has seen to its length and zeros.
  if (openvpn.isClientReset(opcode)) return PROOF_STRONG;
  const count = view.getUint8(offset + openvpn.ACK_COUNT);
  const remote = offset + openvpn.CONTROL_LENGTH_MIN + count * openvpn.ID_LENGTH;
  if (count > 0) {
    const isOwn =
      view.getInt32(remote) === view.getInt32(offset + openvpn.SESSION_ID) &&
      view.getInt32(remote + 4) === view.getInt32(offset + openvpn.SESSION_ID + 4);
    return !isOwn && looksRandom(view, remote) ? PROOF_STRONG : PROOF_NONE;
  }
  if (openvpn.isServerReset(opcode)) return PROOF_NONE;
  const record = remote + openvpn.ID_LENGTH;
  if (end - record < openvpn.TLS_RECORD_LENGTH) return PROOF_WEAK;
  const type = view.getUint8(record);
  const isRecord =
    type >= openvpn.TLS_TYPE_MIN &&
    type <= openvpn.TLS_TYPE_MAX &&
    view.getUint8(record + 1) === openvpn.TLS_MAJOR_VERSION &&
    view.getUint8(record + 2) <= openvpn.TLS_MINOR_VERSION_MAX;
  return isRecord ? PROOF_STRONG : PROOF_WEAK;
}

/** Whether eight bytes may be a session id: random ones hold at most one zero and six different values, but for one in a thousand. */
export function looksRandom(view: DataView, offset: number): boolean {
  let zeros = 0;
  let different = 0;
  for (let index = 0; index < openvpn.SESSION_ID_LENGTH; index++) {
    const byte = view.getUint8(offset + index);
    if (byte === 0) zeros++;
    let isNew = 1;
    for (let before = 0; before < index; before++) {
      if (view.getUint8(offset + before) === byte) isNew = 0;
    }
    different += isNew;
  }
  return zeros <= 1 && different >= 6;
}

function recogniseDataV2(view: DataView, offset: number, end: number): number {
  if (end - offset < openvpn.DATA_V2_LENGTH_MIN) return PROOF_NONE;
  const peerId = view.getUint32(offset) & 0xff_ffff;
  if (peerId > COUNTER_MAX && peerId !== openvpn.PEER_ID_UNSET) return PROOF_NONE;
  const packetId = view.getUint32(offset + openvpn.DATA_V2_PACKET_ID);
  return packetId > 0 && packetId < 1 << 26 ? PROOF_WEAK : PROOF_NONE;
}
