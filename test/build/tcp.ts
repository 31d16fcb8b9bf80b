import { concat, u8, u16, u32, zeros } from './bytes.js';
import { pseudoHeader } from './checksum.js';
import { IP_PROTOCOL } from './ip.js';
import { type Checksum, transportChecksum } from './udp.js';

export type TcpFlag = 'FIN' | 'SYN' | 'RST' | 'PSH' | 'ACK' | 'URG' | 'ECE' | 'CWR';
const FLAG_BITS: Record<TcpFlag, number> = {
  FIN: 0x01,
  SYN: 0x02,
  RST: 0x04,
  PSH: 0x08,
  ACK: 0x10,
  URG: 0x20,
  ECE: 0x40,
  CWR: 0x80,
};

export interface Tcp {
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment?: number;
  flags: readonly TcpFlag[];
  window?: number;
  /** Padded to a multiple of 4 with end-of-option bytes. */
  options?: Uint8Array;
  payload?: Uint8Array;
  checksum?: Checksum;
}

/** RFC 9293 section 3.1. */
export function tcp(header: Tcp): Uint8Array {
  const given = header.options ?? zeros(0);
  const options = concat(given, zeros((4 - (given.length % 4)) % 4));
  const flags = header.flags.reduce((bits, flag) => bits | FLAG_BITS[flag], 0);
  const segment = concat(
    u16(header.sourcePort),
    u16(header.destinationPort),
    u32(header.sequence),
    u32(header.acknowledgment ?? 0),
    u8(((20 + options.length) / 4) << 4),
    u8(flags),
    u16(header.window ?? 64_240),
    u16(0),
    u16(0),
    options,
    header.payload ?? zeros(0),
  );
  const pseudo = pseudoHeader(header.source, header.destination, IP_PROTOCOL.tcp, segment.length);
  segment.set(u16(transportChecksum(pseudo, segment, header.checksum ?? 'correct')), 16);
  return segment;
}

export function mssOption(mss: number): Uint8Array {
  return concat(u8(2), u8(4), u16(mss));
}

export function windowScaleOption(shift: number): Uint8Array {
  return concat(u8(3), u8(3), u8(shift));
}

/** RFC 7323 section 3, after the two no-operation bytes that align it. */
export function timestampsOption(value: number, echoReply: number): Uint8Array {
  return concat(u8(1), u8(1), u8(8), u8(10), u32(value), u32(echoReply));
}
