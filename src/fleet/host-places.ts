import { type ReadPair, type ReadPoint, receiverOf, sideOf } from './fleet-evidence.js';

/** Peers that a host must have before its address is told from theirs by being in all tunnels. */
const PEERS_MIN = 2;

/**
 * At which point each tunnel end is, by address. The comparison of two points says which of them a packet passes first: its
 * sender is on that side and not on the other one, and where a third point lies between the ends, only one remains. Where
 * nothing was compared, the address that all tunnels of a point share is its own.
 */
export function hostPlaces(points: readonly ReadPoint[], pairs: readonly ReadPair[]): Map<string, number> {
  const near = new Map<string, Set<number>>();
  const far = new Map<string, Set<number>>();
  for (const [index, { addresses }] of points.entries())
    for (const address of addresses) near.set(address, new Set([index]));
  const stated = new Set(near.keys());
  for (const pair of pairs) {
    for (const direction of pair.report.compare?.directions ?? []) {
      if (direction.scope !== 'outer' || direction.matched === 0) continue;
      const [sender, receiver] = [sideOf(pair, direction.sender), receiverOf(pair, direction)];
      if (!stated.has(direction.from)) note(near, far, direction.from, sender, receiver);
      if (!stated.has(direction.to)) note(near, far, direction.to, receiver, sender);
    }
  }
  const places = new Map<string, number>();
  for (const [address, candidates] of [...near].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const left = [...candidates].filter((point) => !far.get(address)?.has(point));
    if (left.length === 1) places.set(address, left[0]);
  }
  for (const [index, point] of points.entries()) {
    if ([...places.values()].includes(index)) continue;
    const address = sharedAddress(point);
    if (address !== null && !places.has(address)) places.set(address, index);
  }
  return places;
}

function note(
  near: Map<string, Set<number>>,
  far: Map<string, Set<number>>,
  address: string,
  own: number,
  other: number,
): void {
  near.set(address, (near.get(address) ?? new Set()).add(own));
  far.set(address, (far.get(address) ?? new Set()).add(other));
}

/** The one address that is an end of all tunnels of a point. */
function sharedAddress({ report }: ReadPoint): string | null {
  const ends = report.tunnels.flatMap(({ endpoints, encapsulatedIn }) =>
    encapsulatedIn === undefined && endpoints.length === 2 ? [endpoints.map(hostOf)] : [],
  );
  const pairs = new Set(ends.map((pair) => [...pair].sort().join(' ')));
  if (pairs.size < PEERS_MIN) return null;
  const shared = (ends[0] ?? []).filter((address) => ends.every((pair) => pair.includes(address)));
  return shared.length === 1 ? shared[0] : null;
}

/** The address of an end that may be written with a port: `10.0.0.1:4500`, `[2001:db8::1]:4500`. */
export function hostOf(endpoint: string): string {
  return (
    /^\[(.*)\](:\d+)?$/.exec(endpoint)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(endpoint)?.[1] ?? endpoint
  );
}

/** What stands for the place of a host where the operator says none: its subnet. */
export function subnetOf(address: string): string {
  const ipv4 = /^(\d+\.\d+\.\d+)\.\d+$/.exec(address);
  if (ipv4) return `${ipv4[1]}.0/24`;
  const [head, tail] = address.split('::');
  const left = head.split(':').filter((group) => group !== '');
  const right = tail === undefined ? [] : tail.split(':').filter((group) => group !== '');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...new Array<string>(Math.max(0, zeros)).fill('0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
