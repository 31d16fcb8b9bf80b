import type { PointLane } from './packet-digest.js';
import { type ProbeTable, TIME_SLICES } from './probes.js';
import type { Sighting } from './sightings.js';

/** A probe found at more points is content that many packets have. */
const POINTS_OF_PROBE_MAX = 16;
const HITS_MIN = 8;
const STRATA_MIN = 2;
/** How far the differences of two clocks may lie apart that are one offset: delay, and what a clock gains in hours. */
const OFFSET_SPREAD_US = 2_000_000;
/** A clock that was set in the middle leaves the other half of the packets elsewhere. */
const OFFSET_SHARE_MIN = 0.4;
/** Of the hits, how many may have addresses that others contradict. */
const ADDRESS_SHARE_MIN = 0.8;

/** What the index must know of a point. */
export interface IndexedPoint {
  readonly name: string;
  readonly firstUs: number;
  readonly lastUs: number;
  readonly lanes: readonly (PointLane | null)[];
}

/** One packet at one of its points. */
export interface PacketAtPoint {
  readonly point: number;
  readonly timeUs: number;
  readonly timeToLive: number;
  readonly depth: number;
  readonly lane: number;
}

/** A probe, with all places at which the packet was seen, that of its own point first. */
export interface SeenPacket {
  readonly places: readonly PacketAtPoint[];
  /** Of the point that offers it: the lane and the slice of time. */
  readonly stratum: number;
}

/** Two points that saw the same packets. */
export interface LinkedPair {
  readonly a: number;
  readonly b: number;
  /** Packets of the sample that both hold. */
  readonly hits: number;
  /** Clock of B minus clock of A as the sample shows it, delay included. */
  readonly offsetUs: number;
}

/**
 * Brings together what the points found of each other's probes; common payload is left out.
 * @param found by point: the probes of others that it holds
 */
export function seenPackets(
  table: ProbeTable,
  points: readonly IndexedPoint[],
  found: readonly (readonly Sighting[])[],
): SeenPacket[] {
  const places = new Map<number, PacketAtPoint[]>();
  for (const [point, sightings] of found.entries()) {
    for (const { probe, ...place } of sightings) {
      const known = places.get(probe);
      if (known === undefined) places.set(probe, [{ point, ...place }]);
      else if (known.length <= POINTS_OF_PROBE_MAX * 2) known.push({ point, ...place });
    }
  }
  const seen: SeenPacket[] = [];
  for (const [probe, others] of [...places].sort(([a], [b]) => a - b)) {
    const kept = earliestPerPoint(others);
    if (kept.length >= POINTS_OF_PROBE_MAX) continue;
    const point = table.points[probe];
    const { records } = table;
    const own: PacketAtPoint = {
      point,
      timeUs: records.timeUs(probe),
      timeToLive: records.timeToLive(probe),
      depth: records.depth(probe),
      lane: records.lane(probe),
    };
    seen.push({ places: [own, ...kept], stratum: stratumOf(points[point], own) });
  }
  return seen;
}

/** A point shows a packet twice where it encapsulates or forwards it. */
function earliestPerPoint(places: readonly PacketAtPoint[]): PacketAtPoint[] {
  const first = new Map<number, PacketAtPoint>();
  for (const place of places) {
    const known = first.get(place.point);
    if (known === undefined || place.timeUs < known.timeUs) first.set(place.point, place);
  }
  return [...first.values()].sort((a, b) => a.point - b.point);
}

function stratumOf({ firstUs, lastUs }: IndexedPoint, { lane, timeUs }: PacketAtPoint): number {
  const span = Math.max(1, lastUs - firstUs + 1);
  return lane * TIME_SLICES + Math.floor(((timeUs - firstUs) / span) * TIME_SLICES);
}

interface Meeting {
  readonly atA: PacketAtPoint;
  readonly atB: PacketAtPoint;
  readonly stratum: number;
}

/** The pairs of points that have enough packets in common, which fit one clock and one map of addresses. */
export function linkedPairs(seen: readonly SeenPacket[], points: readonly IndexedPoint[]): LinkedPair[] {
  const meetings = new Map<number, Meeting[]>();
  for (const { places, stratum } of seen) {
    const [own, ...others] = places;
    for (const other of others) {
      const [atA, atB] = own.point < other.point ? [own, other] : [other, own];
      const key = atA.point * points.length + atB.point;
      const known = meetings.get(key);
      if (known === undefined) meetings.set(key, [{ atA, atB, stratum }]);
      else known.push({ atA, atB, stratum });
    }
  }
  return [...meetings]
    .sort(([a], [b]) => a - b)
    .flatMap(([key, ofPair]) => {
      const [a, b] = [Math.floor(key / points.length), key % points.length];
      return linkedPair(a, b, ofPair, points) ?? [];
    });
}

function linkedPair(
  a: number,
  b: number,
  meetings: readonly Meeting[],
  points: readonly IndexedPoint[],
): LinkedPair | null {
  const ofOneClock = largestCluster(meetings);
  if (ofOneClock.length < HITS_MIN || ofOneClock.length < OFFSET_SHARE_MIN * meetings.length) return null;
  const fitting = ofOneAddressMap(ofOneClock, points[a].lanes, points[b].lanes);
  if (fitting.length < HITS_MIN || fitting.length < ADDRESS_SHARE_MIN * ofOneClock.length) return null;
  if (new Set(fitting.map(({ stratum }) => stratum)).size < STRATA_MIN) return null;
  return { a, b, hits: fitting.length, offsetUs: offsetOf(fitting, points[a].lanes) };
}

function differenceUs({ atA, atB }: Meeting): number {
  return atB.timeUs - atA.timeUs;
}

function largestCluster(meetings: readonly Meeting[]): Meeting[] {
  const sorted = [...meetings].sort((x, y) => differenceUs(x) - differenceUs(y));
  let best = { from: 0, to: 0 };
  for (let from = 0, to = 0; from < sorted.length; from++) {
    while (to < sorted.length && differenceUs(sorted[to]) - differenceUs(sorted[from]) <= OFFSET_SPREAD_US)
      to++;
    if (to - from > best.to - best.from) best = { from, to };
  }
  return sorted.slice(best.from, best.to);
}

/** Those in which each address of A stands for the address of B that it mostly stands for. */
function ofOneAddressMap(
  meetings: readonly Meeting[],
  lanesA: readonly (PointLane | null)[],
  lanesB: readonly (PointLane | null)[],
): Meeting[] {
  const pairs = new Map<string, Map<string, number>>();
  const addresses = (meeting: Meeting): [string, string] => [
    lanesA[meeting.atA.lane]?.from ?? '',
    lanesB[meeting.atB.lane]?.from ?? '',
  ];
  for (const meeting of meetings) {
    const [atA, atB] = addresses(meeting);
    const counts = pairs.get(atA) ?? new Map<string, number>();
    counts.set(atB, (counts.get(atB) ?? 0) + 1);
    pairs.set(atA, counts);
  }
  const usual = new Map(
    [...pairs].map(([atA, counts]) => [atA, [...counts].sort((x, y) => y[1] - x[1])[0]?.[0]]),
  );
  return meetings.filter((meeting) => {
    const [atA, atB] = addresses(meeting);
    return usual.get(atA) === atB;
  });
}

/** Half way between both directions where both are there, so that the delay cancels out. */
function offsetOf(meetings: readonly Meeting[], lanesA: readonly (PointLane | null)[]): number {
  const isUp = ({ atA }: Meeting): boolean => {
    const lane = lanesA[atA.lane];
    return lane !== null && lane !== undefined && lane.from < lane.to;
  };
  const up = meetings.filter(isUp).map(differenceUs);
  const down = meetings.filter((meeting) => !isUp(meeting)).map(differenceUs);
  if (up.length === 0 || down.length === 0) return median([...up, ...down]);
  return (median(up) + median(down)) / 2;
}

/** The lower one of two. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
