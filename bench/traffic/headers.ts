// Header bytes for the traffic of the bench. Lengths, identifications and checksums are left at zero: they are
// filled in for each frame by the seal functions.

export const ETHERNET_LENGTH = 14;
export const IPV4_LENGTH = 20;
export const UDP_LENGTH = 8;
export const VXLAN_LENGTH = 8;

const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_ESP = 50;

export interface Host {
  readonly mac: Buffer;
  /** IPv4 address, four bytes in network order. */
  readonly address: Buffer;
}

/** A host whose MAC address is two bytes of prefix followed by its IPv4 address, as 0a:58 container networks do. */
export function hostAt(a: number, b: number, c: number, d: number, macPrefix = 0x0200): Host {
  const address = Buffer.from([a, b, c, d]);
  return { mac: Buffer.concat([Buffer.from([macPrefix >> 8, macPrefix & 0xff]), address]), address };
}

export function ethernetIpv4(from: Host, to: Host, protocol: number, dontFragment: boolean): Buffer {
  const bytes = Buffer.alloc(ETHERNET_LENGTH + IPV4_LENGTH);
  to.mac.copy(bytes, 0);
  from.mac.copy(bytes, 6);
  bytes.writeUInt16BE(0x0800, 12);
  bytes[14] = 0x45;
  bytes.writeUInt16BE(dontFragment ? 0x4000 : 0, 20);
  bytes[22] = 64;
  bytes[23] = protocol;
  from.address.copy(bytes, 26);
  to.address.copy(bytes, 30);
  return bytes;
}

export function udp(sourcePort: number, destinationPort: number): Buffer {
  const bytes = Buffer.alloc(UDP_LENGTH);
  bytes.writeUInt16BE(sourcePort, 0);
  bytes.writeUInt16BE(destinationPort, 2);
  return bytes;
}

/** VXLAN with a group policy id: RFC 7348, section 5 and draft-smith-vxlan-group-policy (G and I set). */
export function vxlanGbp(vni: number, policyId: number): Buffer {
  const bytes = Buffer.alloc(VXLAN_LENGTH);
  bytes[0] = 0x88;
  bytes.writeUInt16BE(policyId, 2);
  bytes.writeUIntBE(vni, 4, 3);
  return bytes;
}

/** Ethernet, IPv4 and TCP with the given options; ports, numbers and flags are zero. */
export function ethernetTcp(from: Host, to: Host, options: Buffer): Buffer {
  const tcp = Buffer.alloc(20);
  tcp[12] = ((20 + options.length) / 4) << 4;
  tcp.writeUInt16BE(502, 14);
  return Buffer.concat([ethernetIpv4(from, to, PROTOCOL_TCP, true), tcp, options]);
}

/** The Internet checksum (RFC 1071) over bytes[offset, end), on top of the sum of a pseudo-header. */
export function checksum(bytes: Buffer, offset: number, end: number, pseudoHeaderSum = 0): number {
  let sum = pseudoHeaderSum;
  let at = offset;
  for (; at + 1 < end; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
  if (at < end) sum += bytes[at] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Fills in total length, identification and checksum of the IPv4 header at `offset`; the packet ends at `end`. */
export function sealIpv4(bytes: Buffer, offset: number, end: number, identification: number): void {
  bytes.writeUInt16BE(end - offset, offset + 2);
  bytes.writeUInt16BE(identification & 0xffff, offset + 4);
  bytes.writeUInt16BE(checksum(bytes, offset, offset + IPV4_LENGTH), offset + 10);
}

/** Fills in the checksum of a TCP segment that ends at `end` and follows the IPv4 header at `ipOffset`. */
export function sealTcp(bytes: Buffer, ipOffset: number, end: number): void {
  const tcpOffset = ipOffset + IPV4_LENGTH;
  const pseudoHeaderSum = addressSum(bytes, ipOffset) + PROTOCOL_TCP + (end - tcpOffset);
  bytes.writeUInt16BE(checksum(bytes, tcpOffset, end, pseudoHeaderSum), tcpOffset + 16);
}

/** Fills in length and checksum of a UDP datagram that ends at `end` and follows the IPv4 header at `ipOffset`. */
export function sealUdp(bytes: Buffer, ipOffset: number, end: number): void {
  const udpOffset = ipOffset + IPV4_LENGTH;
  bytes.writeUInt16BE(end - udpOffset, udpOffset + 4);
  const pseudoHeaderSum = addressSum(bytes, ipOffset) + PROTOCOL_UDP + (end - udpOffset);
  // RFC 768: a computed checksum of zero is sent as all ones.
  bytes.writeUInt16BE(checksum(bytes, udpOffset, end, pseudoHeaderSum) || 0xffff, udpOffset + 6);
}

function addressSum(bytes: Buffer, ipOffset: number): number {
  let sum = 0;
  for (let at = ipOffset + 12; at < ipOffset + IPV4_LENGTH; at += 2) sum += bytes.readUInt16BE(at);
  return sum;
}
