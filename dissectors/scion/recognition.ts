import type { FrameContext } from '../../src/dissect/frame-context.js';
import * as scion from './layout.js';

/** Values of `generation`. */
export const GENERATION_NONE = 0;
export const GENERATION_2018 = 1;
export const GENERATION_CURRENT = 2;

/**
 * Which header a UDP payload carries: only one whose every length agrees with every other counts (README, "Two
 * headers"). Of a datagram that the capture cut, what is left must agree.
 */
export function generationOf(frame: FrameContext, offset: number, end: number): number {
  if (end - offset < scion.CURRENT_COMMON_LENGTH) return GENERATION_NONE;
  const first = frame.view.getUint8(offset);
  if (first >> 4 !== 0) return GENERATION_NONE;
  if (isCurrent(frame, offset, end)) return GENERATION_CURRENT;
  return isOld(frame, offset, end) ? GENERATION_2018 : GENERATION_NONE;
}

function isCurrent(frame: FrameContext, offset: number, end: number): boolean {
  const view = frame.view;
  const headerLength = view.getUint8(offset + scion.CURRENT_HEADER_LENGTH) * 4;
  if (headerLength + view.getUint16(offset + scion.CURRENT_PAYLOAD_LENGTH) !== frame.payloadLength)
    return false;
  if (view.getUint16(offset + scion.CURRENT_RESERVED) !== 0) return false;
  const next = view.getUint8(offset + scion.CURRENT_NEXT_HEADER);
  if (
    next !== scion.NEXT_TCP &&
    next !== scion.NEXT_UDP &&
    (next < scion.NEXT_HOP_BY_HOP || next > scion.NEXT_BFD)
  )
    return false;
  const types = view.getUint8(offset + scion.CURRENT_ADDRESS_TYPES);
  const destination = types >> 4;
  const source = types & 0xf;
  if (
    destination !== scion.CURRENT_IPV4 &&
    destination !== scion.CURRENT_IPV6 &&
    destination !== scion.CURRENT_SERVICE
  )
    return false;
  if (source !== scion.CURRENT_IPV4 && source !== scion.CURRENT_IPV6) return false;
  const path = currentPathOffset(view, offset);
  return hasCurrentPath(
    view,
    offset + path,
    end,
    headerLength - path,
    view.getUint8(offset + scion.CURRENT_PATH_TYPE),
  );
}

/** Offset of the path from the start of the header. */
export function currentPathOffset(view: DataView, offset: number): number {
  const types = view.getUint8(offset + scion.CURRENT_ADDRESS_TYPES);
  return scion.CURRENT_HOSTS + (((types >> 4) & 3) + 1) * 4 + ((types & 3) + 1) * 4;
}

function hasCurrentPath(view: DataView, at: number, end: number, length: number, type: number): boolean {
  if (length < 0) return false;
  if (type === scion.PATH_EMPTY) return length === 0;
  if (type === scion.PATH_ONE_HOP) return length === scion.ONE_HOP_LENGTH;
  if (type === scion.PATH_COLIBRI) return length > 0;
  if (type !== scion.PATH_SCION && type !== scion.PATH_EPIC) return false;
  const prefix = type === scion.PATH_EPIC ? scion.EPIC_PREFIX_LENGTH : 0;
  if (at + prefix + scion.META_LENGTH > end) return true;
  const meta = view.getUint32(at + prefix);
  const first = (meta >>> 12) & 63;
  const second = (meta >>> 6) & 63;
  const third = meta & 63;
  if (first === 0 || (second === 0 && third !== 0)) return false;
  const infos = 1 + (second > 0 ? 1 : 0) + (third > 0 ? 1 : 0);
  const hops = first + second + third;
  if (meta >>> 30 >= infos || ((meta >>> 24) & 63) >= hops) return false;
  return length === prefix + scion.META_LENGTH + infos * scion.INFO_LENGTH + hops * scion.HOP_LENGTH;
}

function isOld(frame: FrameContext, offset: number, end: number): boolean {
  const view = frame.view;
  const total = view.getUint16(offset + scion.OLD_TOTAL_LENGTH);
  if (total !== frame.payloadLength) return false;
  const types = view.getUint16(offset + scion.OLD_TYPES);
  if (
    oldHostLength(types >> 6) === 0 ||
    oldHostLength(types & 63) === 0 ||
    (types & 63) === scion.OLD_SERVICE
  )
    return false;
  const headerLength = view.getUint8(offset + scion.OLD_HEADER_LENGTH) * scion.OLD_LINE;
  const path = oldPathOffset(view, offset);
  if (headerLength > total || headerLength < path) return false;
  const next = view.getUint8(offset + scion.OLD_NEXT_HEADER);
  if (
    next !== scion.OLD_NEXT_HOP_BY_HOP &&
    next !== scion.OLD_NEXT_SCMP &&
    next !== scion.NEXT_TCP &&
    next !== scion.NEXT_UDP &&
    next !== scion.OLD_NEXT_END_TO_END
  )
    return false;
  const info = view.getUint8(offset + scion.OLD_CURRENT_INFO) * scion.OLD_LINE;
  const hop = view.getUint8(offset + scion.OLD_CURRENT_HOP) * scion.OLD_LINE;
  if (headerLength === path) return info === 0 && hop === 0;
  if (info < path || hop <= info || hop > headerLength) return false;
  return hasOldPath(view, offset + path, offset + headerLength, end);
}

/** Offset of the path from the start of the header: the addresses are padded to 8 bytes. */
export function oldPathOffset(view: DataView, offset: number): number {
  const types = view.getUint16(offset + scion.OLD_TYPES);
  const hosts = oldHostLength(types >> 6) + oldHostLength(types & 63);
  return scion.OLD_HOSTS + ((hosts + 7) & ~7);
}

/** 0 for a type that does not exist. */
function oldHostLength(type: number): number {
  if (type === scion.OLD_IPV4) return 4;
  if (type === scion.OLD_IPV6) return 16;
  return type === scion.OLD_SERVICE ? 2 : 0;
}

/** Whether the segments fill the path exactly. */
function hasOldPath(view: DataView, from: number, pathEnd: number, end: number): boolean {
  let at = from;
  for (let segment = 0; segment < scion.SEGMENTS_MAX; segment++) {
    if (at + scion.OLD_LINE > end) return true;
    if ((view.getUint8(at) & scion.OLD_INFO_FLAGS_UNKNOWN) !== 0) return false;
    const hops = view.getUint8(at + scion.OLD_INFO_HOPS);
    if (hops === 0) return false;
    at += (1 + hops) * scion.OLD_LINE;
    if (at === pathEnd) return true;
    if (at > pathEnd) return false;
  }
  return false;
}
