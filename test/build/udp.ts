import { concat, u16 } from './bytes.js';
import { internetChecksum, onesComplementSum, pseudoHeader } from './checksum.js';
import { IP_PROTOCOL } from './ip.js';

/**
 * How the checksum field is filled: right, zero (none), as a sending host with checksum offload shows it
 * (the folded pseudo-header sum, not complemented), or a given value.
 */
export type Checksum = 'correct' | 'none' | 'offload' | number;

export interface Udp {
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  payload: Uint8Array;
  checksum?: Checksum;
  length?: number;
}

/** RFC 768; the addresses are those of the IP header around it. */
export function udp(header: Udp): Uint8Array {
  const length = 8 + header.payload.length;
  const datagram = concat(
    u16(header.sourcePort),
    u16(header.destinationPort),
    u16(header.length ?? length),
    u16(0),
    header.payload,
  );
  const pseudo = pseudoHeader(header.source, header.destination, IP_PROTOCOL.udp, length);
  const checksum = transportChecksum(pseudo, datagram, header.checksum ?? 'correct');
  // RFC 768: a computed checksum of zero is sent as all ones.
  datagram.set(u16(checksum === 0 && header.checksum !== 'none' ? 0xffff : checksum), 6);
  return datagram;
}

/** Value of a UDP or TCP checksum field, given the segment with that field zero. */
export function transportChecksum(pseudo: Uint8Array, segment: Uint8Array, checksum: Checksum): number {
  if (typeof checksum === 'number') return checksum;
  if (checksum === 'none') return 0;
  if (checksum === 'offload') return onesComplementSum(pseudo);
  return internetChecksum(concat(pseudo, segment));
}
