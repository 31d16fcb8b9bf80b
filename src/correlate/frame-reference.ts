import type { FrameRef } from '../moment.js';
import type { TableRows } from '../observe/table.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../units.js';

/** What a batch knows of its frames, whichever protocol's rows it holds. */
interface Frames {
  readonly timeNs: ArrayLike<Nanoseconds>;
  readonly segment: SegmentIndex;
  frameIdOf(frameIndex: number): FrameId;
}

/** The frame that a row was read from. */
export function refOf(
  batch: Frames & { readonly columns: { readonly rows: Pick<TableRows, 'frame'> } },
  row: number,
): FrameRef {
  return refOfFrame(batch, batch.columns.rows.frame[row]);
}

/** A frame by its index in the chunk. */
export function refOfFrame(batch: Frames, frameIndex: number): FrameRef {
  return { frame: batch.frameIdOf(frameIndex), timeNs: batch.timeNs[frameIndex], segment: batch.segment };
}
