import type { FrameRef } from '../../moment.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../units.js';

/** A two-way flow of UDP in which at least one direction may be a keepalive stream. */
export interface KeepaliveLink {
  /** `low to high` and `high to low`, as the flow registry orders endpoints. */
  readonly directions: readonly [LinkDirection, LinkDirection];
  /** Index of the tunnel stack; 0: not in a tunnel. */
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly firstFrame: FrameId;
}

export interface LinkDirection {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  /** Datagrams of any length; their last one, null where there is none. */
  readonly packets: number;
  readonly last: FrameRef | null;
  /** The periodic class of datagrams, null where there is none. */
  readonly stream: KeepaliveStream | null;
}

/** Datagrams of one direction whose lengths differ by at most LENGTH_SPREAD_MAX bytes. */
export interface KeepaliveStream {
  readonly shortestLength: number;
  readonly longestLength: number;
  readonly packets: number;
  /** Intervals between them since the present cadence was taken up. */
  readonly intervals: number;
  /** The learned period; NaN where the intervals are too few or too irregular. */
  readonly periodNs: Nanoseconds;
  /** Mean of all intervals; NaN below two packets. */
  readonly meanIntervalNs: Nanoseconds;
  /** Blocks of ten intervals with the median within 5 % of the period, and the others. */
  readonly steadyBlocks: number;
  readonly unsteadyBlocks: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** Intervals of at least 2.5 periods; at most PAUSES_KEPT, the last one always among them. */
  readonly pauses: readonly Pause[];
  /** Pauses that were counted only. */
  readonly morePauses: number;
  /** How often other traffic came within a regular interval, per interval: from this side, and from the other. */
  readonly ownShare: number;
  readonly reverseShare: number;
  /** Keepalives that came on time although this side, or the other, had just sent something else: no idle timer drives them. */
  readonly ownIndependence: number;
  readonly reverseIndependence: number;
  /** Datagrams of any other kind after the last one of the stream: of this side, and of the other. */
  readonly ownAfter: number;
  readonly reverseAfter: number;
  readonly jitter: Jitter;
}

/** A time in which datagrams of the stream were due and none came. */
export interface Pause {
  readonly before: FrameRef;
  readonly after: FrameRef;
  /** Periods that passed without a datagram; those that came bunched right after it are not among them. */
  readonly missed: number;
  /** Intervals of the old length that followed before the next pause. */
  readonly regularAfter: number;
  /** Other datagrams of the flow meanwhile, of this side and of the other. */
  readonly own: number;
  readonly reverse: number;
}

export interface Jitter {
  /** Blocks of ten intervals of which at least two were shorter than three quarters of the period; and blocks with none. */
  readonly jitteryBlocks: number;
  readonly calmBlocks: number;
  /** Longest run of jittery blocks one after the other, and its ends; null where there is none. */
  readonly longestRun: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  /** Calm blocks before that run. */
  readonly calmBefore: number;
  /** Shortest and longest interval in it. */
  readonly shortestNs: Nanoseconds;
  readonly longestNs: Nanoseconds;
  /** Intervals in it that were shorter than three quarters of the period. */
  readonly shortIntervals: number;
}
