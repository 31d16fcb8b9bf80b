import type { Nanoseconds, SegmentIndex } from '../../units.js';
import { isRegular, PAUSE_PERIODS_MIN } from './cadence.js';
import type { IntervalBlock, LongInterval } from './interval-block.js';
import type { Pause } from './session.js';

/** Pauses kept of a stream. */
export const PAUSES_KEPT = 16;

interface OpenPause {
  readonly long: LongInterval;
  bunched: number;
  regularAfter: number;
}

/** The pauses of a stream of known period: all of them up to PAUSES_KEPT, beyond that the first ones and the last. */
export class PauseLedger {
  more = 0;
  private readonly kept: OpenPause[] = [];

  constructor(private readonly periodNs: Nanoseconds) {}

  open(long: LongInterval): void {
    if (this.kept.length === PAUSES_KEPT) {
      this.kept.pop();
      this.more++;
    }
    this.kept.push({ long, bunched: 0, regularAfter: 0 });
  }

  /** Takes in the pauses of a block that passed before the period was known; `following` intervals came after the block. */
  adopt(block: IntervalBlock, following: number): void {
    for (const one of block.longIntervals(this.periodNs * PAUSE_PERIODS_MIN)) {
      this.open(one.long);
      this.kept[this.kept.length - 1].regularAfter = one.following + following;
    }
  }

  /** An ordinary interval came. */
  noteInterval(interval: Nanoseconds): void {
    const latest = this.kept.at(-1);
    if (!latest) return;
    if (isRegular(interval, this.periodNs)) latest.regularAfter++;
    else if (latest.regularAfter === 0 && interval < this.periodNs / 2) latest.bunched++;
  }

  /** A datagram came right behind another one. */
  noteBunched(): void {
    const latest = this.kept.at(-1);
    if (latest?.regularAfter === 0) latest.bunched++;
  }

  list(segment: SegmentIndex): Pause[] {
    return this.kept.map(({ long, bunched, regularAfter }) => ({
      before: { frame: long.beforeFrame, timeNs: long.beforeNs, segment },
      after: { frame: long.afterFrame, timeNs: long.afterNs, segment },
      missed: Math.max(0, Math.round((long.afterNs - long.beforeNs) / this.periodNs) - 1 - bunched),
      regularAfter,
      own: long.own,
      reverse: long.reverse,
    }));
  }
}
