import type { TunnelDirection } from '../correlate/tunnel-direction.js';
import type { SegmentIndex } from '../units.js';

/** What the correlator of a kind follows: the packets between two ends with one key, in one time segment. */
export interface FollowedTunnel {
  readonly low: string;
  readonly high: string;
  readonly segment: SegmentIndex;
  /** Of the inner packets, 0 where there are none or they cannot be read, and the one in which the tunnel runs. */
  readonly stack: number;
  readonly outerStack: number;
  /** What names the network in its packets. */
  readonly vni?: number;
  readonly key?: number;
  /** From low to high, and back. */
  readonly directions: readonly [FollowedDirection, FollowedDirection];
}

export interface FollowedDirection extends TunnelDirection {
  /** Packets that carry something, where the tunnel has others: keepalives, state of its ends. */
  readonly carrying?: number;
}

/** What a direction tells whose sizes are known in part or not at all. */
export function followedDirection(
  { from, to, packets, bytes, first, last }: Pick<TunnelDirection, 'from' | 'to' | keyof CountedPackets>,
  sizes: Partial<Pick<TunnelDirection, 'ports' | 'largestOuter' | 'largestInner' | 'fragmented'>> = {},
): FollowedDirection {
  const unknown = { ports: [], largestOuter: 0, largestInner: 0, fragmented: null };
  return { from, to, packets, bytes, first, last, ...unknown, ...sizes };
}

/** Packets of one direction, whatever counted them. */
export type CountedPackets = Pick<TunnelDirection, 'packets' | 'bytes' | 'first' | 'last'>;
