import type { FrameRef } from '../moment.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../units.js';

/** A frame that is replaced by a later or an earlier one: one object for all of them. */
export class OpenRef implements FrameRef {
  constructor(
    public frame: FrameId,
    public timeNs: Nanoseconds,
    readonly segment: SegmentIndex,
  ) {}

  set(frame: FrameId, timeNs: Nanoseconds): void {
    this.frame = frame;
    this.timeNs = timeNs;
  }
}
