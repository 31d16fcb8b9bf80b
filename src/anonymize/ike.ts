import { createHash } from 'node:crypto';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../wire/transport.js';
import type { Body } from './plain-protocols.js';
import { scramble } from './scramble.js';

const HEADER = 28;
const FLAG_ENCRYPTED = 1;

/** Payloads that name nobody (RFC 2408, RFC 7296): SA, vendor. Of all others the content is overwritten. */
const KEPT_V1 = new Set([1, 13]);
const KEPT_V2 = new Set([33, 43]);
const NAT_D_V1 = new Set([20, 130]);
const NOTIFY_V1 = 11;
const DELETE_V1 = 12;
const NOTIFY_V2 = 41;
const DELETE_V2 = 42;
const KEY_EXCHANGE_V2 = 34;
const SELECTORS_V2 = [44, 45];
const ENCRYPTED_V2 = new Set([46, 53]);
/** NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP (RFC 7296, section 2.23). */
const NAT_DETECTION = new Set([16388, 16389]);
const HASHES: ReadonlyMap<number, string> = new Map([
  [16, 'md5'],
  [20, 'sha1'],
  [32, 'sha256'],
  [48, 'sha384'],
  [64, 'sha512'],
]);

/** A version that exists, and a length that is that of the datagram. */
export function looksLikeIke(view: DataView, from: number, to: number): boolean {
  if (to - from < HEADER) return false;
  const version = view.getUint8(from + 17);
  return (version === 0x10 || version === 0x20) && view.getUint32(from + 24) === to - from;
}

/** An ISAKMP message (RFC 2408, section 3; RFC 7296, section 3): headers, proposals, vendors and kinds of notifies stay. */
export function rewriteIke(body: Body): boolean {
  const { view, from, to, bytes, names } = body;
  if (to - from < HEADER) return false;
  const version = view.getUint8(from + 17) >> 4;
  if (version !== 1 && version !== 2) return false;
  const isEncrypted = version === 1 && (view.getUint8(from + 19) & FLAG_ENCRYPTED) !== 0;
  if (isEncrypted) {
    scramble(view, bytes, from + HEADER, to, names);
    return true;
  }
  let kind = view.getUint8(from + 16);
  let at = from + HEADER;
  while (kind !== 0 && at + 4 <= to) {
    const next = view.getUint8(at);
    const length = view.getUint16(at + 2);
    const end = Math.min(to, at + Math.max(4, length));
    rewritePayload(body, version, kind, at + 4, end);
    at = end;
    if (length < 4 || (version === 2 && ENCRYPTED_V2.has(kind))) break;
    kind = next;
  }
  scramble(view, bytes, Math.min(to, at), to, names);
  return true;
}

function rewritePayload(body: Body, version: number, kind: number, from: number, to: number): void {
  const { view, bytes, names } = body;
  const isKept = (version === 1 ? KEPT_V1 : KEPT_V2).has(kind);
  if (isKept || from >= to) return;
  if (version === 1 && NAT_D_V1.has(kind)) return rewriteNatHash(body, from, to);
  if (version === 2 && kind === NOTIFY_V2 && to - from >= 4) {
    const data = Math.min(to, from + 4 + view.getUint8(from + 1));
    if (NAT_DETECTION.has(view.getUint16(from + 2))) rewriteNatHash(body, data, to);
    // A short notify is a number: the group that is wanted.
    else if (to - data > 2) scramble(view, bytes, data, to, names);
    return;
  }
  if (version === 1 && kind === NOTIFY_V1)
    return scramble(view, bytes, Math.min(to, from + 8 + spiSize(view, from + 5, to)), to, names);
  if ((version === 1 && kind === DELETE_V1) || (version === 2 && kind === DELETE_V2)) return;
  if (version === 2 && (kind === KEY_EXCHANGE_V2 || SELECTORS_V2.includes(kind)))
    return scramble(view, bytes, Math.min(to, from + 4), to, names);
  if (version === 2 && kind === 53) return scramble(view, bytes, Math.min(to, from + 4), to, names);
  scramble(view, bytes, from, to, names);
}

function spiSize(view: DataView, at: number, to: number): number {
  return at < to ? view.getUint8(at) : 0;
}

/** HASH(CKY-I | CKY-R | IP | Port) (RFC 3947, section 3.2): of the new address where it was that of the old one. */
function rewriteNatHash(
  { view, bytes, from: message, names, datagram }: Body,
  from: number,
  to: number,
): void {
  const algorithm = HASHES.get(to - from);
  if (algorithm === undefined) return scramble(view, bytes, from, to, names);
  const cookies = bytes.subarray(message, message + 16);
  const hashOf = (address: Uint8Array, port: number): Buffer =>
    createHash(algorithm)
      .update(cookies)
      .update(address)
      .update(Uint8Array.of(port >> 8, port & 0xff))
      .digest();
  const { source, destination, sourcePort, destinationPort } = datagram;
  const found = Buffer.from(bytes.subarray(from, to));
  for (const [{ old, fresh }, port] of [
    [source, sourcePort],
    [destination, destinationPort],
  ] as const) {
    // A peer behind a NAT hashes the port 500 although it is sent from another one.
    for (const hashed of [port, PORT_IKE, PORT_NAT_TRAVERSAL]) {
      if (hashOf(old, hashed).equals(found)) return bytes.set(hashOf(fresh, hashed), from);
    }
  }
  scramble(view, bytes, from, to, names);
}
