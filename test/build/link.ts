import { mac } from './address.js';
import { concat, u8, u16, u32, zeros } from './bytes.js';

/** LINKTYPE_ values as capture files store them. A raw packet (101) has no link header: pass it as it is. */
export const LINK_TYPE = {
  null: 0,
  ethernet: 1,
  raw: 101,
  loop: 108,
  linuxSll: 113,
  linuxSll2: 276,
} as const;

export const ETHER_TYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  serviceVlan: 0x88a8,
  ipv6: 0x86dd,
  pppoeSession: 0x8864,
  mpls: 0x8847,
} as const;

export interface Ethernet {
  destination: string;
  source: string;
  etherType: number;
  payload: Uint8Array;
  /** Pads to the 60 bytes that a received frame has; a sender's own capture shows it unpadded. */
  padded?: boolean;
}

export function ethernet(header: Ethernet): Uint8Array {
  const frame = concat(mac(header.destination), mac(header.source), u16(header.etherType), header.payload);
  return header.padded && frame.length < 60 ? concat(frame, zeros(60 - frame.length)) : frame;
}

export interface Vlan {
  priority?: number;
  dropEligible?: boolean;
  vid: number;
  etherType: number;
  payload: Uint8Array;
}

/** What follows EtherType 0x8100 or 0x88a8 (IEEE 802.1Q): TCI, then the next EtherType. */
export function vlan(tag: Vlan): Uint8Array {
  const tci = ((tag.priority ?? 0) << 13) | (tag.dropEligible ? 0x1000 : 0) | tag.vid;
  return concat(u16(tci), u16(tag.etherType), tag.payload);
}

/** `packetType`: 0 to us, 1 broadcast, 2 multicast, 3 other host, 4 from us. */
export interface LinuxSll {
  packetType: number;
  arphrd?: number;
  address: string;
  protocol: number;
  payload: Uint8Array;
}

export function linuxSll(header: LinuxSll): Uint8Array {
  return concat(
    u16(header.packetType),
    u16(header.arphrd ?? 1),
    u16(6),
    mac(header.address),
    zeros(2),
    u16(header.protocol),
    header.payload,
  );
}

export interface LinuxSll2 extends LinuxSll {
  interfaceIndex: number;
}

export function linuxSll2(header: LinuxSll2): Uint8Array {
  return concat(
    u16(header.protocol),
    zeros(2),
    u32(header.interfaceIndex),
    u16(header.arphrd ?? 1),
    u8(header.packetType),
    u8(6),
    mac(header.address),
    zeros(2),
    header.payload,
  );
}

/** A PPPoE session packet (RFC 2516): `pppProtocol` 0x0021 IPv4, 0x0057 IPv6. */
export function pppoeSession(sessionId: number, pppProtocol: number, payload: Uint8Array): Uint8Array {
  return concat(u8(0x11), u8(0), u16(sessionId), u16(payload.length + 2), u16(pppProtocol), payload);
}

/** BSD loopback: `family` 2 IPv4; 24, 28 or 30 IPv6. NULL stores it in host order, LOOP always big-endian. */
export function loopback(family: number, byteOrder: 'big' | 'little', payload: Uint8Array): Uint8Array {
  const word = u32(family);
  return concat(byteOrder === 'big' ? word : word.reverse(), payload);
}
