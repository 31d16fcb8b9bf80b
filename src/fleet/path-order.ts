import { type ClockDifference, solveClocks } from './clocks.js';
import type { LinkedPair, PacketAtPoint, SeenPacket } from './linked-points.js';

/** Packets that went from one point to the other without a third one between them. */
const NEIGHBOUR_HITS_MIN = 8;
/** Of the packets that a pair has in common. */
const NEIGHBOUR_SHARE_MIN = 0.2;

/** Two points between which no other one lies for a good part of their packets. */
export interface NeighbourPair extends LinkedPair {
  /** Packets that have no other point between them. */
  readonly direct: number;
}

/**
 * The pairs that are neighbours on the path of packets: three points of one path are two stretches, not three. A packet
 * passes its points in the order of its TTL, and where that is the same, of corrected time.
 */
export function neighbours(
  pointCount: number,
  pairs: readonly LinkedPair[],
  seen: readonly SeenPacket[],
): NeighbourPair[] {
  const differences: ClockDifference[] = pairs.map(({ a, b, offsetUs, hits }) => ({
    a,
    b,
    seconds: offsetUs / 1e6,
    halfWidth: 1 / hits,
  }));
  const clocks = solveClocks(pointCount, differences);
  const linked = new Set(pairs.map(({ a, b }) => a * pointCount + b));
  const isLinked = (x: number, y: number): boolean =>
    linked.has(Math.min(x, y) * pointCount + Math.max(x, y));
  const direct = new Map<number, number>();
  for (const { places } of seen) {
    const [own] = places;
    const real = places.filter(({ point }) => point === own.point || isLinked(point, own.point));
    const inOrder = [...real].sort((x, y) =>
      comparePlaces(x, y, (point) => clocks[point].offsetSeconds * 1e6),
    );
    for (let at = 1; at < inOrder.length; at++) {
      const [x, y] = [inOrder[at - 1].point, inOrder[at].point];
      const key = Math.min(x, y) * pointCount + Math.max(x, y);
      direct.set(key, (direct.get(key) ?? 0) + 1);
    }
  }
  return pairs
    .map((pair) => ({ ...pair, direct: direct.get(pair.a * pointCount + pair.b) ?? 0 }))
    .filter((pair) => pair.direct >= NEIGHBOUR_HITS_MIN && pair.direct >= NEIGHBOUR_SHARE_MIN * pair.hits);
}

function comparePlaces(x: PacketAtPoint, y: PacketAtPoint, offsetUs: (point: number) => number): number {
  if (x.timeToLive !== y.timeToLive) return y.timeToLive - x.timeToLive;
  return x.timeUs - offsetUs(x.point) - (y.timeUs - offsetUs(y.point));
}
