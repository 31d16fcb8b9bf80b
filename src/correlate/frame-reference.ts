import type { FrameRef, Moment } from '../moment.js';
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

/** When a frame passed, without its number. */
export function momentOf({ segment, timeNs }: Moment): Moment {
  return { segment, timeNs };
}

/** The first of some frames in capture order; null where there is none. */
export function earliest(refs: readonly (FrameRef | null | undefined)[]): FrameRef | null {
  return refs.reduce<FrameRef | null>((a, b) => (b && (!a || b.frame < a.frame) ? b : a), null);
}

/** The last of some frames in capture order; null where there is none. */
export function latest(refs: readonly (FrameRef | null | undefined)[]): FrameRef | null {
  return refs.reduce<FrameRef | null>((a, b) => (b && (!a || b.frame > a.frame) ? b : a), null);
}
