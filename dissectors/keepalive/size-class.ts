import type { FrameRef } from '../../src/diagnose/diagnosis.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../src/units.js';
import * as cadence from './cadence.js';
import { JitterLedger } from './jitter-ledger.js';
import { CandidatePauses, PauseLedger } from './pause-ledger.js';
import type { Stream } from './session.js';

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

/** Other traffic shortly before a datagram is no proof that the timer ran on regardless: the timer may be that exact. */
const INDEPENDENT_BEFORE_PERIODS = 0.8;
const REGULAR_PERIODS_MAX = 1.2;

/**
 * Learns whether the datagrams of one length class in one direction are periodic. The period stands once two blocks of
 * ten intervals agree; when two later blocks agree on another one, the stream begins anew with that. Holds at most 20
 * intervals and PAUSES_KEPT pauses.
 */
export class SizeClass {
  shortestLength: number;
  longestLength: number;
  packets = 1;
  /** Too fast for a keepalive: its datagrams are ignored from now on. */
  isRejected = false;
  private readonly segment: SegmentIndex;
  private firstNs: Nanoseconds;
  private firstFrame: FrameId;
  private lastNs: Nanoseconds;
  private lastFrame: FrameId;
  private ownAtLast = 0;
  private reverseAtLast = 0;
  private periodNs = Number.NaN;
  /** Median of the block before, while nothing is learned; of the last block that left the period, afterwards. */
  private rivalNs = Number.NaN;
  private block: number[] = [];
  private previousBlock: readonly number[] = [];
  private intervals = 0;
  private steadyBlocks = 0;
  private unsteadyBlocks = 0;
  private regularIntervals = 0;
  private ownInRegular = 0;
  private reverseInRegular = 0;
  private ownIndependence = 0;
  private reverseIndependence = 0;
  private readonly candidates = new CandidatePauses();
  private pauses: PauseLedger | null = null;
  private readonly jitter = new JitterLedger();

  constructor(length: number, arrival: Arrival) {
    this.shortestLength = length;
    this.longestLength = length;
    this.segment = arrival.segment;
    this.firstNs = arrival.ns;
    this.firstFrame = arrival.frame;
    this.lastNs = arrival.ns;
    this.lastFrame = arrival.frame;
    this.ownAtLast = arrival.ownPackets + 1;
    this.reverseAtLast = arrival.reversePackets;
  }

  get latestNs(): Nanoseconds {
    return this.lastNs;
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
    const interval = arrival.ns - this.lastNs;
    const reference = Number.isNaN(this.periodNs) ? this.rivalNs : this.periodNs;
    if (interval <= 0 || interval < reference * cadence.REPEAT_PERIODS_MAX) {
      this.pauses?.noteBunched();
      return;
    }
    if (reference > 0) this.noteOtherTraffic(interval, reference, arrival);
    this.notePause(interval, arrival);
    this.block.push(interval);
    this.intervals++;
    this.jitter.note(interval, { frame: this.lastFrame, timeNs: this.lastNs, segment: this.segment });
    this.lastNs = arrival.ns;
    this.lastFrame = arrival.frame;
    this.ownAtLast = arrival.ownPackets + 1;
    this.reverseAtLast = arrival.reversePackets;
    if (this.block.length === cadence.BLOCK_INTERVALS) this.endBlock();
  }

  /** Traffic of another kind since the last datagram: does the stream come regardless of it? */
  private noteOtherTraffic(interval: number, reference: number, arrival: Arrival): void {
    if (interval > reference * REGULAR_PERIODS_MAX) return;
    const own = arrival.ownPackets - this.ownAtLast;
    const reverse = arrival.reversePackets - this.reverseAtLast;
    this.regularIntervals++;
    this.ownInRegular += own;
    this.reverseInRegular += reverse;
    const recent = reference * INDEPENDENT_BEFORE_PERIODS;
    if (own > 0 && arrival.ns - arrival.ownNs < recent) this.ownIndependence++;
    if (reverse > 0 && arrival.ns - arrival.reverseNs < recent) this.reverseIndependence++;
  }

  private notePause(interval: number, arrival: Arrival): void {
    const isPause = interval >= this.periodNs * cadence.PAUSE_PERIODS_MIN;
    if (this.pauses && !isPause) {
      this.pauses.noteInterval(interval);
      return;
    }
    if (this.pauses === null && !this.candidates.isWorthKeeping(interval)) return;
    const pause = {
      before: { frame: this.lastFrame, timeNs: this.lastNs, segment: this.segment },
      after: { frame: arrival.frame, timeNs: arrival.ns, segment: this.segment },
      ordinal: this.intervals,
      own: arrival.ownPackets - this.ownAtLast,
      reverse: arrival.reversePackets - this.reverseAtLast,
    };
    if (this.pauses) this.pauses.open(pause);
    else this.candidates.add(pause);
  }

  private endBlock(): void {
    const { block } = this;
    const median = cadence.medianOf(block);
    if (median < cadence.PERIOD_NS_MIN && this.isWithoutCadence()) {
      this.isRejected = true;
      this.block = [];
      this.previousBlock = [];
      return;
    }
    const last = { frame: this.lastFrame, timeNs: this.lastNs, segment: this.segment };
    this.jitter.endBlock(this.jitterReference(median), last);
    const isTight = cadence.hasCadence(block, median);
    if (!isTight) this.unsteadyBlocks++;
    else if (cadence.isSamePeriod(median, this.periodNs)) this.steadyBlocks++;
    else if (cadence.isSamePeriod(median, this.rivalNs)) this.takeUp((median + this.rivalNs) / 2);
    else this.unsteadyBlocks++;
    this.rivalNs = isTight ? median : Number.NaN;
    this.previousBlock = block;
    this.block = [];
  }

  private isWithoutCadence(): boolean {
    return Number.isNaN(this.periodNs) || this.unsteadyBlocks > this.steadyBlocks;
  }

  /** A block may be too irregular for a median: then the mean of all intervals is nearer to the sender's period. */
  private jitterReference(median: Nanoseconds): Nanoseconds {
    if (!Number.isNaN(this.periodNs)) return this.periodNs;
    const mean = (this.lastNs - this.firstNs) / this.intervals;
    return cadence.isSamePeriod(mean, median) ? median : mean;
  }

  /** Two blocks agree: this is the period, from the earlier of them on. */
  private takeUp(periodNs: Nanoseconds): void {
    const isFirst = Number.isNaN(this.periodNs);
    this.periodNs = periodNs;
    this.steadyBlocks = 2;
    this.unsteadyBlocks = 0;
    this.pauses = new PauseLedger(periodNs);
    const kept = isFirst ? this.candidates.since(this.intervals - 2 * cadence.BLOCK_INTERVALS) : [];
    for (const pause of kept) this.pauses.adopt(pause, this.intervals);
  }

  /**
   * @param ownPackets datagrams of this direction so far, of any length.
   * @param reversePackets those of the other direction.
   */
  describe(ownPackets: number, reversePackets: number): Stream {
    const { segment, intervals } = this;
    const few = intervals < 2 * cadence.BLOCK_INTERVALS;
    const periodNs = few ? cadence.periodOfFew([...this.previousBlock, ...this.block]) : this.periodNs;
    const pauses = this.pauses ?? this.shortLedger(periodNs);
    return {
      shortestLength: this.shortestLength,
      longestLength: this.longestLength,
      packets: this.packets,
      intervals: few ? intervals : (this.steadyBlocks + this.unsteadyBlocks) * cadence.BLOCK_INTERVALS,
      periodNs,
      meanIntervalNs: intervals > 0 ? (this.lastNs - this.firstNs) / intervals : Number.NaN,
      steadyBlocks: this.steadyBlocks,
      unsteadyBlocks: this.unsteadyBlocks,
      first: { frame: this.firstFrame, timeNs: this.firstNs, segment },
      last: this.lastRef(),
      pauses: pauses.list(),
      morePauses: pauses.more,
      ownShare: this.regularIntervals > 0 ? this.ownInRegular / this.regularIntervals : 0,
      reverseShare: this.regularIntervals > 0 ? this.reverseInRegular / this.regularIntervals : 0,
      ownIndependence: this.ownIndependence,
      reverseIndependence: this.reverseIndependence,
      ownAfter: ownPackets - this.ownAtLast,
      reverseAfter: reversePackets - this.reverseAtLast,
      jitter: this.jitter.describe(),
    };
  }

  private lastRef(): FrameRef {
    return { frame: this.lastFrame, timeNs: this.lastNs, segment: this.segment };
  }

  private shortLedger(periodNs: Nanoseconds): PauseLedger {
    const ledger = new PauseLedger(periodNs);
    for (const pause of this.candidates.since(0)) ledger.adopt(pause, this.intervals);
    return ledger;
  }
}
