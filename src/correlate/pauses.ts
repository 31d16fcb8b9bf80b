import { type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../units.js';

/** A stretch of a segment without any frame, all flows together. */
export interface CapturePause {
  readonly segment: SegmentIndex;
  readonly fromNs: Nanoseconds;
  readonly toNs: Nanoseconds;
}

interface Gap extends CapturePause {
  /** Ordinal in the run of the frame that ends it. */
  readonly frame: number;
  /** Longest gap so far among the frames around it. */
  usualNs: Nanoseconds;
}

/** A shorter gap is taken as watched: nobody stops a capture and starts it again that fast. */
export const PAUSE_SECONDS_MIN = 5;
/** A longer gap is a pause whatever the gaps around it: no protocol that is judged keeps quiet for longer. */
export const PAUSE_SECONDS_MAX = 600;
/** Of gaps of that order a quiet link is full; one that stands out by more is a pause. */
const PAUSE_RATIO = 3;
/** How many frames before and after a gap show what is usual there. */
export const PAUSE_NEIGHBOURS = 32;
/** Shorter gaps make no pause ordinary. */
const GAP_NOTED_NS = (PAUSE_SECONDS_MIN * NS_PER_SECOND) / PAUSE_RATIO;
const PAUSES_KEPT = 4096;

/**
 * Tells the pauses of a capture: stretches without any frame in which it may not have run, so that they prove nothing
 * about anybody's silence. A frame proves that the capture ran when it was taken; between two frames it is taken to
 * have run where they are at most 5 s apart, or at most 600 s and no more than three times as far as the widest other
 * gap among the 32 frames before and after (the beat of a quiet link, or timers that back off). Where frames come from
 * (one file, rotated files, merged ones, captures hours apart) is of no account. Holds the longest PAUSES_KEPT.
 */
export class PauseTracker {
  private settled: CapturePause[] = [];
  /** Gaps of at least GAP_NOTED_NS whose frames after them are not all seen yet. */
  private recent: Gap[] = [];

  /** A gap that ends with that frame. Shorter ones than a second and a half may be left out. */
  note(segment: SegmentIndex, fromNs: Nanoseconds, toNs: Nanoseconds, frame: number): void {
    const lengthNs = toNs - fromNs;
    if (lengthNs < GAP_NOTED_NS) return;
    this.settleBefore(frame);
    let usualNs = 0;
    for (const other of this.recent) {
      usualNs = Math.max(usualNs, lengthOf(other));
      other.usualNs = Math.max(other.usualNs, lengthNs);
    }
    this.recent.push({ segment, fromNs, toNs, frame, usualNs });
  }

  /** Times that follow do not compare with those so far. */
  endSegment(): void {
    this.settleBefore(Number.POSITIVE_INFINITY);
  }

  /** As far as is known so far, in order of time. */
  pauses(): readonly CapturePause[] {
    this.thin();
    return [...this.settled, ...this.recent.filter(isPause)].map(silenceOf);
  }

  private settleBefore(frame: number): void {
    const done = this.recent.findIndex((gap) => frame - gap.frame <= PAUSE_NEIGHBOURS);
    const count = done < 0 ? this.recent.length : done;
    if (count === 0) return;
    this.settled.push(...this.recent.splice(0, count).filter(isPause));
    if (this.settled.length >= 2 * PAUSES_KEPT) this.thin();
  }

  private thin(): void {
    if (this.settled.length > PAUSES_KEPT) this.settled = longest(this.settled, PAUSES_KEPT);
  }
}

/** The longest `count` of them, of equally long ones the first, in the order given. */
export function longest(silences: readonly CapturePause[], count: number): CapturePause[] {
  if (silences.length <= count) return [...silences];
  const shortest = silences.map(lengthOf).sort((a, b) => b - a)[count - 1];
  let room = count - silences.filter((silence) => lengthOf(silence) > shortest).length;
  return silences.filter(
    (silence) => lengthOf(silence) > shortest || (lengthOf(silence) === shortest && room-- > 0),
  );
}

function isPause(gap: Gap): boolean {
  const seconds = lengthOf(gap) / NS_PER_SECOND;
  if (seconds <= PAUSE_SECONDS_MIN) return false;
  return seconds > PAUSE_SECONDS_MAX || lengthOf(gap) > PAUSE_RATIO * gap.usualNs;
}

function silenceOf({ segment, fromNs, toNs }: CapturePause): CapturePause {
  return { segment, fromNs, toNs };
}

function lengthOf({ fromNs, toNs }: CapturePause): Nanoseconds {
  return toNs - fromNs;
}
