import type { ObservationTable, Schema } from '../../src/observe/table.js';

/** What is observed of a VXLAN or VXLAN-GPE packet. */
export const VXLAN_ROWS = {
  /** Byte 0: G 0x80, I 0x08; of GPE version 0x30, I 0x08, P 0x04, B 0x02, O 0x01. */
  flags: 'u8',
  /** Byte 1: with G, D 0x40 and A 0x08; otherwise reserved. */
  groupFlags: 'u8',
  /** Bytes 2 and 3: with G the group policy id, otherwise reserved (of GPE byte 3 is the next protocol). */
  policyId: 'u16',
  vni: 'u32',
  /** Byte 7, reserved. */
  trailer: 'u8',
  /** 1 where the header is read as VXLAN-GPE. */
  isGpe: 'u8',
  /** Direction between the tunnel endpoints: 0 from the low address to the high one. */
  outerDirection: 'u8',
  destinationPort: 'u16',
  /** Length of the outer IP packet in bytes; of a fragmented one the length it had before. */
  outerLength: 'u32',
  /** Length that the inner IP header claims, in bytes; 0 where the inner packet is not IP. */
  innerLength: 'u32',
  /** EtherType of the inner frame behind VLAN tags, or its 802.3 length; 0 where there is no inner Ethernet header. */
  innerType: 'u16',
  /** The first two bytes of an inner MAC address, and its last four; 0 without inner Ethernet header. */
  sourceMacHigh: 'u16',
  sourceMacLow: 'u32',
  destinationMacHigh: 'u16',
  destinationMacLow: 'u32',
} as const satisfies Schema;

export type VxlanTable = ObservationTable<typeof VXLAN_ROWS>;
