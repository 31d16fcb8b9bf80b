import { concat, u8, u16, u32, zeros } from './bytes.js';
import { internetChecksum, pseudoHeader } from './checksum.js';
import { IP_PROTOCOL } from './ip.js';

export interface Echo {
  reply?: boolean;
  identifier: number;
  sequence: number;
  data: Uint8Array;
}

/** ICMP echo request or reply (RFC 792). */
export function icmpEcho(echo: Echo): Uint8Array {
  const rest = concat(u16(echo.identifier), u16(echo.sequence));
  return icmp(echo.reply ? 0 : 8, 0, rest, echo.data);
}

/**
 * An ICMP error that quotes a packet (RFC 792). `quoted` is the packet from its IP header on, and `quotedLength`
 * how much of it goes into the error: 28 bytes by default, 548 as Linux sends them.
 * `parameter` is the word after the checksum: the next-hop MTU of 3/4 (RFC 1191).
 */
export function icmpError(
  type: number,
  code: number,
  quoted: Uint8Array,
  { parameter = 0, quotedLength = 28 }: { parameter?: number; quotedLength?: number } = {},
): Uint8Array {
  return icmp(type, code, u32(parameter), quoted.subarray(0, quotedLength));
}

function icmp(type: number, code: number, rest: Uint8Array, body: Uint8Array): Uint8Array {
  const message = concat(u8(type), u8(code), u16(0), rest, body);
  message.set(u16(internetChecksum(message)), 2);
  return message;
}

/** Any ICMPv6 message (RFC 4443): `rest` are the 4 bytes after the checksum. */
export function icmpv6(
  addresses: { source: string; destination: string },
  type: number,
  code: number,
  rest: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  const message = concat(u8(type), u8(code), u16(0), rest, body);
  const pseudo = pseudoHeader(addresses.source, addresses.destination, IP_PROTOCOL.icmpv6, message.length);
  message.set(u16(internetChecksum(concat(pseudo, message))), 2);
  return message;
}

export function icmpv6Echo(addresses: { source: string; destination: string }, echo: Echo): Uint8Array {
  const rest = concat(u16(echo.identifier), u16(echo.sequence));
  return icmpv6(addresses, echo.reply ? 129 : 128, 0, rest, echo.data);
}

/** Neighbor Solicitation (135) or Advertisement (136) with one link-layer address option (RFC 4861). */
export function neighborDiscovery(
  addresses: { source: string; destination: string },
  type: 135 | 136,
  target: Uint8Array,
  linkLayerAddress: Uint8Array,
): Uint8Array {
  const rest = type === 136 ? u32(0x6000_0000) : zeros(4);
  const option = concat(u8(type === 136 ? 2 : 1), u8(1), linkLayerAddress);
  return icmpv6(addresses, type, 0, rest, concat(target, option));
}
