import { concat, u8, u32, zeros } from './bytes.js';

export const BFD_STATE = { adminDown: 0, down: 1, init: 2, up: 3 } as const;
export const BFD_PORT = {
  singleHop: 3784,
  echo: 3785,
  multihop: 4784,
  micro: 6784,
  reflector: 7784,
} as const;

/** RFC 5880 section 4.1; intervals in microseconds. */
export interface BfdControl {
  version?: number;
  state: number;
  diagnostic?: number;
  /** P 20, F 10, C 08, A 04, D 02, M 01. */
  flags?: number;
  multiplier?: number;
  mine: number;
  yours: number;
  desiredMinTx?: number;
  requiredMinRx?: number;
  requiredMinEchoRx?: number;
  /** Length field; default: the true length. */
  length?: number;
  /** Type of an authentication section with 16 bytes behind its length; default: none. */
  authentication?: number;
}

export function bfdControl(packet: BfdControl): Uint8Array {
  const { authentication } = packet;
  const section = authentication === undefined ? zeros(0) : concat(u8(authentication), u8(18), zeros(16));
  const flags = (packet.flags ?? 0) | (authentication === undefined ? 0 : 0x04);
  return concat(
    u8(((packet.version ?? 1) << 5) | (packet.diagnostic ?? 0)),
    u8((packet.state << 6) | flags),
    u8(packet.multiplier ?? 3),
    u8(packet.length ?? 24 + section.length),
    u32(packet.mine),
    u32(packet.yours),
    u32(packet.desiredMinTx ?? 1_000_000),
    u32(packet.requiredMinRx ?? 1_000_000),
    u32(packet.requiredMinEchoRx ?? 0),
    section,
  );
}
