import type { Nanoseconds } from '../units.js';
import type { ClockModel } from './clock.js';
import type { RewrittenFlows } from './rewritten-flows.js';

export type { Channel, DirectionPlan, RewrittenEntry } from './channel.js';
export { otherSide, SIDES, type Side } from './side.js';

import type { Channel, DirectionPlan } from './channel.js';
import type { Side } from './side.js';

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

/** What a first look at both sides has taught: how to compare them packet by packet. */
export interface Plan {
  readonly directions: readonly DirectionPlan[];
  readonly channels: readonly Channel[];
  /** By lane of each side: index of its channel, or -1. */
  readonly channelOf: Readonly<Record<Side, Int32Array>>;
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
  /** Pairs of hosts that both sides show. */
  readonly commonPairs: number;
  /** Address in B's capture to the address of the same host in A's. */
  readonly hostsOfB: ReadonlyMap<string, string>;
  /** Earliest packet that is known to have arrived, by the side where it arrived, on A's clock; infinite where none is. */
  readonly firstArrivals: Readonly<Record<Side, Nanoseconds>>;
  /** First and last frame of each side on its own clock. */
  readonly windows: Readonly<Record<Side, { readonly firstNs: Nanoseconds; readonly lastNs: Nanoseconds }>>;
}
