import type { CompareDirection, Report } from '../report/report.js';
import type { PointLane } from './packet-digest.js';
import type { Passage } from './passage.js';

/** A point that was read. */
export interface ReadPoint {
  readonly name: string;
  readonly files: readonly string[];
  readonly addresses: readonly string[];
  readonly site: string | null;
  readonly firstUs: number;
  readonly lastUs: number;
  readonly lanes: readonly (PointLane | null)[];
  readonly report: Report;
  /** In the work folder. */
  readonly reportPath: string;
}

/** Two neighbouring points that were compared; indices of points. */
export interface ReadPair {
  readonly a: number;
  readonly b: number;
  /** Packets of the sample that passed both and no point between them. */
  readonly packets: number;
  readonly report: Report;
  readonly passages: readonly Passage[];
  readonly reportPath: string;
}

export function sideOf(pair: ReadPair, side: 'a' | 'b'): number {
  return side === 'a' ? pair.a : pair.b;
}

export function receiverOf(pair: ReadPair, { sender }: Pick<CompareDirection, 'sender'>): number {
  return sender === 'a' ? pair.b : pair.a;
}
