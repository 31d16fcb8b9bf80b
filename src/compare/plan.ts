import type { Nanoseconds } from '../units.js';
import type { ClockModel } from './clock.js';
import type { RewrittenFlows } from './rewritten-flows.js';
import type { TcpRewrite } from './tcp-rewrite.js';

export type Side = 'a' | 'b';
export const SIDES: readonly Side[] = ['a', 'b'];

export function otherSide(side: Side): Side {
  return side === 'a' ? 'b' : 'a';
}

/** Packets from one host to another that pass both capture points. */
export interface DirectionPlan {
  readonly index: number;
  /** Addresses as in the sender's capture, and as in the receiver's. */
  readonly from: string;
  readonly to: string;
  readonly fromAtReceiver: string;
  readonly toAtReceiver: string;
  /** The capture that a packet passes first. */
  readonly sender: Side;
  /** How the sender's side is known: a hop count, the order of packets and answers, a mark; or only assumed. */
  readonly senderKnownBy: 'hops' | 'time' | 'mark' | 'count';
  /** 'inner': compared inside a tunnel that only one side shows, or that changes between the sides. */
  readonly scope: 'outer' | 'inner';
  readonly tunnel: string | null;
  /** True where packets keep their IP identification between the sides. */
  readonly keepsIdentification: boolean;
  /** Index of the other direction of the pair, or -1. */
  reverse: number;
}

/** A flow one way, as far as it is known on both sides; packets are matched within one channel. */
export interface Channel {
  readonly direction: number;
  /** IP protocol number. */
  readonly protocol: number;
  /** The lane of each side, or -1 where none or several share the channel. */
  readonly lanes: Readonly<Record<Side, number>>;
  /** How much of every packet both captures hold (LEVEL_). */
  level: number;
  /** Null where TCP headers arrive as they left. */
  rewrite: TcpRewrite | null;
}

/** What the path rewrites by design in all packets of a direction, and which is no translation of addresses. */
export interface RewrittenEntry {
  readonly what: 'tcp-sequence-numbers' | 'tcp-options' | 'ip-identifications' | 'scion-hops';
  /** `address > address` as each side shows it. */
  readonly a: string;
  readonly b: string;
  readonly flows: number;
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
