import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { hopOf, type IdentityCollector } from './identity-collector.js';
import type { IdentitySketch, SketchedPacket } from './identity-sketch.js';
import type { Lane } from './lane-table.js';
import type { SetBacks } from './set-backs.js';

/** One packet that both sides hold. */
export interface PacketMatch {
  readonly laneA: Lane;
  readonly laneB: Lane;
  readonly timeA: Nanoseconds;
  /** B's clock at B minus A's clock at A. */
  readonly differenceNs: Nanoseconds;
  /** TTL at A minus TTL at B; 0 for what has none. */
  readonly hops: number;
  /** 1: equal and not 0, 0: both 0, -1: different. */
  readonly identification: number;
  /** False where equal packets were paired by their order only. */
  readonly isUnique: boolean;
  /** True where both captures hold enough of the content to tell that it is equal. */
  readonly isByContent: boolean;
  /** Of TCP data whose header was rewritten: B's number minus A's, with what the IP header says; null of all else. */
  readonly shift: {
    readonly sequence: number;
    readonly acknowledgment: number;
    readonly hops: number;
    readonly identification: number;
  } | null;
}

/** Differences of one clock lie together: delays and their changes are below this. */
const CLUSTER_GAP_NS = 5 * NS_PER_SECOND;
/** A cluster of fewer matches beside a larger one is chance. */
const CLUSTER_MIN = 3;
/** More than two sketches hold. */
const FOUND_MAX = 2 ** 18;

/** In the order of A's capture the packets that both sketches hold; some of them may be equal by chance. */
export function matchSketches(a: IdentityCollector, b: IdentityCollector): PacketMatch[] {
  const byHeader = joinSketches(a.byHeader, b.byHeader).filter((joined) => isPlausible(joined, a, b));
  const found = [...joinSketches(a.byContent, b.byContent), ...byHeader];
  const partner = new Map<number, number>();
  const conflicting = new Set<number>();
  const distinct: Joined[] = [];
  for (const joined of found) {
    const known = partner.get(joined.a.ordinal);
    if (known === undefined) {
      partner.set(joined.a.ordinal, joined.b.ordinal);
      distinct.push(joined);
    } else if (known !== joined.b.ordinal) conflicting.add(joined.a.ordinal);
  }
  const certain = distinct.filter(({ a: packet }) => !conflicting.has(packet.ordinal));
  return inCaptureOrder([...certain, ...joinPayloads(a, b, distinct)]).map((joined) =>
    matchOf(joined, a.setBacks, b.setBacks),
  );
}

/** Less those that agree with nothing else about the clocks. */
export function withoutStrays(matches: readonly PacketMatch[]): PacketMatch[] {
  const unique = matches.filter(({ isUnique }) => isUnique);
  const clusters = clustersOf(unique.length > 0 ? unique : matches);
  return matches.filter(({ differenceNs }) =>
    clusters.some(
      ([low, high]) => differenceNs >= low - CLUSTER_GAP_NS && differenceNs <= high + CLUSTER_GAP_NS,
    ),
  );
}

/**
 * Length and identification of unrelated packets are equal every now and then. Where both captures hold enough of the
 * content to tell, they count only between the same hosts, whose packets are changed on the way.
 */
function isPlausible({ a, b }: Joined, sideA: IdentityCollector, sideB: IdentityCollector): boolean {
  if (Number.isNaN(a.content) || Number.isNaN(b.content) || a.content === b.content) return true;
  const endsA = sideA.lanes.ends(a.lane);
  const endsB = sideB.lanes.ends(b.lane);
  return endsA.from === endsB.from && endsA.to === endsB.to && endsA.stack === 0 && endsB.stack === 0;
}

/** Sorts by A's capture: numbers alone, which is many times as fast as with a comparison of objects. */
function inCaptureOrder(found: readonly Joined[]): Joined[] {
  const keys = Float64Array.from(found, ({ a }, index) => a.ordinal * FOUND_MAX + index);
  return Array.from(keys.sort(), (key) => found[key % FOUND_MAX]);
}

interface Joined {
  readonly a: SketchedPacket;
  readonly b: SketchedPacket;
  readonly isUnique: boolean;
  /**
   * Found by payload alone: `identification` and `timeToLive` are the sequence and acknowledgment numbers, `content` is
   * what `packHop` makes of the IP header's.
   */
  readonly isPayload?: boolean;
}

/**
 * TCP data of flows of which little else is found on both sides, such as the first packet: a firewall rewrites the
 * headers.
 */
function joinPayloads(a: IdentityCollector, b: IdentityCollector, found: readonly Joined[]): Joined[] {
  const asTheyLeft = new Map<Lane, number>();
  const ordinals = new Set<number>();
  for (const { a: packet } of found) {
    count(asTheyLeft, packet.lane);
    ordinals.add(packet.ordinal);
  }
  const joined = joinSketches(a.byPayload, b.byPayload).filter(
    ({ a: packet }) => !ordinals.has(packet.ordinal),
  );
  const rewritten = new Map<Lane, number>();
  for (const { a: packet } of joined) count(rewritten, packet.lane);
  return joined
    .filter(({ a: { lane } }) => (rewritten.get(lane) ?? 0) > (asTheyLeft.get(lane) ?? 0))
    .map((one) => ({ ...one, isPayload: true }));
}

function count(counts: Map<Lane, number>, lane: Lane): void {
  counts.set(lane, (counts.get(lane) ?? 0) + 1);
}

/** Equal packets are paired in order where both sides hold equally many. */
function joinSketches(a: IdentitySketch, b: IdentitySketch): Joined[] {
  const joined: Joined[] = [];
  a.joinWith(b, (packets, partners) => {
    packets.forEach((packet, index) => {
      joined.push({ a: packet, b: partners[index], isUnique: packets.length === 1 });
    });
  });
  return joined;
}

function matchOf({ a, b, isUnique, isPayload }: Joined, ofA: SetBacks, ofB: SetBacks): PacketMatch {
  const timeA = a.timeNs + ofA.shiftAt(a.ordinal);
  const differenceNs = b.timeNs + ofB.shiftAt(b.ordinal) - timeA;
  const isData = isPayload === true;
  return {
    laneA: a.lane,
    laneB: b.lane,
    timeA,
    differenceNs,
    hops: isData ? 0 : a.timeToLive - b.timeToLive,
    identification: isData ? 0 : compareIdentifications(a.identification, b.identification),
    isUnique,
    isByContent: isData || a.content === b.content,
    shift: isData ? shiftOf(a, b) : null,
  };
}

function shiftOf(a: SketchedPacket, b: SketchedPacket): NonNullable<PacketMatch['shift']> {
  const [ofHopA, ofHopB] = [hopOf(a.content), hopOf(b.content)];
  return {
    sequence: (b.identification - a.identification) | 0,
    acknowledgment: (b.timeToLive - a.timeToLive) | 0,
    hops: ofHopA.timeToLive - ofHopB.timeToLive,
    identification: compareIdentifications(ofHopA.identification, ofHopB.identification),
  };
}

/** 1: equal and not 0, 0: both 0, -1: different. */
function compareIdentifications(a: number, b: number): -1 | 0 | 1 {
  if (a !== b) return -1;
  return a === 0 ? 0 : 1;
}

/** Ranges of differences that several matches share; the largest one whatever its size. */
function clustersOf(matches: readonly PacketMatch[]): [number, number][] {
  const ordered = matches.map(({ differenceNs }) => differenceNs).sort((a, b) => a - b);
  const clusters: { low: number; high: number; count: number }[] = [];
  for (const difference of ordered) {
    const last = clusters[clusters.length - 1];
    if (last && difference - last.high <= CLUSTER_GAP_NS) {
      last.high = difference;
      last.count++;
    } else {
      clusters.push({ low: difference, high: difference, count: 1 });
    }
  }
  const largest = Math.max(0, ...clusters.map(({ count }) => count));
  const least = Math.max(CLUSTER_MIN, largest / 20);
  return clusters
    .filter(({ count }) => count === largest || count >= least)
    .map(({ low, high }) => [low, high]);
}
