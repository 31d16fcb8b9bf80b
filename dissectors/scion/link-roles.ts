import type { ScionLink } from './session.js';
import type { ScionTopology, ScionLink as TopologyLink } from './topology.js';

/** What the AS at each end of a link is to the other, by a topology of one of them. */
export interface LinkRole {
  readonly topologyLink: TopologyLink;
  /** Direction from the neighbour of the topology to its own AS. */
  readonly fromNeighbour: number;
}

/** True where a topology lists that link between border routers. */
export function isOfTopology(link: ScionLink, topologies: readonly ScionTopology[]): boolean {
  return linkRole(link, topologies) !== null;
}

/**
 * The link of a topology that runs between the hosts of a link on the wire; of several between them, the one with the
 * ports of the wire. Where there is one only, a port may differ: topologies of another day name another one.
 */
export function linkRole(link: ScionLink, topologies: readonly ScionTopology[]): LinkRole | null {
  const listed = topologies.flatMap(({ links }) => links);
  const fitting = listed.flatMap((one) => {
    const fromNeighbour = directionFromNeighbour(link, one);
    return fromNeighbour === null ? [] : [{ topologyLink: one, fromNeighbour }];
  });
  if (fitting.length <= 1) return fitting[0] ?? null;
  return (
    fitting.find(({ topologyLink, fromNeighbour }) => hasPorts(link, topologyLink, fromNeighbour)) ?? null
  );
}

function directionFromNeighbour(
  { low, high }: ScionLink,
  { local, bind, remote }: TopologyLink,
): number | null {
  const isLocal = (host: string): boolean => local.host === null || host === local.host || host === bind;
  if (remote.host === low && isLocal(high)) return 0;
  return remote.host === high && isLocal(low) ? 1 : null;
}

function hasPorts(link: ScionLink, { local, remote }: TopologyLink, fromNeighbour: number): boolean {
  const [theirs, ours] = fromNeighbour === 0 ? [link.lowPort, link.highPort] : [link.highPort, link.lowPort];
  return (local.port === null || local.port === ours) && (remote.port === null || remote.port === theirs);
}
