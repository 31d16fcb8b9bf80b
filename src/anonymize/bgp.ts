import type { Renaming } from './renaming.js';

const MARKER_LENGTH = 16;
const HEADER = 19;
const OPEN = 1;
const UPDATE = 2;
const NOTIFICATION = 3;
const NEXT_HOP = 3;
const EXTENDED_LENGTH = 0x10;

/**
 * BGP messages (RFC 4271, section 4) that begin with the segment: prefixes, next hops and identifiers get other numbers,
 * what a notification says in words other letters.
 * @returns where what is understood ends
 */
export function rewriteBgp(
  view: DataView,
  bytes: Uint8Array,
  from: number,
  to: number,
  names: Renaming,
): number {
  let at = from;
  while (at + HEADER <= to) {
    if (!bytes.subarray(at, at + MARKER_LENGTH).every((byte) => byte === 0xff)) return at;
    const length = view.getUint16(at + 16);
    const end = at + length;
    if (length < HEADER || end > to) return at + HEADER;
    const type = view.getUint8(at + 18);
    const body = at + HEADER;
    if (type === OPEN && length >= 29) bytes.set(names.address(bytes.slice(body + 5, body + 9)), body + 5);
    else if (type === UPDATE) rewriteUpdate(view, bytes, body, end, names);
    else if (type === NOTIFICATION && end > body + 3)
      bytes.set(names.word(bytes.slice(body + 3, end)), body + 3);
    at = end;
  }
  return at;
}

function rewriteUpdate(view: DataView, bytes: Uint8Array, from: number, to: number, names: Renaming): void {
  if (to - from < 4) return;
  const withdrawnEnd = Math.min(to, from + 2 + view.getUint16(from));
  rewritePrefixes(view, bytes, from + 2, withdrawnEnd, names);
  if (withdrawnEnd + 2 > to) return;
  const attributesEnd = Math.min(to, withdrawnEnd + 2 + view.getUint16(withdrawnEnd));
  for (let at = withdrawnEnd + 2; at + 3 <= attributesEnd; ) {
    const isLong = (view.getUint8(at) & EXTENDED_LENGTH) !== 0;
    const type = view.getUint8(at + 1);
    const data = at + (isLong ? 4 : 3);
    if (data > attributesEnd) break;
    const end = data + (isLong ? view.getUint16(at + 2) : view.getUint8(at + 2));
    if (end > attributesEnd) break;
    if (type === NEXT_HOP && end - data === 4) bytes.set(names.address(bytes.slice(data, end)), data);
    // ORIGIN, AS_PATH, MED, LOCAL_PREF: numbers. Others may hold addresses.
    else if (![1, 2, 4, 5].includes(type)) bytes.fill(0, data, end);
    at = end;
  }
  rewritePrefixes(view, bytes, attributesEnd, to, names);
}

function rewritePrefixes(view: DataView, bytes: Uint8Array, from: number, to: number, names: Renaming): void {
  for (let at = from; at < to; ) {
    const bits = view.getUint8(at);
    const length = (bits + 7) >> 3;
    if (bits > 32 || at + 1 + length > to) return;
    const address = new Uint8Array(4);
    address.set(bytes.subarray(at + 1, at + 1 + length));
    const fresh = names.address(address).slice(0, length);
    if (length > 0 && (bits & 7) !== 0) fresh[length - 1] &= 0xff << (8 - (bits & 7));
    bytes.set(fresh, at + 1);
    at += 1 + length;
  }
}
