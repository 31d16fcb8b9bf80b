import type { FrameId, Nanoseconds, SegmentIndex } from './units.js';

/** A point in the capture. `timeNs` is NaN where the frame has no time. */
export interface Moment {
  readonly segment: SegmentIndex;
  readonly timeNs: Nanoseconds;
}

/** A frame and when it was captured. */
export interface FrameRef extends Moment {
  readonly frame: FrameId;
}

/** A frame that a finding rests on. */
export interface Citation extends FrameRef {
  /** One line; packet strings need no escaping here, the report escapes. */
  readonly summary: string;
}
