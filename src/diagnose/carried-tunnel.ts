import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { Traffic } from '../correlate/traffic.js';
import type { TunnelDirection } from '../correlate/tunnel-direction.js';
import type { FrameRef } from '../moment.js';
import type { Subject } from '../report/report.js';
import type { SegmentIndex } from '../units.js';

/** What one end of a tunnel sent to the other. */
export interface CarriedDirection {
  readonly from: string;
  readonly to: string;
  /** Packets that carry something; keepalives of the tunnel are none. */
  readonly packets: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
}

/** Inner packets from one host to another through one direction of a tunnel. */
export interface InnerWay {
  readonly from: string;
  readonly to: string;
  /** 0: from the tunnel's low end to the high one. */
  readonly outerDirection: number;
}

/** A tunnel between two ends in one time segment, as rules that hold for every kind see it. */
export interface CarriedTunnel {
  readonly subject: Subject;
  readonly low: string;
  readonly high: string;
  readonly outerStack: number;
  readonly segment: SegmentIndex;
  /** Stacks of the inner packets, one a key; and who sends to whom in them, by direction. */
  readonly tunnels: readonly { readonly stack: number; readonly ways: readonly InnerWay[] }[];
  /** From low to high, and back. */
  readonly directions: readonly [CarriedDirection, CarriedDirection];
}

const waysOfRun = new WeakMap<Traffic, ReadonlyMap<number, readonly InnerWay[]>>();

/** Who sends to whom inside a tunnel, by the direction of the tunnel's own packets. */
export function innerWays({ flows, traffic }: CaptureQuality, stack: number): readonly InnerWay[] {
  const known = waysOfRun.get(traffic);
  if (known) return known.get(stack) ?? [];
  const ways = new Map<number, Map<string, InnerWay>>();
  flows.forEachConversation((flow) => {
    const inside = flows.stack(flow);
    if (inside === 0) return;
    const ofStack = ways.get(inside) ?? new Map<string, InnerWay>();
    ways.set(inside, ofStack);
    for (const direction of [0, 1]) {
      const { from, to } = flows.addresses(flow, direction);
      for (const outerDirection of [0, 1]) {
        if (!flows.wentThrough(flow, direction, outerDirection)) continue;
        ofStack.set(`${from} ${to} ${outerDirection}`, { from, to, outerDirection });
      }
    }
  });
  const lists = new Map([...ways].map(([inside, ofStack]) => [inside, [...ofStack.values()]]));
  waysOfRun.set(traffic, lists);
  return lists.get(stack) ?? [];
}

/**
 * Mirrored traffic, or that of a tap: packets of two inner hosts to each other come through the same direction of the
 * tunnel. Its requests say nothing about the tunnel.
 */
export function isMirror({ tunnels }: Pick<CarriedTunnel, 'tunnels'>): boolean {
  const seen = new Set<string>();
  for (const { ways } of tunnels) {
    for (const { from, to, outerDirection } of ways) {
      if (from !== to && seen.has(`${outerDirection} ${to} ${from}`)) return true;
      seen.add(`${outerDirection} ${from} ${to}`);
    }
  }
  return false;
}

/** What the correlator of a kind follows: the packets between two ends with one key, in one time segment. */
export interface FollowedTunnel {
  readonly low: string;
  readonly high: string;
  readonly segment: SegmentIndex;
  /** Of the inner packets, 0 where there are none, and the one in which the tunnel runs. */
  readonly stack: number;
  readonly outerStack: number;
  /** What names the network in its packets. */
  readonly vni?: number;
  readonly key?: number;
  /** From low to high, and back. */
  readonly directions: readonly [TunnelDirection, TunnelDirection];
}

/** All keys between two ends as one tunnel, in order of appearance: answers may come with another key. */
export function carriedBetweenEnds(
  quality: CaptureQuality,
  kind: string,
  followed: readonly FollowedTunnel[],
): CarriedTunnel[] {
  const pairs = new Map<string, FollowedTunnel[]>();
  for (const one of followed) {
    const key = `${one.segment} ${one.outerStack} ${one.low} ${one.high}`;
    const known = pairs.get(key);
    if (known) known.push(one);
    else pairs.set(key, [one]);
  }
  return [...pairs.values()].map((parts) => {
    const [{ low, high, segment, outerStack }] = parts;
    const stacks = [...new Set(parts.map(({ stack }) => stack))].filter((stack) => stack !== 0);
    return {
      subject: { kind: 'tunnel', tunnel: kind, endpoints: [low, high] },
      low,
      high,
      segment,
      outerStack,
      tunnels: stacks.map((stack) => ({ stack, ways: innerWays(quality, stack) })),
      directions: [sumOf(parts, 0), sumOf(parts, 1)],
    };
  });
}

function sumOf(parts: readonly FollowedTunnel[], direction: number): CarriedDirection {
  const sent = parts.map(({ directions }) => directions[direction]);
  const [{ from, to }] = sent;
  return {
    from,
    to,
    packets: sent.reduce((sum, { packets }) => sum + packets, 0),
    first: edgeOf(sent, 'first'),
    last: edgeOf(sent, 'last'),
  };
}

/** First or last packet of several; null where none was seen. */
export function edgeOf(
  directions: readonly Pick<CarriedDirection, 'first' | 'last'>[],
  edge: 'first' | 'last',
): FrameRef | null {
  const refs = directions.flatMap((one) => one[edge] ?? []);
  const sign = edge === 'first' ? 1 : -1;
  return refs.reduce<FrameRef | null>((a, b) => (a && sign * (a.frame - b.frame) <= 0 ? a : b), null);
}
