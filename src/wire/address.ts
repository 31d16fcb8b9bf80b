import { IPV4_MAPPED } from './ip.js';

/** Canonical text (RFC 5952 for IPv6) of the address in four words from `at`. */
export function formatAddress(words: Int32Array, at = 0): string {
  if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === IPV4_MAPPED)
    return formatIpv4(words[at + 3]);
  const groups: number[] = [];
  for (let word = at; word < at + 4; word++) groups.push(words[word] >>> 16, words[word] & 0xffff);
  const gap = longestZeroRun(groups);
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (gap.length < 2) return text(groups);
  return `${text(groups.slice(0, gap.start))}::${text(groups.slice(gap.start + gap.length))}`;
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (start + length < groups.length && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** MAC address: `ee:ee:0a:ff:52:00` from the first two bytes and the last four. */
export function formatMac(high: number, low: number): string {
  const head = `${HEX[high >>> 8]}:${HEX[high & 0xff]}`;
  return `${head}:${HEX[low >>> 24]}:${HEX[(low >>> 16) & 0xff]}:${HEX[(low >>> 8) & 0xff]}:${HEX[low & 0xff]}`;
}

/** Unicast to a single host: neither multicast, broadcast, nor unspecified. */
export function isUnicast(words: Int32Array, at = 0): boolean {
  if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === IPV4_MAPPED) {
    const first = words[at + 3] >>> 24;
    return words[at + 3] !== 0 && words[at + 3] !== -1 && (first < 224 || first >= 240);
  }
  return (
    words[at] >>> 24 !== 0xff &&
    !(words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 0)
  );
}

/** True for an IPv4 or IPv6 address, with or without a zone. By hand, as `node:net` brings all of Node's sockets along. */
export function isAddressText(text: string): boolean {
  const parts = text.split('.');
  const isIpv4 =
    parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return isIpv4 || (text.includes(':') && URL.canParse(`http://[${text.replace(/%[^%]+$/, '')}]`));
}

/** Private, shared or link-local IPv4 (RFC 1918, 6598, 3927), unique local or link-local IPv6 (RFC 4193, 4291). */
export function isPrivateAddress(text: string): boolean {
  const parts = text.split('.');
  if (parts.length === 4) {
    const [a, b] = [Number(parts[0]), Number(parts[1])];
    return (
      a === 10 ||
      (a === 172 && b >= 16 && b <= 31) ||
      (a === 192 && b === 168) ||
      (a === 169 && b === 254) ||
      (a === 100 && b >= 64 && b <= 127)
    );
  }
  return /^f[cd]|^fe[89ab]/i.test(text);
}
