import type { ObservationTable, Schema } from '../../src/observe/table.js';

/** What is observed of a VXLAN or VXLAN-GPE packet, or of several that differ in their lengths only. */
export const VXLAN_ROWS = {
  /**
   * Bytes 0 to 3 as one word. VXLAN: G 0x80000000 (the sign), I 0x08000000, with G also D 0x00400000, A
   * 0x00080000 and the group policy id in the low 16 bits. GPE: version 0x30000000, I 0x08000000, P
   * 0x04000000, B 0x02000000, O 0x01000000, next protocol 0xFF.
   */
  header: 'i32',
  /** Of `header` the bits that no extension explains; always 0 with GPE. */
  stray: 'i32',
  vni: 'u32',
  /** Byte 7, reserved; 0 with GPE. */
  trailer: 'u8',
  /** 1 where the header is read as VXLAN-GPE. */
  isGpe: 'u8',
  /**
   * Hash of all that usually stays equal along one direction of an inner flow: header, outer direction,
   * destination port, inner MAC addresses, and whether the datagram was fragmented.
   */
  lane: 'i32',
  /** Direction between the tunnel endpoints: 0 from the low address to the high one. */
  outerDirection: 'u8',
  destinationPort: 'u16',
  /** Of the first of the packets that the row stands for. */
  sourcePort: 'u16',
  /** Packets that the row stands for: one, or several of one lane that followed each other on the inner flow. */
  packets: 'u32',
  /** Index of the last of their frames. */
  lastFrame: 'u32',
  /** Sum of their outer IP packets in bytes; of a fragmented one the length it had before. */
  outerBytes: 'u32',
  /** Length of the longest of their outer IP packets in bytes. */
  outerLength: 'u32',
  /** Length that the inner IP header in it claims, in bytes; 0 where the inner packet is not IP. */
  innerLength: 'u32',
  /**
   * EtherType of the inner frame behind VLAN tags, or its 802.3 length; 0 where there is no inner Ethernet
   * header.
   */
  innerType: 'u16',
  /** The first two bytes of an inner MAC address, and its last four; 0 without inner Ethernet header. */
  sourceMacHigh: 'u16',
  sourceMacLow: 'u32',
  destinationMacHigh: 'u16',
  destinationMacLow: 'u32',
} as const satisfies Schema;

export type VxlanTable = ObservationTable<typeof VXLAN_ROWS>;
