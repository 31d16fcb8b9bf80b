import { groupBy } from '../correlate/group-by.js';
import {
  flowsOf,
  type LossCause,
  type ObservedDirection,
  type ObservedFlow,
  pairKey,
  pointsOf,
} from './observed-traffic.js';
import { totalOf } from './passage.js';

const PEERS_MIN = 3;
const LOST_MIN = 5;
/** Every path carries this (RFC 8200). */
const SIZE_MIN = 1280;

/**
 * Hosts whose packets above one size never arrive, to three peers or more, while those up to it do: their overlay is
 * configured for a larger MTU than the path has.
 */
export function largePackets(directions: readonly ObservedDirection[]): LossCause[] {
  const lossy = directions.filter((direction) => largeFlows(direction).length > 0);
  const bySender = [...groupBy(lossy, ({ from }) => from)].filter(([, own]) => own.length >= PEERS_MIN);
  return bySender.flatMap(([host, own]) => causeOf(host, own, directions) ?? []);
}

/** Flows in which everything missing is larger than all that arrived of the direction since. */
function largeFlows({ flows }: ObservedDirection): ObservedFlow[] {
  const candidates = flows.filter(
    ({ explainedBy, missing, smallestMissing }) =>
      explainedBy === null && missing > 0 && smallestMissing >= SIZE_MIN,
  );
  const { firstMissingUs } = totalOf(candidates);
  if (firstMissingUs === null) return [];
  const arrived = largestSince(flows, firstMissingUs);
  return candidates.filter(({ smallestMissing }) => smallestMissing > arrived);
}

/** Of all flows that still carried something then. */
function largestSince(flows: readonly ObservedFlow[], sinceUs: number): number {
  return flows.reduce(
    (largest, flow) =>
      flow.lastArrivedUs !== null && flow.lastArrivedUs > sinceUs
        ? Math.max(largest, flow.largestArrived)
        : largest,
    0,
  );
}

function causeOf(
  host: string,
  own: readonly ObservedDirection[],
  all: readonly ObservedDirection[],
): LossCause | null {
  const flows = own.flatMap(largeFlows);
  const total = totalOf(flows);
  const smallest = Math.min(...flows.map(({ smallestMissing }) => smallestMissing));
  if (total.missing < LOST_MIN || total.firstMissingUs === null) return null;
  const { firstMissingUs } = total;
  const largest = Math.max(...own.map((direction) => largestSince(direction.flows, firstMissingUs)));
  if (smallest <= largest) return null;
  // Where small packets are lost as well, size is not what they have in common.
  const others = flowsOf(own).filter((flow) => !flows.includes(flow));
  if (totalOf(others).missing > total.missing / 4) return null;
  const large = new Set(
    all
      .filter((direction) => direction.from !== host && largeFlows(direction).length > 0)
      .map(({ from }) => from),
  );
  const senders = large.size === 0 ? '; no other host loses packets for their size' : '';
  const point = own[0].sender;
  const cause: LossCause = {
    id: 'fleet.mtu-odd',
    title: `${host} (${point}) sends packets too large for the path: from ${smallest} bytes on none arrives`,
    explanation: `${host} loses what is larger than ${largest} bytes (smallest lost ${smallest}) to ${own.length} of its peers, whichever they are${senders}. Its containers do not know of the overhead of the tunnel.`,
    severity: 'error',
    confidence: 'high',
    place: { kind: 'host', host, point },
    hosts: [],
    pairs: new Set(own.map(pairKey)),
    points: pointsOf(own),
    largeFrom: host,
    sinceUs: total.firstMissingUs,
    lastGoodUs: null,
    lastUs: total.lastMissingUs ?? total.firstMissingUs,
    counts: { peers: own.length, missing: total.missing, smallestLost: smallest, largestArrived: largest },
    nextSteps: [
      `on ${host}: ip -d link (MTU of the tunnel device and of its bridge), compare with another host`,
      'in a container there: ip link; its MTU is that of the underlay less the overhead of the tunnel (VXLAN over IPv4: 50)',
    ],
    refutedBy: `ping -M do -s ${smallest - 28} from ${host} to a peer that is answered`,
  };
  for (const flow of flows) flow.explainedBy = cause;
  return cause;
}
