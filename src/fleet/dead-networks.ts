import { groupBy } from '../correlate/group-by.js';
import {
  type LossCause,
  type ObservedDirection,
  type ObservedFlow,
  pairKey,
  pointsOf,
} from './observed-traffic.js';
import { totalOf } from './passage.js';

const PAIRS_MIN = 3;
const MISSING_MIN = 3;
const AGREEING_SHARE_MIN = 0.8;
const CONTRADICTION_US = 500_000;

interface OfNetwork {
  readonly direction: ObservedDirection;
  readonly network: string;
  readonly flows: readonly ObservedFlow[];
}

/** A network (VNI, GRE key) of which nothing arrives any more on three pairs or more, while others between the same hosts do. */
export function deadNetworks(directions: readonly ObservedDirection[]): LossCause[] {
  const parts = directions.flatMap((direction) =>
    [...groupBy(direction.flows, ({ network }) => network)].flatMap(([network, flows]): OfNetwork[] =>
      network === null ? [] : [{ direction, network, flows }],
    ),
  );
  return [...groupBy(parts, ({ network }) => network)].flatMap(
    ([network, own]) => causeOf(network, own) ?? [],
  );
}

function causeOf(network: string, own: readonly OfNetwork[]): LossCause | null {
  const open = own.map(({ direction, flows }) => {
    const unexplained = flows.filter(({ explainedBy }) => explainedBy === null);
    return { direction, flows: unexplained, total: totalOf(unexplained) };
  });
  const dead = open.filter(({ total }) => total.missingSince >= MISSING_MIN);
  if (dead.length < PAIRS_MIN) return null;
  const sinceUs = Math.min(...dead.map(({ total }) => total.missingSinceUs ?? Number.POSITIVE_INFINITY));
  const contradicting = open.filter(
    ({ total }) => total.lastArrivedUs !== null && total.lastArrivedUs > sinceUs + CONTRADICTION_US,
  );
  if (contradicting.length > (1 - AGREEING_SHARE_MIN) * (dead.length + contradicting.length)) return null;
  // Something else must pass meanwhile, or it is no matter of the network.
  const isAlive = dead.some(({ direction }) => {
    const others = direction.flows.filter((flow) => flow.network !== network);
    return others.some(
      ({ lastArrivedUs }) => lastArrivedUs !== null && lastArrivedUs > sinceUs + CONTRADICTION_US,
    );
  });
  const otherNetworks = new Set(open.flatMap(({ direction }) => direction.flows.map((flow) => flow.network)));
  if (!isAlive && otherNetworks.size < 2 && own.length < PAIRS_MIN) return null;
  return made(network, dead, sinceUs);
}

function made(
  network: string,
  dead: readonly { direction: ObservedDirection; flows: ObservedFlow[]; total: ReturnType<typeof totalOf> }[],
  sinceUs: number,
): LossCause {
  const hosts = new Set(dead.flatMap(({ direction }) => [direction.from, direction.to]));
  const missing = dead.reduce((sum, { total }) => sum + total.missingSince, 0);
  const good = dead.flatMap(({ total }) => (total.lastArrivedUs === null ? [] : [total.lastArrivedUs]));
  const cause: LossCause = {
    id: 'fleet.network-filtered',
    title: `nothing of ${network} arrives any more, between any of ${hosts.size} hosts`,
    explanation: `on ${dead.length} directions between ${hosts.size} hosts all packets of ${network} are lost from one moment on (${missing} missing); other traffic between hosts of the fleet passes.`,
    severity: 'error',
    confidence: 'high',
    place: { kind: 'network', network, hosts: [...hosts].sort() },
    hosts: [],
    pairs: new Set(dead.map(({ direction }) => pairKey(direction))),
    points: pointsOf(dead.map(({ direction }) => direction)),
    network,
    sinceUs,
    lastGoodUs: good.length === 0 ? null : Math.max(...good),
    lastUs: Math.max(...dead.map(({ total }) => total.lastMissingUs ?? sinceUs)),
    counts: { directions: dead.length, hosts: hosts.size, missing },
    nextSteps: [
      `look for a filter on the path that matches ${network}: ACLs of switches, nft and eBPF rules, security groups`,
      'compare what was changed at that time: configuration management, controller of the overlay',
    ],
    refutedBy: `a packet of ${network} that arrives at any of these hosts after that time`,
  };
  for (const { flows } of dead)
    for (const flow of flows) if ((flow.missingSinceUs ?? 0) >= sinceUs) flow.explainedBy = cause;
  return cause;
}
