import { fold, sumOf } from './checksum.js';
import type { Renaming } from './renaming.js';

/**
 * Bytes that are equal where the old ones were. Their sum stays: the checksum of a datagram whose other fragments hold the
 * rest of it fits as well as before.
 */
export function scramble(view: DataView, bytes: Uint8Array, from: number, to: number, names: Renaming): void {
  const length = to - from;
  if (length <= 0) return;
  const before = sumOf(view, from, to);
  bytes.set(names.stream(bytes.subarray(from, to), length), from);
  if (length < 2) return;
  const last = from + length - (length & 1) - 2;
  const word = view.getUint16(last);
  view.setUint16(last, fold(word + before + (~sumOf(view, from, to) & 0xffff)));
}
