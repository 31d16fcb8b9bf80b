import { groupBy } from '../correlate/group-by.js';
import type { FleetCell, FleetTunnel } from '../report/fleet-report.js';
import type { Tunnel } from '../report/report.js';
import type { ReadPair, ReadPoint } from './fleet-evidence.js';
import { hostOf } from './host-places.js';

interface SeenTunnel {
  readonly point: number;
  readonly ends: readonly [string, string];
  readonly tunnel: Tunnel;
}

/** Every tunnel between two hosts once, whoever saw it: one for each kind and pair of ends, with its keys. */
export function fleetTunnels(
  points: readonly ReadPoint[],
  places: ReadonlyMap<string, number>,
): FleetTunnel[] {
  return [...groupBy(seenTunnels(points), keyOf).values()].map((own) => {
    const [{ ends, tunnel }] = own;
    const pointOf = (address: string): string | null => {
      const point = places.get(address);
      return point === undefined ? null : points[point].name;
    };
    return {
      kind: tunnel.kind,
      endpoints: [...ends],
      keys: [...new Set(own.flatMap((one) => keysOf(one.tunnel)))].sort(),
      ends: [pointOf(ends[0]), pointOf(ends[1])],
      seenAt: [...new Set(own.map(({ point }) => points[point].name))].sort(),
    };
  });
}

/** What each host sent to each other one, by kind of tunnel, as the points at both ends count it. */
export function fleetMatrix(
  points: readonly ReadPoint[],
  pairs: readonly ReadPair[],
  places: ReadonlyMap<string, number>,
): FleetCell[] {
  const seen = seenTunnels(points);
  const kinds = groupBy(seen, ({ ends }) => ends.join(' '));
  const lost = new Map<string, number>();
  for (const { report } of pairs)
    for (const direction of report.compare?.directions ?? [])
      if (direction.scope === 'outer')
        lost.set(
          `${direction.from} ${direction.to}`,
          (lost.get(`${direction.from} ${direction.to}`) ?? 0) + direction.lost,
        );
  return [...groupBy(seen, keyOf).values()].flatMap((own) => {
    const [{ ends, tunnel }] = own;
    const isOnlyKind = new Set(kinds.get(ends.join(' '))?.map((one) => one.tunnel.kind)).size === 1;
    const count = (from: string, to: string, at: string): number | null => {
      const point = places.get(at);
      return point === undefined ? null : packetsOf(own, point, from, to);
    };
    return [ends, [ends[1], ends[0]] as const].map(
      ([from, to]): FleetCell => ({
        kind: tunnel.kind,
        from,
        to,
        sent: count(from, to, from),
        arrived: count(from, to, to),
        lost: isOnlyKind ? (lost.get(`${from} ${to}`) ?? null) : null,
        answered: count(to, from, from),
      }),
    );
  });
}

function packetsOf(own: readonly SeenTunnel[], point: number, from: string, to: string): number {
  return own
    .filter((one) => one.point === point)
    .flatMap(({ tunnel }) => tunnel.directions)
    .filter((direction) => hostOf(direction.from) === from && hostOf(direction.to) === to)
    .reduce((sum, { packets }) => sum + packets, 0);
}

/** Those that no other tunnel carries: what is inside one runs between the same hosts. */
function seenTunnels(points: readonly ReadPoint[]): SeenTunnel[] {
  return points.flatMap(({ report }, point) =>
    report.tunnels.flatMap((tunnel): SeenTunnel[] => {
      const [x, y] = tunnel.endpoints.map(hostOf).sort();
      if (tunnel.encapsulatedIn !== undefined || x === undefined || y === undefined) return [];
      return [{ point, ends: [x, y], tunnel }];
    }),
  );
}

function keyOf({ ends, tunnel }: SeenTunnel): string {
  return `${tunnel.kind} ${ends.join(' ')}`;
}

function keysOf({ key }: Tunnel): string[] {
  return key === undefined ? [] : [key].flat().map(String);
}
