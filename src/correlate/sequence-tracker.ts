import { type FrameId, type Nanoseconds, NS_PER_MILLISECOND, NS_PER_SECOND } from '../units.js';

/** Sequence numbers below the highest one that are remembered one by one; a power of two. */
export const SEQUENCE_WINDOW = 4096;
const WINDOW_MASK = SEQUENCE_WINDOW - 1;
/** Gaps kept one by one; of more, the first ones and the largest ones. */
const GAPS_KEPT = 64;
const FIRST_GAPS_KEPT = 32;
/** Packets in a row, each one number after the other and all of them old, that prove that the sender began anew. */
const RESTART_RUN = 8;
/** Such a run begins at a low number (a new SA at 1), this far back: anything else is reordering or duplicates. */
const RESTART_SEQUENCE_MAX = 64;
const RESTART_DISTANCE = 32;
/** A gap that would have taken a packet rate this many times the highest one seen is a jump of the sender. */
const JUMP_RATE_FACTOR = 20;
/** Packets over which the rate is measured; a power of two. */
const RATE_BLOCK = 256;

/** Numbers that were skipped and have not arrived since. */
export interface SequenceGap {
  /** First number of the gap, as on the wire. */
  readonly sequence: number;
  /** Numbers skipped when the gap opened. */
  readonly length: number;
  /** How many of them are still missing. */
  missing: number;
  readonly beforeFrame: FrameId;
  readonly beforeNs: Nanoseconds;
  readonly afterFrame: FrameId;
  readonly afterNs: Nanoseconds;
}

/**
 * Counts what the sequence numbers of one SA tell: exact as long as late packets come within SEQUENCE_WINDOW of the
 * highest number. Works modulo 2^32, so that a wrap (extended sequence numbers, RFC 4303, section 2.2.1) is no loss.
 * Bounded: 512 bytes of window (from the first number on that is not simply the next) and 64 gaps.
 */
export class SequenceTracker {
  /** As on the wire: of the first packet, and the highest one so far. */
  first = 0;
  highest = 0;
  /** Different numbers seen, and numbers in between that are missing. */
  distinct = 0;
  missing = 0;
  duplicates = 0;
  /** Packets that came after one with a higher number, by how far the highest one was ahead. */
  reordered = 0;
  maxExtent = 0;
  late32 = 0;
  late64 = 0;
  late1024 = 0;
  /** Packets so old that it cannot be told whether they are duplicates or late. */
  beyondWindow = 0;
  /** The sender began anew at a low number; it skipped ahead (a fail-over, RFC 6311); the number wrapped. */
  restarts = 0;
  jumps = 0;
  wraps = 0;
  gapCount = 0;
  readonly gaps: SequenceGap[] = [];
  /** First and last reordered packet, first and last duplicate; null where there are none. */
  late: FirstAndLast | null = null;
  duplicate: FirstAndLast | null = null;

  /** Null while every number from `first` to `highest` was seen, one after the other. */
  private window: Uint32Array | null = null;
  /** How far below `highest` numbers belong to what was seen since the start, a restart or a jump. */
  private reach = 0;
  private blockStartNs: Nanoseconds = Number.NaN;
  private fastestBlockNs: Nanoseconds = Number.POSITIVE_INFINITY;
  private run = 0;
  private runNext = 0;
  private beforeRun: CountsBeforeRun | null = null;

  /** Takes the number of a packet if it is simply the next one; otherwise it is for `observe`. */
  follows(sequence: number): boolean {
    const { window } = this;
    if (((sequence - this.highest) | 0) !== 1 || this.distinct === 0) return false;
    if ((this.distinct & (RATE_BLOCK - 1)) === RATE_BLOCK - 1 || sequence === 0) return false;
    this.run = 0;
    this.highest = sequence;
    this.distinct++;
    this.reach++;
    if (window !== null) window[(sequence & WINDOW_MASK) >>> 5] |= 1 << (sequence & 31);
    return true;
  }

  observe(
    sequence: number,
    ns: Nanoseconds,
    frame: FrameId,
    previousNs: Nanoseconds,
    previousFrame: FrameId,
  ): void {
    if (this.distinct === 0) {
      this.blockStartNs = ns;
      this.first = sequence;
      this.highest = sequence;
      this.distinct = 1;
      return;
    }
    const window = this.window ?? this.openWindow();
    const delta = (sequence - this.highest) | 0;
    if (delta > 0) {
      this.run = 0;
      if (delta > 1) this.skip(window, delta, ns, frame, previousNs, previousFrame);
      if (sequence < this.highest) this.wraps++;
      this.highest = sequence;
      this.distinct++;
      if ((this.distinct & (RATE_BLOCK - 1)) === 0) this.countRate(ns);
      this.reach += delta;
      window[(sequence & WINDOW_MASK) >>> 5] |= 1 << (sequence & 31);
    } else {
      this.observeOld(window, sequence, -delta, ns, frame);
    }
  }

  private openWindow(): Uint32Array {
    const window = new Uint32Array(SEQUENCE_WINDOW / 32);
    const { highest } = this;
    for (let back = Math.min(this.distinct, SEQUENCE_WINDOW) - 1; back >= 0; back--) {
      const seen = highest - back;
      window[(seen & WINDOW_MASK) >>> 5] |= 1 << (seen & 31);
    }
    this.window = window;
    return window;
  }

  /** Keeps the shortest time in which RATE_BLOCK packets came. */
  private countRate(ns: Nanoseconds): void {
    const elapsed = ns - this.blockStartNs;
    if (elapsed < this.fastestBlockNs) this.fastestBlockNs = elapsed;
    this.blockStartNs = ns;
  }

  /** Packets per second: the highest rate over a block, or the mean while there is none yet. */
  private peakRate(previousNs: Nanoseconds): number {
    if (this.fastestBlockNs < Number.POSITIVE_INFINITY) {
      return (RATE_BLOCK * NS_PER_SECOND) / Math.max(this.fastestBlockNs, 1);
    }
    const elapsed = Math.max(previousNs - this.blockStartNs, NS_PER_SECOND);
    return (this.distinct * NS_PER_SECOND) / elapsed;
  }

  /** Numbers between the highest one and that of the current packet have not been seen. */
  private skip(
    window: Uint32Array,
    delta: number,
    ns: Nanoseconds,
    frame: FrameId,
    previousNs: Nanoseconds,
    previousFrame: FrameId,
  ): void {
    const sequence = (this.highest + 1) % 2 ** 32;
    if (delta >= SEQUENCE_WINDOW) window.fill(0);
    else for (let step = 1; step <= delta; step++) clearBit(window, this.highest + step);
    if (this.isJump(delta, ns, previousNs)) {
      this.jumps++;
      this.reach = -delta;
      window.fill(0);
      return;
    }
    const length = delta - 1;
    this.missing += length;
    this.gapCount++;
    this.keepGap({
      sequence,
      length,
      missing: length,
      beforeFrame: previousFrame,
      beforeNs: previousNs,
      afterFrame: frame,
      afterNs: ns,
    });
  }

  /** Unknown times count as a jump: loss is claimed only where it is certain. */
  private isJump(delta: number, ns: Nanoseconds, previousNs: Nanoseconds): boolean {
    if (delta <= SEQUENCE_WINDOW) return false;
    const seconds = Math.max(ns - previousNs, NS_PER_MILLISECOND) / NS_PER_SECOND;
    return !(delta / seconds <= JUMP_RATE_FACTOR * this.peakRate(previousNs));
  }

  private keepGap(gap: SequenceGap): void {
    const { gaps } = this;
    if (gaps.length < GAPS_KEPT) {
      gaps.push(gap);
      return;
    }
    let smallest = FIRST_GAPS_KEPT;
    for (let at = FIRST_GAPS_KEPT + 1; at < gaps.length; at++) {
      if (gaps[at].missing < gaps[smallest].missing) smallest = at;
    }
    if (gaps[smallest].missing < gap.missing) {
      gaps.splice(smallest, 1);
      gaps.push(gap);
    }
  }

  /** A number at or below the highest one, `distance` behind it. */
  private observeOld(
    window: Uint32Array,
    sequence: number,
    distance: number,
    ns: Nanoseconds,
    frame: FrameId,
  ): void {
    const isSeen = (window[(sequence & WINDOW_MASK) >>> 5] & (1 << (sequence & 31))) !== 0;
    const isMissing = !isSeen && distance <= this.reach && distance < SEQUENCE_WINDOW;
    if (isMissing) this.run = 0;
    else if (this.continuesRun(sequence, distance)) return this.restart(window, sequence);
    if (distance >= SEQUENCE_WINDOW) {
      this.beyondWindow++;
    } else if (isSeen) {
      this.duplicates++;
      this.duplicate = noted(this.duplicate, this.duplicates === 1, ns, frame);
    } else {
      this.acceptLate(window, sequence, distance, ns, frame);
    }
  }

  private acceptLate(
    window: Uint32Array,
    sequence: number,
    distance: number,
    ns: Nanoseconds,
    frame: FrameId,
  ): void {
    window[(sequence & WINDOW_MASK) >>> 5] |= 1 << (sequence & 31);
    this.distinct++;
    this.reordered++;
    this.late = noted(this.late, this.reordered === 1, ns, frame);
    if (distance > this.maxExtent) this.maxExtent = distance;
    if (distance >= 32) this.late32++;
    if (distance >= 64) this.late64++;
    if (distance >= 1024) this.late1024++;
    // Older than the first packet: what lies between the two may have passed before the capture began.
    if (distance > this.reach) return;
    this.missing--;
    for (let at = this.gaps.length - 1; at >= 0; at--) {
      const gap = this.gaps[at];
      if ((sequence - gap.sequence) >>> 0 >= gap.length) continue;
      gap.missing--;
      if (gap.missing === 0) this.gaps.splice(at, 1);
      return;
    }
  }

  /** Takes an old number that fills no gap; true where it completes the run that proves a restart. */
  private continuesRun(sequence: number, distance: number): boolean {
    if (this.run > 0 && sequence === this.runNext) {
      this.run++;
    } else {
      this.run = 0;
      if (sequence > RESTART_SEQUENCE_MAX || distance < RESTART_DISTANCE) return false;
      this.run = 1;
      this.rememberCounts();
    }
    this.runNext = sequence + 1;
    return this.run === RESTART_RUN;
  }

  private rememberCounts(): void {
    this.beforeRun = {
      distinct: this.distinct,
      missing: this.missing,
      duplicates: this.duplicates,
      reordered: this.reordered,
      maxExtent: this.maxExtent,
      late32: this.late32,
      late64: this.late64,
      late1024: this.late1024,
      beyondWindow: this.beyondWindow,
    };
  }

  /** What looked like a run of old packets is a sender that began anew. */
  private restart(window: Uint32Array, sequence: number): void {
    if (this.beforeRun) Object.assign(this, this.beforeRun);
    this.restarts++;
    this.distinct += RESTART_RUN;
    this.highest = sequence;
    this.reach = RESTART_RUN - 1;
    this.run = 0;
    window.fill(0);
    for (let step = 0; step < RESTART_RUN; step++) {
      const seen = sequence - step;
      window[(seen & WINDOW_MASK) >>> 5] |= 1 << (seen & 31);
    }
  }
}

/** Where something was seen first and last. */
interface FirstAndLast {
  firstNs: Nanoseconds;
  firstFrame: FrameId;
  lastNs: Nanoseconds;
  lastFrame: FrameId;
}

function noted(known: FirstAndLast | null, isFirst: boolean, ns: Nanoseconds, frame: FrameId): FirstAndLast {
  if (known === null || isFirst) return { firstNs: ns, firstFrame: frame, lastNs: ns, lastFrame: frame };
  known.lastNs = ns;
  known.lastFrame = frame;
  return known;
}

type CountsBeforeRun = Pick<
  SequenceTracker,
  | 'distinct'
  | 'missing'
  | 'duplicates'
  | 'reordered'
  | 'maxExtent'
  | 'late32'
  | 'late64'
  | 'late1024'
  | 'beyondWindow'
>;

function clearBit(window: Uint32Array, sequence: number): void {
  window[(sequence & WINDOW_MASK) >>> 5] &= ~(1 << (sequence & 31));
}
