import type { FrameRef } from '../../moment.js';
import type { Nanoseconds } from '../../units.js';
import { isShort } from './cadence.js';
import type { Jitter } from './session.js';

/**
 * Short intervals that a block needs to be jittery. A lost datagram makes long intervals only; one that comes late
 * makes a long interval and a short one after it.
 */
const SHORT_IN_BLOCK_MIN = 2;

interface Run {
  blocks: number;
  readonly calmBefore: number;
  readonly first: FrameRef;
  last: FrameRef;
  shortestNs: Nanoseconds;
  longestNs: Nanoseconds;
  shortIntervals: number;
}

/** Counts jittery blocks and keeps the longest run of them. */
export class JitterLedger {
  private jitteryBlocks = 0;
  private calmBlocks = 0;
  private run: Run | null = null;
  private longest: Run | null = null;

  /** A block of intervals from datagram `first` to datagram `last`. */
  note(intervals: readonly Nanoseconds[], periodNs: Nanoseconds, first: FrameRef, last: FrameRef): void {
    const shortIntervals = intervals.filter((interval) => isShort(interval, periodNs)).length;
    if (shortIntervals === 0) this.calmBlocks++;
    if (shortIntervals < SHORT_IN_BLOCK_MIN) {
      this.run = null;
      return;
    }
    this.jitteryBlocks++;
    this.run ??= {
      blocks: 0,
      calmBefore: this.calmBlocks,
      first,
      last,
      shortestNs: Number.POSITIVE_INFINITY,
      longestNs: 0,
      shortIntervals: 0,
    };
    const { run } = this;
    run.blocks++;
    run.last = last;
    run.shortIntervals += shortIntervals;
    run.shortestNs = Math.min(run.shortestNs, ...intervals);
    run.longestNs = Math.max(run.longestNs, ...intervals);
    if (this.longest === null || run.blocks >= this.longest.blocks) this.longest = run;
  }

  describe(): Jitter {
    const { longest } = this;
    return {
      jitteryBlocks: this.jitteryBlocks,
      calmBlocks: this.calmBlocks,
      longestRun: longest?.blocks ?? 0,
      first: longest?.first ?? null,
      last: longest?.last ?? null,
      calmBefore: longest?.calmBefore ?? 0,
      shortestNs: longest?.shortestNs ?? Number.NaN,
      longestNs: longest?.longestNs ?? Number.NaN,
      shortIntervals: longest?.shortIntervals ?? 0,
    };
  }
}
