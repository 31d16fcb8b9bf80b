import { concat, u8, u16, u32 } from './bytes.js';

export interface Esp {
  spi: number;
  sequence: number;
  /** IV, ciphertext, padding and ICV: a multiple of 4 bytes. */
  payload: Uint8Array;
}

/** RFC 4303 section 2. */
export function esp(packet: Esp): Uint8Array {
  return concat(u32(packet.spi), u32(packet.sequence), packet.payload);
}

export interface Ah {
  nextHeader: number;
  spi: number;
  sequence: number;
  /** Integrity check value: 12 bytes for HMAC-96. */
  icv: Uint8Array;
  payload: Uint8Array;
}

/** RFC 4302 section 2. */
export function ah(packet: Ah): Uint8Array {
  const payloadLength = (12 + packet.icv.length) / 4 - 2;
  return concat(
    u8(packet.nextHeader),
    u8(payloadLength),
    u16(0),
    u32(packet.spi),
    u32(packet.sequence),
    packet.icv,
    packet.payload,
  );
}
