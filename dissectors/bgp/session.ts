import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds, SegmentIndex } from '../../src/units.js';

export interface BgpOpen extends FrameRef {
  readonly version: number;
  readonly as: number;
  /** In seconds; 0: no keepalives at all. */
  readonly holdTime: number;
  readonly identifier: number;
  /** HAS_ bits. */
  readonly capabilities: number;
}

export interface BgpNotification extends FrameRef {
  readonly code: number;
  readonly subcode: number;
  /** What a hard reset stands for (RFC 8538); otherwise the two above. */
  readonly reasonCode: number;
  readonly reasonSubcode: number;
  /** The administrator's message, cut after 64 bytes; empty where there is none. */
  readonly text: string;
}

/** A prefix that one side withdrew and announced again, more than once. */
export interface FlappingRoute {
  readonly prefix: string;
  /** Times that it was withdrawn and then announced again. */
  readonly cycles: number;
  /** Most of them within FLAP_WINDOW_SECONDS. */
  readonly densest: number;
  readonly firstWithdrawn: FrameRef;
  readonly lastWithdrawn: FrameRef;
  readonly lastAnnounced: FrameRef;
}

/** The BGP messages of one side of a connection. */
export interface BgpSpeaker {
  readonly address: string;
  readonly open: BgpOpen | null;
  /** The first few. */
  readonly notifications: readonly BgpNotification[];
  readonly messages: number;
  readonly updates: number;
  readonly keepalives: number;
  readonly refreshes: number;
  readonly announced: number;
  readonly withdrawn: number;
  /** First KEEPALIVE or UPDATE. */
  readonly confirmed: FrameRef | null;
  readonly last: FrameRef | null;
  /** Times between KEEPALIVEs, sorted; the first ones. */
  readonly keepaliveIntervalsNs: readonly Nanoseconds[];
  /** In order of first withdrawal. */
  readonly flapping: readonly FlappingRoute[];
}

/** The messages of one connection. */
export interface BgpConversation extends ConnectionKey {
  readonly speakers: readonly [BgpSpeaker, BgpSpeaker];
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** Where a connection is; low and high as the engine orders endpoints. */
export interface ConnectionKey {
  readonly low: string;
  readonly high: string;
  readonly lowPort: number;
  readonly highPort: number;
  readonly stack: number;
  readonly segment: SegmentIndex;
}

/** A time of at least a second in which a side sent no new data. */
export interface Pause {
  readonly from: FrameRef;
  readonly to: FrameRef;
  /** Data between the two is missing in the capture. */
  readonly isTorn: boolean;
}

/** What one side of a connection did, as TCP shows it. */
export interface TransportSide {
  readonly address: string;
  readonly port: number;
  readonly syn: {
    readonly first: FrameRef;
    readonly last: FrameRef;
    readonly count: number;
    /** AUTHENTICATION_ bits of the TCP options. */
    readonly authentication: number;
  } | null;
  readonly synAck: (FrameRef & { readonly authentication: number }) | null;
  readonly rst: FrameRef | null;
  readonly fin: FrameRef | null;
  /** Segments with data that is not all old. */
  readonly dataSegments: number;
  readonly firstData: FrameRef | null;
  readonly lastData: FrameRef | null;
  /** Segments of old data. */
  readonly repeats: number;
  readonly lastRepeat: FrameRef | null;
  readonly lastSegment: FrameRef | null;
  /** Last acknowledgment of the other side that asked for data of this one which is not in the capture. */
  readonly lastMissed: FrameRef | null;
  /** The longest ones, in order of time. */
  readonly pauses: readonly Pause[];
}

/** A TCP connection to or from port 179, or an attempt at one. */
export interface BgpConnection extends ConnectionKey {
  readonly sides: readonly [TransportSide, TransportSide];
  readonly first: FrameRef;
  readonly last: FrameRef;
}
