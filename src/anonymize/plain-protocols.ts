import type { Datagram } from './datagram.js';
import type { Renaming } from './renaming.js';

/** What a datagram carries: `[from, to)` of the frame. A rewriter that does not understand it changes nothing. */
export interface Body {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly names: Renaming;
  readonly datagram: Datagram;
}

/** RFC 5880: numbers and timers, nothing that names anybody; a password is overwritten. */
export function rewriteBfd({ bytes, from, to }: Body): boolean {
  if (to - from < 24) return false;
  bytes.fill(0, from + 24, to);
  return true;
}

/** RFC 5905: the reference of a secondary server is the address of its own. */
export function rewriteNtp({ view, bytes, from, to, names }: Body): boolean {
  if (to - from < 48) return false;
  if (view.getUint8(from + 1) >= 2) bytes.set(names.address(bytes.slice(from + 12, from + 16)), from + 12);
  bytes.fill(0, from + 48, to);
  return true;
}

const COMMON_LABELS = new Set([
  'arpa',
  'in-addr',
  'ip6',
  'local',
  'internal',
  'localdomain',
  'svc',
  'cluster',
  'com',
  'net',
  'org',
]);
const ADDRESS_RECORDS: ReadonlyMap<number, number> = new Map([
  [1, 4],
  [28, 16],
]);
/** Records that are a name, or end with one after so many bytes: NS, CNAME, SOA (two), PTR, MX, SRV. */
const NAME_RECORDS: ReadonlyMap<number, number> = new Map([
  [2, 0],
  [5, 0],
  [12, 0],
  [15, 2],
  [33, 6],
]);

/** RFC 1035: labels get other letters, addresses other numbers; everything else in a record is overwritten. */
export function rewriteDns(body: Body): boolean {
  const { view, bytes, from, to, names } = body;
  if (to - from < 12) return false;
  const counts = [4, 6, 8, 10].map((at) => view.getUint16(from + at));
  let at = from + 12;
  for (let question = 0; question < counts[0]; question++) {
    at = renameLabels(body, at);
    if (at < 0 || at + 4 > to) return wipe(body, from + 12);
    at += 4;
  }
  for (let record = 0; record < counts[1] + counts[2] + counts[3]; record++) {
    const begins = at;
    at = renameLabels(body, at);
    if (at < 0 || at + 10 > to) return wipe(body, begins);
    const type = view.getUint16(at);
    const data = at + 10;
    const end = data + view.getUint16(at + 8);
    if (end > to) return wipe(body, data);
    const length = ADDRESS_RECORDS.get(type);
    const name = NAME_RECORDS.get(type);
    if (length === end - data) bytes.set(names.address(bytes.slice(data, end)), data);
    else if (name === undefined || renameLabels(body, data + name) < 0) bytes.fill(0, data, end);
    at = end;
  }
  bytes.fill(0, at, to);
  return true;
}

function wipe({ bytes, to }: Body, from: number): boolean {
  bytes.fill(0, Math.max(0, from), to);
  return true;
}

/** @returns where the name ends, or -1. What a pointer leads to is renamed where it stands. */
function renameLabels({ view, bytes, to, names }: Body, start: number): number {
  let at = start;
  for (;;) {
    if (at >= to) return -1;
    const length = view.getUint8(at);
    if (length === 0) return at + 1;
    if ((length & 0xc0) === 0xc0) return at + 2;
    if (length > 63 || at + 1 + length > to) return -1;
    const label = bytes.slice(at + 1, at + 1 + length);
    if (!COMMON_LABELS.has(Buffer.from(label).toString('latin1').toLowerCase()))
      bytes.set(names.word(label), at + 1);
    at += 1 + length;
  }
}

/** Options that are addresses, and those that are numbers and stay (RFC 2132): mask, MTU, lease, type, list of parameters, times. */
const DHCP_ADDRESSES = new Set([3, 4, 6, 28, 42, 44, 50, 54]);
const DHCP_NUMBERS = new Set([1, 23, 26, 51, 52, 53, 55, 57, 58, 59]);

/** RFC 2131. */
export function rewriteDhcp(body: Body): boolean {
  const { view, bytes, from, to, names } = body;
  if (to - from < 240 || view.getUint32(from + 236) !== 0x6382_5363) return false;
  for (const at of [12, 16, 20, 24])
    bytes.set(names.address(bytes.slice(from + at, from + at + 4)), from + at);
  bytes.set(names.mac(bytes.slice(from + 28, from + 34)), from + 28);
  bytes.fill(0, from + 44, from + 236);
  for (let at = from + 240; at < to; ) {
    const code = view.getUint8(at);
    if (code === 255 || at + 2 > to) return wipe(body, at + 1);
    if (code === 0) {
      at++;
      continue;
    }
    const data = at + 2;
    const end = Math.min(to, data + view.getUint8(at + 1));
    if (DHCP_ADDRESSES.has(code)) {
      for (let one = data; one + 4 <= end; one += 4) bytes.set(names.address(bytes.slice(one, one + 4)), one);
    } else if (code === 61 && end - data === 7) bytes.set(names.mac(bytes.slice(data + 1, end)), data + 1);
    else if (!DHCP_NUMBERS.has(code)) bytes.set(names.word(bytes.slice(data, end)), data);
    at = end;
  }
  return true;
}
