import type { Slot } from '../../observe/slot.js';
import { TimeBins } from './time-bins.js';

/** Segments of which a picture is drawn. */
const SEGMENTS_MAX = 64;

const FRAMES = 0;
const BYTES = 1;
const CUT = 2;

/** All frames over time: frames, bytes on the wire, frames that the capture cut. One series a segment. */
export class FrameBins {
  readonly segments: TimeBins[] = [];

  /** The frames of a round; copies are frames like any other. */
  take({ chunk, firstFrame, nextFrame }: Slot): void {
    if (chunk.segment >= SEGMENTS_MAX) return;
    while (this.segments.length <= chunk.segment) {
      this.segments.push(new TimeBins(this.segments.length, ['sum', 'sum', 'sum']));
    }
    const bins = this.segments[chunk.segment];
    const { timeNs, originalLength, capturedLength } = chunk.frames;
    for (let index = firstFrame; index < nextFrame; index++) {
      const bin = bins.binOf(timeNs[index]);
      if (bin < 0) continue;
      const { columns } = bins;
      columns[FRAMES][bin]++;
      columns[BYTES][bin] += originalLength[index];
      if (capturedLength[index] < originalLength[index]) columns[CUT][bin]++;
    }
  }
}
