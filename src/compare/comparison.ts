import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { FrameRef } from '../moment.js';
import { frameId, type Nanoseconds } from '../units.js';
import type { DirectionPlan, RewrittenEntry } from './channel.js';
import type { ClockModel } from './clock.js';
import type { ComparedPacket } from './compared-packet.js';
import type { DirectionTally } from './direction-tally.js';
import type { Collectors } from './flow-pairs.js';
import type { LossPattern } from './loss-pattern.js';
import type { NatEntry, Plan } from './plan.js';
import type { Side } from './side.js';

/** What became of a packet that a finding cites. */
export interface Fate {
  readonly fate: 'arrived' | 'lost' | 'unknown';
  /** The same packet on the other side. */
  readonly counterpart: FrameRef | null;
  /** Index of the direction in which it went. */
  readonly direction: number;
}

/** One direction between two hosts, seen at both ends. */
export interface ComparedDirection {
  readonly plan: DirectionPlan;
  readonly tally: DirectionTally;
  /** What the lost packets have in common; null where none is lost. */
  readonly pattern: LossPattern | null;
  /** Delay on the way; null where no packet was matched. */
  readonly delay: {
    readonly minNs: Nanoseconds;
    readonly medianNs: Nanoseconds;
    readonly p99Ns: Nanoseconds;
    readonly maxNs: Nanoseconds;
  } | null;
}

/** Two captures of one path, packet by packet. */
export interface Comparison {
  readonly directions: readonly ComparedDirection[];
  readonly clock: ClockModel | null;
  /** Clock of B minus clock of A in seconds, of the longest stretch without a step; null where nothing says. */
  readonly offsetSeconds: number | null;
  readonly halfWidthSeconds: number | null;
  readonly skewPpm: number | null;
  /** Steps of one clock against the other; `time` as A states it. */
  readonly steps: readonly { readonly time: string | null; readonly seconds: number }[];
  readonly isOffsetGiven: boolean;
  /** The captures are taken while they are compared. */
  readonly isLive?: boolean;
  readonly nat: readonly NatEntry[];
  readonly rewritten: readonly RewrittenEntry[];
  readonly plan: Plan;
  readonly qualities: Readonly<Record<Side, CaptureQuality>>;
  /** Names of the protocols of the catalogue, by bit. */
  readonly protocols: readonly string[];
  /** First frame of each side in the comparison's numbering. */
  readonly edges: Readonly<Record<Side, { readonly first: FrameRef; readonly last: FrameRef } | null>>;
  /** Frames that findings of one side cite, by `side` and frame of that side. */
  fateOf(side: Side, frame: number): Fate | null;
  refOf(packet: ComparedPacket): FrameRef;
  /** A frame or moment of one side in the numbering of the comparison. */
  shift<Ref extends { readonly segment: number }>(side: Side, ref: Ref): Ref;
}

/** A comparison of captures that go on: of what is certain so far, and of the last packets only. */
export interface Running {
  /** Of each side no more than the last so many blocks of its store are compared, */
  readonly lastBlocks: number;
  /** and no packet from before this time of its own clock. */
  readonly sinceNs: Readonly<Record<Side, Nanoseconds>>;
}

/** What stands before the captures and time segments of a side in the numbering of the report. */
export interface Numbering {
  readonly captures: number;
  readonly segments: number;
}

/** How frames and time segments of both sides are numbered together: in the order of the capture points. */
export class CommonNumbers {
  constructor(
    private readonly collectors: Collectors,
    private readonly numbering: Readonly<Record<Side, Numbering>>,
  ) {}

  refOf(packet: ComparedPacket): FrameRef {
    const { side, segment } = packet;
    const timeNs = this.collectors[side].segmentTimeNs(segment, packet.statedTimeNs);
    return this.shift(side, { frame: frameId(packet.capture, packet.frame), segment, timeNs });
  }

  shift<Ref extends { readonly segment: number }>(side: Side, ref: Ref): Ref {
    const before = this.numbering[side];
    const segment = ref.segment + before.segments;
    if (!('frame' in ref) || typeof ref.frame !== 'number') return { ...ref, segment };
    return { ...ref, segment, frame: ref.frame + frameId(before.captures, 0) };
  }
}

/** One stretch of a path with more than two capture points. */
export interface ComparedSegment {
  readonly from: string;
  readonly to: string;
  readonly comparison: Comparison;
}
