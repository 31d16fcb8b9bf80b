import type { CaptureQuality } from '../correlate/capture-quality.js';
import { earliest, latest } from '../correlate/frame-reference.js';
import { type Limit, oneSidedLimit, reverseWasHeard } from '../correlate/gates.js';
import { groupBy } from '../correlate/group-by.js';
import type { Traffic } from '../correlate/traffic.js';
import type { FrameRef } from '../moment.js';
import type { Subject } from '../report/report.js';
import type { SegmentIndex } from '../units.js';
import type { CarriedKind, Evidence } from './diagnosis.js';
import type { FollowedTunnel } from './followed-tunnel.js';

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

/**
 * Why answers to what inner hosts asked through a tunnel may be missing by the capture's fault: the packets of one end, or
 * what an inner host proves to have heard, do not pass the capture point. Null where neither is proved.
 */
export function unseenAnswers(
  quality: CaptureQuality,
  { low, high, outerStack }: Pick<CarriedTunnel, 'low' | 'high' | 'outerStack'>,
  asked: readonly { readonly from: string; readonly to: string; readonly stack: number }[],
): Limit | null {
  const outer = oneSidedLimit(quality, low, high, outerStack);
  if (outer) return outer;
  const inner = asked.map(({ from, to, stack }) => reverseWasHeard(quality, from, to, stack));
  return inner.find((limit) => limit !== null) ?? null;
}

/** All keys between two ends as one tunnel, in order of appearance: answers may come with another key. */
export function carriedBetweenEnds(
  evidence: Evidence,
  { kind, subject, followed }: Pick<CarriedKind, 'kind' | 'subject' | 'followed'>,
): CarriedTunnel[] {
  const pairs = groupBy(
    followed(evidence),
    ({ segment, outerStack, low, high }) => `${segment} ${outerStack} ${low} ${high}`,
  );
  return [...pairs.values()].map((parts) => {
    const [{ low, high, segment, outerStack }] = parts;
    return {
      subject: subject?.(low, high) ?? { kind: 'tunnel', tunnel: kind, endpoints: [low, high] },
      low,
      high,
      segment,
      outerStack,
      tunnels: tunnelsInside(evidence.quality, parts),
      directions: [carriedOf(parts, 0), carriedOf(parts, 1)],
    };
  });
}

/** What runs in tunnels between two ends, whatever their keys. */
export function tunnelsInside(
  quality: CaptureQuality,
  parts: readonly { readonly stack: number }[],
): CarriedTunnel['tunnels'] {
  const stacks = [...new Set(parts.map(({ stack }) => stack))].filter((stack) => stack !== 0);
  return stacks.map((stack) => ({ stack, ways: innerWays(quality, stack) }));
}

function carriedOf(parts: readonly FollowedTunnel[], direction: number): CarriedDirection {
  const sent = parts.map(({ directions }) => directions[direction]);
  const [{ from, to }] = sent;
  return {
    from,
    to,
    packets: sent.reduce((sum, { packets, carrying = packets }) => sum + carrying, 0),
    first: earliest(sent.map(({ first }) => first)),
    last: latest(sent.map(({ last }) => last)),
  };
}
