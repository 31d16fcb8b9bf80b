import { formatIpv4 } from '../../../src/wire/address.js';

/*
 * MAC addresses as silk makes them from IPv4 addresses: ee:ee and the address for a tunnel endpoint or the
 * container side of a link, aa:aa and the address of the container for the host side.
 */

const CONTAINER_PREFIX = 0xeeee;
const HOST_PREFIX = 0xaaaa;

/** Of silk's form; never one of a repeated byte, which Calico gives to every interface. */
export function hasSilkForm(high: number, low: number): boolean {
  if (high !== CONTAINER_PREFIX && high !== HOST_PREFIX) return false;
  const byte = high & 0xff;
  return low >>> 0 !== (byte * 0x0101_0101) >>> 0;
}

/** The IPv4 address in a MAC address of silk's form, with the side that it stands for; null for any other. */
export function silkAddressOf(
  mac: string,
): { readonly address: string; readonly isHostSide: boolean } | null {
  const digits = mac.replaceAll(':', '');
  const high = Number.parseInt(digits.slice(0, 4), 16);
  const low = Number.parseInt(digits.slice(4), 16);
  if (!hasSilkForm(high, low)) return null;
  return { address: formatIpv4(low | 0), isHostSide: high === HOST_PREFIX };
}
