import type { Batch } from '../../src/correlate/correlator.js';
import type { FrameRef } from '../../src/moment.js';
import type { tcp } from './dissector.js';

/** What the dissector observes of a segment. */
export type Rows = typeof tcp.observes;

/** The frame of a row. */
export function refOf(batch: Batch<Rows>, row: number): FrameRef {
  const index = batch.columns.rows.frame[row];
  return { frame: batch.frameIdOf(index), segment: batch.segment, timeNs: batch.timeNs[index] };
}
