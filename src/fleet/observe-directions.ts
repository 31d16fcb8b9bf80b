import type { PointClock } from './clocks.js';
import { type ReadPair, type ReadPoint, receiverOf, sideOf } from './fleet-evidence.js';
import { subnetOf } from './host-places.js';
import type { ObservedDirection, ObservedFlow } from './observed-traffic.js';
import { type PassageClass, totalOf } from './passage.js';

/** What the passages count may differ from what the comparison proves, which knows excuses that they do not. */
const DOUBT_FACTOR = 2;
const DOUBT_PACKETS = 10;

/** Of a tunnel end: what the operator says of its point, else its subnet. */
export function sitesOf(
  points: readonly ReadPoint[],
  places: ReadonlyMap<string, number>,
): (address: string) => string {
  return (address) => {
    const point = places.get(address);
    return (point === undefined ? null : points[point].site) ?? subnetOf(address);
  };
}

/** What the comparisons of all pairs count of each direction, times by the middle clock. */
export function observedDirections(
  points: readonly ReadPoint[],
  pairs: readonly ReadPair[],
  clocks: readonly PointClock[],
  places: ReadonlyMap<string, number>,
): ObservedDirection[] {
  const siteOf = sitesOf(points, places);
  return pairs.flatMap((pair) =>
    (pair.report.compare?.directions ?? [])
      .filter(({ scope, sent }) => scope === 'outer' && sent > 0)
      .map((direction): ObservedDirection => {
        const sender = sideOf(pair, direction.sender);
        const shiftUs = clocks[sender].offsetSeconds * 1e6;
        const passage = pair.passages.find(
          ({ from, to, sender: side }) =>
            from === direction.from && to === direction.to && side === direction.sender,
        );
        const isSound =
          passage !== undefined && passage.missing <= DOUBT_FACTOR * direction.lost + DOUBT_PACKETS;
        const flows = isSound ? passage.flows.map((flow) => shifted(flow, shiftUs)) : [];
        return {
          from: direction.from,
          to: direction.to,
          sender: points[sender].name,
          receiver: points[receiverOf(pair, direction)].name,
          fromSite: siteOf(direction.from),
          toSite: siteOf(direction.to),
          sent: direction.sent,
          lost: direction.lost,
          flows,
          total: flows.length === 0 ? null : totalOf(flows),
        };
      }),
  );
}

function shifted(flow: PassageClass & Omit<ObservedFlow, 'explainedBy'>, shiftUs: number): ObservedFlow {
  const at = (timeUs: number | null): number | null => (timeUs === null ? null : timeUs - shiftUs);
  return {
    ...flow,
    firstMissingUs: at(flow.firstMissingUs),
    lastMissingUs: at(flow.lastMissingUs),
    lastArrivedUs: at(flow.lastArrivedUs),
    missingSinceUs: at(flow.missingSinceUs),
    explainedBy: null,
  };
}
