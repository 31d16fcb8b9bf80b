import type { FrameRef } from '../../src/diagnose/diagnosis.js';
import type { Nanoseconds } from '../../src/units.js';
import { isRegular, PAUSE_PERIODS_MIN } from './cadence.js';
import type { Pause } from './session.js';

/** Pauses kept of a stream, and long intervals kept while its period is being learned. */
export const PAUSES_KEPT = 16;
const CANDIDATES_KEPT = 4;

/** A long interval, before it is known what that means for the stream. */
export interface LongInterval {
  readonly before: FrameRef;
  readonly after: FrameRef;
  /** Intervals of the stream before this one. */
  readonly ordinal: number;
  /** Other datagrams of the flow meanwhile, of this side and of the other. */
  readonly own: number;
  readonly reverse: number;
}

/** The longest intervals of a class whose period is not known yet. */
export class CandidatePauses {
  private kept: LongInterval[] = [];

  isWorthKeeping(interval: Nanoseconds): boolean {
    return this.kept.length < CANDIDATES_KEPT || this.kept.some((one) => lengthOf(one) < interval);
  }

  add(candidate: LongInterval): void {
    this.kept.push(candidate);
    if (this.kept.length <= CANDIDATES_KEPT) return;
    const shortest = Math.min(...this.kept.map(lengthOf));
    this.kept.splice(
      this.kept.findIndex((one) => lengthOf(one) === shortest),
      1,
    );
  }

  since(ordinal: number): LongInterval[] {
    return this.kept.filter((one) => one.ordinal >= ordinal).sort((a, b) => a.ordinal - b.ordinal);
  }
}

interface OpenPause extends LongInterval {
  bunched: number;
  regularAfter: number;
}

/** The pauses of a stream of known period: all of them up to PAUSES_KEPT, beyond that the first ones and the last. */
export class PauseLedger {
  more = 0;
  private readonly kept: OpenPause[] = [];

  constructor(private readonly periodNs: Nanoseconds) {}

  open(pause: LongInterval): void {
    if (this.kept.length === PAUSES_KEPT) {
      this.kept.pop();
      this.more++;
    }
    this.kept.push({ ...pause, bunched: 0, regularAfter: 0 });
  }

  /** Takes a long interval in that passed before the period was known, if it is a pause. */
  adopt(candidate: LongInterval, intervalsNow: number): void {
    if (!(lengthOf(candidate) >= this.periodNs * PAUSE_PERIODS_MIN)) return;
    this.open(candidate);
    this.kept[this.kept.length - 1].regularAfter = intervalsNow - candidate.ordinal - 1;
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

  list(): Pause[] {
    return this.kept.map(({ before, after, own, reverse, bunched, regularAfter }) => ({
      before,
      after,
      missed: Math.max(0, Math.round((after.timeNs - before.timeNs) / this.periodNs) - 1 - bunched),
      regularAfter,
      own,
      reverse,
    }));
  }
}

function lengthOf({ before, after }: LongInterval): Nanoseconds {
  return after.timeNs - before.timeNs;
}
