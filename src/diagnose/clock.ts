import type { CaptureFacts, TimeSegment } from '../capture/capture-source.js';
import type { FrameRef, Moment } from '../moment.js';
import { formatRfc3339 } from '../rfc3339.js';
import { absoluteNs, captureIndexOf } from '../units.js';

/** Writes times of the capture for people and programs. */
export class CaptureClock {
  constructor(
    private readonly captures: readonly CaptureFacts[],
    private readonly segments: readonly TimeSegment[],
  ) {}

  /** RFC 3339 with nanoseconds; null where the frame has no time or the capture no date. */
  rfc3339(moment: Moment): string | null {
    const segment = this.segments[moment.segment];
    if (!segment || segment.clock === 'relative') return null;
    const absolute = this.absoluteNs(moment);
    return absolute === null ? null : formatRfc3339(absolute);
  }

  /** Nanoseconds since 1970 (or since the capture's unknown start), or null. */
  absoluteNs(moment: Moment): bigint | null {
    const segment = this.segments[moment.segment];
    return segment ? absoluteNs(segment.baseNs, moment.timeNs) : null;
  }

  /** Seconds since the first frame of the frame's own capture, or null. */
  relativeSeconds(ref: FrameRef): number | null {
    const absolute = this.absoluteNs(ref);
    const first = this.captures[captureIndexOf(ref.frame)]?.firstTimeNs ?? null;
    if (absolute === null || first === null) return null;
    return Number(absolute - first) / 1e9;
  }
}
