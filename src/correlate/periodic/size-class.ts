import type { FrameRef } from '../../moment.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../units.js';
import * as cadence from './cadence.js';
import { IntervalBlock } from './interval-block.js';
import { JitterLedger } from './jitter-ledger.js';
import { PauseLedger } from './pause-ledger.js';
import type { KeepaliveStream } from './session.js';

/** A datagram, and what was seen of its flow before it; reused from row to row. */
export interface Arrival {
  ns: Nanoseconds;
  frame: FrameId;
  segment: SegmentIndex;
  /** Datagrams of the flow before this one: of this side and of the other. */
  ownPackets: number;
  reversePackets: number;
  /** Their latest times; -Infinity where there is none. */
  ownNs: Nanoseconds;
  reverseNs: Nanoseconds;
}

/** Datagrams of one length class in one direction; from the second one on, `Learning` follows their intervals. */
export class SizeClass {
  packets = 1;
  /** Too fast for a keepalive: its datagrams are ignored from now on. */
  isRejected = false;
  private shortestLength: number;
  private longestLength: number;
  private readonly firstNs: Nanoseconds;
  private readonly firstFrame: FrameId;
  private readonly ownAtFirst: number;
  private readonly reverseAtFirst: number;
  private learning: Learning | null = null;

  constructor(length: number, arrival: Arrival) {
    this.shortestLength = length;
    this.longestLength = length;
    this.firstNs = arrival.ns;
    this.firstFrame = arrival.frame;
    this.ownAtFirst = arrival.ownPackets + 1;
    this.reverseAtFirst = arrival.reversePackets;
  }

  get latestNs(): Nanoseconds {
    return this.learning?.lastNs ?? this.firstNs;
  }

  admits(length: number): boolean {
    return (
      length >= this.longestLength - cadence.LENGTH_SPREAD_MAX &&
      length <= this.shortestLength + cadence.LENGTH_SPREAD_MAX
    );
  }

  take(length: number, arrival: Arrival): void {
    if (length < this.shortestLength) this.shortestLength = length;
    if (length > this.longestLength) this.longestLength = length;
    this.packets++;
    const { firstNs, firstFrame, ownAtFirst, reverseAtFirst } = this;
    this.learning ??= new Learning(firstNs, firstFrame, ownAtFirst, reverseAtFirst);
    if (this.learning.take(arrival)) return;
    this.isRejected = true;
    this.learning = null;
  }

  /**
   * @param ownPackets datagrams of this direction so far, of any length.
   * @param reversePackets those of the other direction.
   * @returns null below two datagrams, and where the class is rejected.
   */
  describe(segment: SegmentIndex, ownPackets: number, reversePackets: number): KeepaliveStream | null {
    if (this.learning === null) return null;
    const { shortestLength, longestLength, packets, firstNs } = this;
    const first: FrameRef = { frame: this.firstFrame, timeNs: firstNs, segment };
    return {
      shortestLength,
      longestLength,
      packets,
      first,
      ...this.learning.describe(segment, firstNs, ownPackets, reversePackets),
    };
  }
}

/** Other traffic shortly before a datagram is no proof that the timer ran on regardless: the timer may be that exact. */
const INDEPENDENT_BEFORE_PERIODS = 0.8;
const REGULAR_PERIODS_MAX = 1.2;

/**
 * Learns whether datagrams are periodic. The period stands once two blocks of ten intervals agree; when two later
 * blocks agree on another one, the stream begins anew with that. Holds 20 intervals and PAUSES_KEPT pauses.
 */
class Learning {
  lastNs: Nanoseconds;
  private lastFrame: FrameId;
  private ownAtLast: number;
  private reverseAtLast: number;
  private periodNs = Number.NaN;
  /** Median of the last block if that had a cadence of its own. */
  private rivalNs = Number.NaN;
  private block: IntervalBlock;
  private previousBlock: IntervalBlock | null = null;
  private intervals = 0;
  private steadyBlocks = 0;
  private unsteadyBlocks = 0;
  private regularIntervals = 0;
  private ownInRegular = 0;
  private reverseInRegular = 0;
  private ownIndependence = 0;
  private reverseIndependence = 0;
  private pauses: PauseLedger | null = null;
  private jitter: JitterLedger | null = null;

  constructor(ns: Nanoseconds, frame: FrameId, own: number, reverse: number) {
    this.lastNs = ns;
    this.lastFrame = frame;
    this.ownAtLast = own;
    this.reverseAtLast = reverse;
    this.block = new IntervalBlock(ns, frame);
  }

  /** @returns false where the datagrams are too fast for a keepalive. */
  take(arrival: Arrival): boolean {
    const interval = arrival.ns - this.lastNs;
    const reference = Number.isNaN(this.periodNs) ? this.rivalNs : this.periodNs;
    if (interval <= 0 || interval < reference * cadence.REPEAT_PERIODS_MAX) {
      this.pauses?.noteBunched();
      return true;
    }
    const own = arrival.ownPackets - this.ownAtLast;
    const reverse = arrival.reversePackets - this.reverseAtLast;
    if (interval <= reference * REGULAR_PERIODS_MAX) {
      this.noteOtherTraffic(reference * INDEPENDENT_BEFORE_PERIODS, own, reverse, arrival);
    }
    if (this.pauses) this.notePause(this.pauses, interval, own, reverse, arrival);
    this.block.push(interval, arrival.frame, own, reverse);
    this.intervals++;
    this.lastNs = arrival.ns;
    this.lastFrame = arrival.frame;
    this.ownAtLast = arrival.ownPackets + 1;
    this.reverseAtLast = arrival.reversePackets;
    return !this.block.isFull || this.endBlock(arrival.segment);
  }

  /** Traffic of another kind within a regular interval: does the stream come regardless of it? */
  private noteOtherTraffic(recent: Nanoseconds, own: number, reverse: number, arrival: Arrival): void {
    this.regularIntervals++;
    this.ownInRegular += own;
    this.reverseInRegular += reverse;
    if (own > 0 && arrival.ns - arrival.ownNs < recent) this.ownIndependence++;
    if (reverse > 0 && arrival.ns - arrival.reverseNs < recent) this.reverseIndependence++;
  }

  private notePause(
    pauses: PauseLedger,
    interval: Nanoseconds,
    own: number,
    reverse: number,
    arrival: Arrival,
  ): void {
    if (interval < this.periodNs * cadence.PAUSE_PERIODS_MIN) {
      pauses.noteInterval(interval);
      return;
    }
    const { lastNs: beforeNs, lastFrame: beforeFrame } = this;
    pauses.open({ beforeNs, beforeFrame, afterNs: arrival.ns, afterFrame: arrival.frame, own, reverse });
  }

  private endBlock(segment: SegmentIndex): boolean {
    const { block } = this;
    const intervals = block.intervals();
    const median = cadence.medianOf(intervals);
    if (median < cadence.PERIOD_NS_MIN && this.isWithoutCadence()) return false;
    const first = { frame: block.startFrame, timeNs: block.startNs, segment };
    const last = { frame: this.lastFrame, timeNs: this.lastNs, segment };
    this.jitter ??= new JitterLedger();
    this.jitter.note(intervals, this.jitterReference(intervals, median), first, last);
    this.compare(cadence.hasCadence(intervals, median) ? median : Number.NaN);
    this.previousBlock = block;
    this.block = new IntervalBlock(this.lastNs, this.lastFrame);
    return true;
  }

  private isWithoutCadence(): boolean {
    return Number.isNaN(this.periodNs) || this.unsteadyBlocks > this.steadyBlocks;
  }

  /** A block may be too irregular for a median: then its mean is nearer to the sender's period. */
  private jitterReference(intervals: readonly number[], median: Nanoseconds): Nanoseconds {
    if (!Number.isNaN(this.periodNs)) return this.periodNs;
    const mean = intervals.reduce((sum, interval) => sum + interval, 0) / intervals.length;
    return cadence.isSamePeriod(mean, median) ? median : mean;
  }

  /** `median`: that of the block which ends; NaN where it has no cadence. */
  private compare(median: Nanoseconds): void {
    if (cadence.isSamePeriod(median, this.periodNs)) this.steadyBlocks++;
    else if (cadence.isSamePeriod(median, this.rivalNs)) this.takeUp((median + this.rivalNs) / 2);
    else this.unsteadyBlocks++;
    this.rivalNs = median;
  }

  /** The last two blocks agree: this is the period, from the earlier of them on. */
  private takeUp(periodNs: Nanoseconds): void {
    this.periodNs = periodNs;
    this.steadyBlocks = 2;
    this.unsteadyBlocks = 0;
    this.pauses = this.pausesInHand(periodNs);
  }

  /** Pauses of the last two blocks by a period that was not known when they passed. */
  private pausesInHand(periodNs: Nanoseconds): PauseLedger {
    const pauses = new PauseLedger(periodNs);
    if (this.previousBlock) pauses.adopt(this.previousBlock, this.block.length);
    pauses.adopt(this.block, 0);
    return pauses;
  }

  describe(
    segment: SegmentIndex,
    firstNs: Nanoseconds,
    ownPackets: number,
    reversePackets: number,
  ): Omit<KeepaliveStream, 'shortestLength' | 'longestLength' | 'packets' | 'first'> {
    const { intervals, regularIntervals, steadyBlocks, unsteadyBlocks } = this;
    const isShort = intervals < 2 * cadence.BLOCK_INTERVALS;
    const few = [...(this.previousBlock?.intervals() ?? []), ...this.block.intervals()];
    const periodNs = isShort ? cadence.periodOfFew(few) : this.periodNs;
    const pauses = this.pauses ?? this.pausesInHand(periodNs);
    return {
      intervals: isShort ? intervals : (steadyBlocks + unsteadyBlocks) * cadence.BLOCK_INTERVALS,
      periodNs,
      meanIntervalNs: intervals > 0 ? (this.lastNs - firstNs) / intervals : Number.NaN,
      steadyBlocks,
      unsteadyBlocks,
      last: { frame: this.lastFrame, timeNs: this.lastNs, segment },
      pauses: pauses.list(segment),
      morePauses: pauses.more,
      ownShare: regularIntervals > 0 ? this.ownInRegular / regularIntervals : 0,
      reverseShare: regularIntervals > 0 ? this.reverseInRegular / regularIntervals : 0,
      ownIndependence: this.ownIndependence,
      reverseIndependence: this.reverseIndependence,
      ownAfter: ownPackets - this.ownAtLast,
      reverseAfter: reversePackets - this.reverseAtLast,
      jitter: (this.jitter ?? new JitterLedger()).describe(),
    };
  }
}
