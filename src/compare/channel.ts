import type { Side } from './side.js';

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

/**
 * What a firewall does to the TCP headers of a channel, options aside, which are then not compared: it adds a constant
 * to the numbers of each direction. B's numbers minus A's, as 32-bit numbers; null where nothing has shown it yet.
 */
export interface TcpRewrite {
  sequence: number | null;
  acknowledgment: number | null;
  /** False where only a handshake can show whether there is anything to it. */
  isSure: boolean;
}

/** True where the path adds something to the numbers of TCP. */
export function isRenumbered({ rewrite }: Channel): boolean {
  return rewrite !== null && ((rewrite.sequence ?? 0) !== 0 || (rewrite.acknowledgment ?? 0) !== 0);
}
