import { address, isIpv6 } from './address.js';
import { concat, u8, u16, u32, zeros } from './bytes.js';

/** One's complement sum of 16-bit words, folded, not complemented (RFC 1071). */
export function onesComplementSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** Internet checksum (RFC 1071) of bytes whose checksum field is zero. */
export function internetChecksum(bytes: Uint8Array): number {
  return ~onesComplementSum(bytes) & 0xffff;
}

/** The pseudo header of RFC 768 and RFC 9293 (IPv4), or of RFC 8200 section 8.1 (IPv6). */
export function pseudoHeader(
  source: string,
  destination: string,
  protocol: number,
  length: number,
): Uint8Array {
  const addresses = concat(address(source), address(destination));
  return isIpv6(source)
    ? concat(addresses, u32(length), zeros(3), u8(protocol))
    : concat(addresses, u8(0), u8(protocol), u16(length));
}
