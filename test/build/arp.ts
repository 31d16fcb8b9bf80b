import { address, mac } from './address.js';
import { concat, u8, u16 } from './bytes.js';

export interface Arp {
  /** 1 request, 2 reply. */
  operation: 1 | 2;
  senderMac: string;
  senderAddress: string;
  targetMac?: string;
  targetAddress: string;
}

/** RFC 826, for IPv4 over Ethernet. */
export function arp(packet: Arp): Uint8Array {
  return concat(
    u16(1),
    u16(0x0800),
    u8(6),
    u8(4),
    u16(packet.operation),
    mac(packet.senderMac),
    address(packet.senderAddress),
    mac(packet.targetMac ?? '00:00:00:00:00:00'),
    address(packet.targetAddress),
  );
}
