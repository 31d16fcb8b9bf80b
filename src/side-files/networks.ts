import { isIPv4, isIPv6 } from 'node:net';
import { formatAddress } from '../wire/address.js';
import { IPV4_MAPPED } from '../wire/ip.js';

/*
 * Addresses and networks as people write them. Addresses become the canonical text that the report uses, so that
 * text compares with text.
 */

const BITS = 128;
const IPV4_BITS = 32;

/** The address in the report's own spelling; null where it is none. A zone (`%eth0`) is dropped. */
export function canonicalAddress(text: string): string | null {
  const words = addressWords(text);
  return words === null ? null : formatAddress(words);
}

/** `10.255.0.0/16` in canonical spelling, the host bits cleared; null where it is no network. */
export function canonicalNetwork(text: string): string | null {
  const network = networkOf(text);
  if (network === null) return null;
  const { words, prefix, isIpv4 } = network;
  const masked = words.map((word, index) => word & wordMask(prefix, index));
  return `${formatAddress(Int32Array.from(masked))}/${isIpv4 ? prefix - (BITS - IPV4_BITS) : prefix}`;
}

/** Whether an address is that address, or lies in that network (`a.b.c.d/n`). */
export function isWithin(address: string, addressOrNetwork: string): boolean {
  if (address === addressOrNetwork) return true;
  const slash = addressOrNetwork.indexOf('/');
  if (slash < 0) return false;
  const network = networkOf(addressOrNetwork);
  const words = addressWords(address);
  if (network === null || words === null) return false;
  return words.every(
    (word, index) => ((word ^ network.words[index]) & wordMask(network.prefix, index)) === 0,
  );
}

/** Length of the prefix of a canonical network, 128 for an address: the longer, the more exact. */
export function prefixLength(addressOrNetwork: string): number {
  return networkOf(addressOrNetwork)?.prefix ?? BITS;
}

interface Network {
  readonly words: Int32Array;
  /** Of 128 bits; IPv4 counts as IPv4-mapped. */
  readonly prefix: number;
  readonly isIpv4: boolean;
}

function networkOf(text: string): Network | null {
  const [address, length, ...more] = text.split('/');
  if (address === undefined || length === undefined || more.length > 0 || !/^\d{1,3}$/.test(length))
    return null;
  const isIpv4 = isIPv4(address);
  const words = addressWords(address);
  const bits = Number(length);
  if (words === null || bits > (isIpv4 ? IPV4_BITS : BITS)) return null;
  return { words, prefix: isIpv4 ? BITS - IPV4_BITS + bits : bits, isIpv4 };
}

function wordMask(prefix: number, index: number): number {
  const bits = Math.min(32, Math.max(0, prefix - 32 * index));
  return bits === 0 ? 0 : -1 << (32 - bits);
}

function addressWords(text: string): Int32Array | null {
  const [address] = text.split('%');
  if (isIPv4(address)) return Int32Array.of(0, 0, IPV4_MAPPED, ipv4Word(address));
  return isIPv6(address) ? ipv6Words(address) : null;
}

function ipv4Word(address: string): number {
  return address.split('.').reduce((word, part) => (word << 8) | Number(part), 0);
}

/** The text is known to be valid (RFC 4291, section 2.2). */
function ipv6Words(address: string): Int32Array {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const plain = dotted ? `${dotted[1]}${groupsOfIpv4(dotted[2])}` : address;
  const [head, tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const groups = [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
  return Int32Array.from([0, 2, 4, 6], (at) => (groups[at] << 16) | groups[at + 1]);
}

function groupsOfIpv4(address: string): string {
  const word = ipv4Word(address);
  return `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
}
