import type { Nanoseconds } from '../units.js';
import type { Channel, DirectionPlan } from './channel.js';
import type { ClockModel } from './clock.js';
import type { RewrittenFlows } from './rewritten-flows.js';
import type { Side } from './side.js';

/** From that time of its own clock on, a lane's packets belong to that channel. */
export interface Turn {
  readonly fromNs: Nanoseconds;
  readonly channel: number;
}

/** Which channel the packets of each lane of a side belong to. */
export interface LaneTurns {
  /** Lanes of the side. */
  readonly length: number;
  /** False where the packets of the lane belong to none. */
  has(lane: number): boolean;
  /** Index of the channel, the first one of several; -1: none. */
  of(lane: number): number;
  at(lane: number, timeNs: Nanoseconds): number;
}

export interface NatEntry {
  /** `address` or `address:port` as each side shows it. */
  readonly a: string;
  readonly b: string;
  /** The side whose host has its address changed. */
  readonly translatedAt: Side;
}

/** Packets of hosts that the other side does not show: not on the common path. */
export interface Unpaired {
  readonly side: Side;
  readonly from: string;
  readonly to: string;
  readonly packets: number;
}

/** Both captures show the same packets at the same moments: they were taken at one point, or one is the other. */
export interface SamePoint {
  /** Packets of the sample that say so, and those of other times. */
  readonly packets: number;
  readonly others: number;
}

/** What a first look at both sides has taught: how to compare them packet by packet. */
export interface Plan {
  readonly directions: readonly DirectionPlan[];
  readonly channels: readonly Channel[];
  readonly channelOf: Readonly<Record<Side, LaneTurns>>;
  readonly nat: readonly NatEntry[];
  readonly rewritten: RewrittenFlows;
  readonly unpaired: readonly Unpaired[];
  readonly moreUnpaired: number;
  /** Null where not one packet was found on both sides. */
  readonly clock: ClockModel | null;
  /** Packets of the sample that were found on both sides, ARP included. */
  readonly sampleMatches: number;
  /** Of the packets of each side the share that is encrypted, 0 to 1. */
  readonly encrypted: Readonly<Record<Side, number>>;
  readonly samePoint: SamePoint | null;
  /** Pairs of hosts that both sides show. */
  readonly commonPairs: number;
  /** Address in B's capture to the address of the same host in A's. */
  readonly hostsOfB: ReadonlyMap<string, string>;
  /** Earliest packet that is known to have arrived, by the side where it arrived, on A's clock; infinite where none is. */
  readonly firstArrivals: Readonly<Record<Side, Nanoseconds>>;
  /** First and last frame of each side on its own clock. */
  readonly windows: Readonly<Record<Side, { readonly firstNs: Nanoseconds; readonly lastNs: Nanoseconds }>>;
}
