import type { KeepaliveLink } from '../../src/correlate/periodic/session.js';
import type { FrameRef } from '../../src/moment.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../src/units.js';

/**
 * One UDP conversation that carries SCION: the link between two border routers, or between a router and a host or
 * service of its AS.
 */
export interface ScionLink {
  readonly low: string;
  readonly lowPort: number;
  readonly high: string;
  readonly highPort: number;
  /** Index of the tunnel stack; 0: not in a tunnel. */
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly firstFrame: FrameId;
  /** `low` to `high`, and back. */
  readonly directions: readonly [ScionDirection, ScionDirection];
  /** Keepalives of 2018, learned from times and lengths; null where none were seen. */
  readonly keepalive: KeepaliveLink | null;
  /** SCMP errors, by direction and code. */
  readonly errors: readonly ScmpError[];
  /** Echo requests by direction, destination and identifier. */
  readonly echoes: readonly EchoStream[];
}

export interface ScionDirection {
  readonly packets: number;
  /** Bytes of SCION packets. */
  readonly bytes: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  /** By generation: the header of 2018, and the current one. */
  readonly old: Tally;
  readonly current: Tally;
  readonly largestPacket: number;
  /** ISD-AS that packets of this direction name as their source, and as their destination; at most 16 of each. */
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
  /** The ASes at the two ends, by packets that go from the one to the other and no further (BFD, an empty path, one of one hop); null where there are none. */
  readonly neighbours: { readonly from: string; readonly to: string } | null;
  /** Packets with a path of one hop other than BFD: on their way to the next AS, or still within their own. */
  readonly oneHopPackets: number;
  readonly bfd: Tally;
  readonly gatewayFrames: Tally;
  /** Sessions of gateway frames, at most 16. */
  readonly gatewaySessions: readonly number[];
  /** Path-segment construction beacons, path registrations, and other control messages (2018). */
  readonly beacons: ControlTally;
  readonly registrations: ControlTally;
  readonly otherControl: Tally;
  /** UDP of at least 200 bytes over this link only that could not be read: control messages by their size. */
  readonly unreadControl: Tally;
  /** Packets by the time at which their path expires; at most 16, the earliest. */
  readonly paths: readonly PathUse[];
  /** The sender's clock, by packets that carry the time at which they were made; null where there are none. */
  readonly stamps: ClockStamps | null;
}

/** The time of capture less the time in the packet, over the packets of a direction. */
export interface ClockStamps {
  readonly count: number;
  /** Seconds from the base of the time segment, less seconds since 1970. */
  readonly leastLagSeconds: number;
  readonly mostLagSeconds: number;
  /** False where every packet carries the same time, so that it is not that of the packet. */
  readonly isMoving: boolean;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** Packets of a kind. */
export interface Tally {
  readonly count: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
}

export interface ControlTally extends Tally {
  /** The longest time between two of them, and the frames around it. */
  readonly longestGapNs: Nanoseconds;
  readonly gapFrom: FrameRef | null;
  readonly gapTo: FrameRef | null;
}

export interface PathUse {
  /** Seconds since 1970 at which the first hop field of the path expires. */
  readonly expirySeconds: number;
  readonly packets: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

export interface ScmpError {
  /** 0: from `low` to `high`. */
  readonly direction: number;
  readonly isCurrent: boolean;
  /** Type and code; in 2018 class and type. */
  readonly type: number;
  readonly code: number;
  /** ISD-AS that reports it, and that it is told. */
  readonly reporter: string;
  readonly receiver: string;
  /** Of a "too big"; 0 elsewhere. */
  readonly mtu: number;
  /** Of an interface that is down; 0 elsewhere. */
  readonly interfaceId: number;
  readonly count: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

export interface EchoStream {
  /** Of the requests. */
  readonly direction: number;
  readonly source: string;
  readonly destination: string;
  readonly identifier: number;
  readonly sent: number;
  readonly answered: number;
  /** Requests that are still without a reply, in order; at most 64, the oldest. */
  readonly unanswered: readonly FrameRef[];
  /** Unanswered ones that were counted only. */
  readonly moreUnanswered: number;
  readonly firstRequest: FrameRef;
  readonly lastRequest: FrameRef;
  readonly lastReply: FrameRef | null;
}
