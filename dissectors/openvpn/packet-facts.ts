import type { FrameRef } from '../../src/moment.js';
import type { Way } from './session.js';

/** A control packet as the ledger works with it. */
export interface PacketFacts {
  readonly way: Way;
  readonly opcode: number;
  readonly keyId: number;
  readonly length: number;
  readonly wrapping: number;
  /** 16 hexadecimal digits; null where the packet was cut before it. */
  readonly session: string | null;
  /** Session id of the peer, which stands beside acknowledgments only. */
  readonly remote: string | null;
  readonly messageId: number;
  readonly ackCount: number;
  readonly ackHighest: number;
  readonly ackBits: number;
  readonly alertLevel: number;
  readonly alertDescription: number;
  readonly isFragment: boolean;
  readonly ref: FrameRef;
}

export function sessionText(high: number, low: number): string {
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0');
}
