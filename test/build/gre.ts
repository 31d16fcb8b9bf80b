import { concat, u16, u32, zeros } from './bytes.js';
import { internetChecksum } from './checksum.js';

export interface Gre {
  protocolType: number;
  key?: number;
  sequence?: number;
  checksum?: boolean;
  payload: Uint8Array;
}

/** RFC 2784 with the key and sequence fields of RFC 2890. */
export function gre(header: Gre): Uint8Array {
  const flags =
    (header.checksum ? 0x8000 : 0) |
    (header.key === undefined ? 0 : 0x2000) |
    (header.sequence === undefined ? 0 : 0x1000);
  const packet = concat(
    u16(flags),
    u16(header.protocolType),
    header.checksum ? zeros(4) : zeros(0),
    header.key === undefined ? zeros(0) : u32(header.key),
    header.sequence === undefined ? zeros(0) : u32(header.sequence),
    header.payload,
  );
  if (header.checksum) packet.set(u16(internetChecksum(packet)), 4);
  return packet;
}
