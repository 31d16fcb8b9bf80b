import { address, isIpv6 } from './address.js';
import { concat, u8, u16, u32, zeros } from './bytes.js';
import { internetChecksum } from './checksum.js';

export const IP_PROTOCOL = { icmp: 1, tcp: 6, udp: 17, gre: 47, esp: 50, ah: 51, icmpv6: 58 } as const;
const FRAGMENT_HEADER = 44;
const IPV6_HEADER_LENGTH = 40;

export interface Ipv4 {
  source: string;
  destination: string;
  protocol: number;
  payload: Uint8Array;
  identification?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** In bytes, a multiple of 8. */
  fragmentOffset?: number;
  ttl?: number;
  typeOfService?: number;
  /** A multiple of 4 bytes. */
  options?: Uint8Array;
  /** Overrides, for contradictory headers. */
  totalLength?: number;
  headerChecksum?: number;
}

/** RFC 791 section 3.1. */
export function ipv4(header: Ipv4): Uint8Array {
  const options = header.options ?? zeros(0);
  const headerLength = 20 + options.length;
  const flags = (header.dontFragment ? 0x4000 : 0) | (header.moreFragments ? 0x2000 : 0);
  const packet = concat(
    u8(0x40 | (headerLength / 4)),
    u8(header.typeOfService ?? 0),
    u16(header.totalLength ?? headerLength + header.payload.length),
    u16(header.identification ?? 0),
    u16(flags | ((header.fragmentOffset ?? 0) / 8)),
    u8(header.ttl ?? 64),
    u8(header.protocol),
    u16(0),
    address(header.source),
    address(header.destination),
    options,
    header.payload,
  );
  packet.set(u16(header.headerChecksum ?? internetChecksum(packet.subarray(0, headerLength))), 10);
  return packet;
}

export interface ExtensionHeader {
  /** 0 hop-by-hop, 43 routing, 44 fragment, 60 destination options. */
  type: number;
  /** All but the first byte (next header): a multiple of 8 bytes less 1, its own length byte included. */
  body: Uint8Array;
}

export interface Ipv6 {
  source: string;
  destination: string;
  nextHeader: number;
  payload: Uint8Array;
  hopLimit?: number;
  trafficClass?: number;
  flowLabel?: number;
  extensionHeaders?: readonly ExtensionHeader[];
  payloadLength?: number;
}

/** RFC 8200 section 3; `nextHeader` is that of the payload, extension headers are chained before it. */
export function ipv6(header: Ipv6): Uint8Array {
  const extensions = header.extensionHeaders ?? [];
  const types = [...extensions.map((extension) => extension.type), header.nextHeader];
  const chain = concat(...extensions.flatMap((extension, i) => [u8(types[i + 1] ?? 59), extension.body]));
  return concat(
    u32((6 << 28) | ((header.trafficClass ?? 0) << 20) | (header.flowLabel ?? 0)),
    u16(header.payloadLength ?? chain.length + header.payload.length),
    u8(types[0] ?? 59),
    u8(header.hopLimit ?? 64),
    address(header.source),
    address(header.destination),
    chain,
    header.payload,
  );
}

/** The body of a Hop-by-Hop or Destination Options header that holds nothing but padding: 8 bytes in all. */
export function paddingOptions(type: 0 | 60): ExtensionHeader {
  return { type, body: concat(u8(0), u8(1), u8(4), zeros(4)) };
}

export interface IpPacket {
  source: string;
  destination: string;
  protocol: number;
  payload: Uint8Array;
  ttl?: number;
  /** IPv4 only. */
  identification?: number;
  dontFragment?: boolean;
}

/** An IPv4 or IPv6 packet, by the form of its addresses. */
export function ip(packet: IpPacket): Uint8Array {
  if (!isIpv6(packet.source)) return ipv4(packet);
  const { source, destination, protocol, payload, ttl } = packet;
  return ipv6({ source, destination, nextHeader: protocol, payload, hopLimit: ttl ?? 64 });
}

export interface FragmentOptions {
  /** 'reversed': highest offset first, as Linux up to 2.4 sent them. */
  order?: 'ascending' | 'reversed';
}

/** Cuts an IPv4 packet without options into fragments of at most `mtu` bytes (RFC 791 section 3.2). */
export function fragmentIpv4(datagram: Uint8Array, mtu: number, options: FragmentOptions = {}): Uint8Array[] {
  if (datagram.length <= mtu) return [datagram];
  const header = datagram.subarray(0, 20);
  const fragments = pieces(datagram.subarray(20), mtu - 20).map(({ offset, bytes, more }) => {
    const fragment = concat(header, bytes);
    fragment.set(u16(fragment.length), 2);
    fragment.set(u16((more ? 0x2000 : 0) | (offset / 8)), 6);
    fragment.set(u16(0), 10);
    fragment.set(u16(internetChecksum(fragment.subarray(0, 20))), 10);
    return fragment;
  });
  return options.order === 'reversed' ? fragments.reverse() : fragments;
}

/** Cuts an IPv6 packet without extension headers into fragments of at most `mtu` bytes (RFC 8200 section 4.5). */
export function fragmentIpv6(
  packet: Uint8Array,
  mtu: number,
  identification: number,
  options: FragmentOptions = {},
): Uint8Array[] {
  if (packet.length <= mtu) return [packet];
  const room = mtu - IPV6_HEADER_LENGTH - 8;
  const fragments = pieces(packet.subarray(IPV6_HEADER_LENGTH), room).map(({ offset, bytes, more }) => {
    const fragmentHeader = concat(
      packet.subarray(6, 7),
      u8(0),
      u16(offset | (more ? 1 : 0)),
      u32(identification),
    );
    const fragment = concat(packet.subarray(0, IPV6_HEADER_LENGTH), fragmentHeader, bytes);
    fragment.set(u16(fragment.length - IPV6_HEADER_LENGTH), 4);
    fragment.set(u8(FRAGMENT_HEADER), 6);
    return fragment;
  });
  return options.order === 'reversed' ? fragments.reverse() : fragments;
}

function pieces(payload: Uint8Array, room: number): { offset: number; bytes: Uint8Array; more: boolean }[] {
  const step = room - (room % 8);
  const count = Math.ceil(payload.length / step);
  return Array.from({ length: count }, (_, i) => ({
    offset: i * step,
    bytes: payload.subarray(i * step, (i + 1) * step),
    more: i < count - 1,
  }));
}
