import { concat, u16, zeros } from './bytes.js';

export function isIpv6(text: string): boolean {
  return text.includes(':');
}

/** An IPv4 or IPv6 address from its text form (RFC 4291 section 2.2, without embedded IPv4). */
export function address(text: string): Uint8Array {
  return isIpv6(text) ? ipv6Address(text) : ipv4Address(text);
}

function ipv4Address(text: string): Uint8Array {
  const octets = text.split('.').map(Number);
  if (octets.length !== 4 || octets.some((octet) => !(octet >= 0 && octet <= 255))) {
    throw new RangeError(`not an IPv4 address: ${text}`);
  }
  return Uint8Array.from(octets);
}

function ipv6Address(text: string): Uint8Array {
  const [head = '', tail] = text.split('::');
  const groups = (part: string): Uint8Array[] =>
    part === '' ? [] : part.split(':').map((group) => u16(Number.parseInt(group, 16)));
  const left = groups(head);
  const right = groups(tail ?? '');
  const missing = 8 - left.length - right.length;
  if (missing < 0 || (tail === undefined && missing !== 0))
    throw new RangeError(`not an IPv6 address: ${text}`);
  return concat(...left, zeros(2 * missing), ...right);
}

/** A MAC address from `02:00:00:00:00:01`. */
export function mac(text: string): Uint8Array {
  const octets = text.split(':').map((octet) => Number.parseInt(octet, 16));
  if (octets.length !== 6 || octets.some(Number.isNaN)) throw new RangeError(`not a MAC address: ${text}`);
  return Uint8Array.from(octets);
}
