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
const HOSTS_MIN = 2;
const MISSING_MIN = 12;
const RATE_MIN = 0.005;
/** Pairs from which that many losses are expected and which show none speak against it. */
const EXPECTED_MIN = 4;
const AGREEING_SHARE_MIN = 0.8;

interface Lossy {
  readonly direction: ObservedDirection;
  readonly missing: number;
  readonly flows: readonly ObservedFlow[];
}

/**
 * Loss that all pairs of hosts across the same two sites share, and what one host shares with all of its peers: it is the
 * link between the sites, or that of the host. A single pair is told by its own comparison.
 */
export function lossySites(directions: readonly ObservedDirection[]): LossCause[] {
  const between = groupBy(directions, ({ fromSite, toSite }) => [fromSite, toSite].sort().join(' '));
  const ofSites = [...between.values()].flatMap((own) => {
    const [{ fromSite, toSite }] = own;
    const where =
      fromSite === toSite ? `within ${fromSite}` : `between ${[fromSite, toSite].sort().join(' and ')}`;
    const sites = [...new Set([fromSite, toSite])].sort();
    return causeOf(own, where, { kind: 'sites', sites }, 'fleet.link-loss') ?? [];
  });
  const hosts = [...new Set(directions.flatMap(({ from, to }) => [from, to]))].sort();
  const ofHosts = hosts.flatMap((host) => {
    const own = directions.filter(({ from, to }) => from === host || to === host);
    const point = own[0].from === host ? own[0].sender : own[0].receiver;
    return (
      causeOf(
        own,
        `between ${host} (${point}) and all others`,
        { kind: 'host', host, point },
        'fleet.host-loss',
      ) ?? []
    );
  });
  return [...ofSites, ...ofHosts];
}

function causeOf(
  own: readonly ObservedDirection[],
  where: string,
  place: LossCause['place'],
  id: string,
): LossCause | null {
  const parts = own.map((direction): Lossy => {
    const flows = direction.flows.filter(({ explainedBy, missing }) => explainedBy === null && missing > 0);
    return { direction, flows, missing: totalOf(flows).missing };
  });
  const lossy = parts.filter(({ missing }) => missing > 0);
  const total = totalOf(lossy.flatMap(({ flows }) => flows));
  if (lossy.length < PAIRS_MIN || total.missing < MISSING_MIN || total.firstMissingUs === null) return null;
  if (!isSpread(lossy, place.kind)) return null;
  const sent = lossy.reduce((sum, { direction }) => sum + direction.sent, 0);
  const rate = total.missing / sent;
  if (rate < RATE_MIN) return null;
  // Whole directions alone: a link may lose one way.
  const ways = [...groupBy(parts, ({ direction }) => direction.fromSite)].filter(([, way]) =>
    way.some(({ missing }) => missing > 0),
  );
  const judged = ways
    .flatMap(([, way]) => way)
    .filter(({ direction }) => direction.sent * rate >= EXPECTED_MIN);
  const agreeing = judged.filter(({ missing }) => missing > 0);
  if (agreeing.length < PAIRS_MIN || agreeing.length < AGREEING_SHARE_MIN * judged.length) return null;
  const cause: LossCause = {
    id,
    title: `${(rate * 100).toFixed(1)} % of the packets ${where} are lost`,
    explanation: `${agreeing.length} of ${judged.length} directions ${where} that carry enough packets to tell lose some (${total.missing} of ${sent}), whatever their ports, networks and sizes.`,
    severity: rate >= 0.01 ? 'error' : 'warning',
    confidence: 'high',
    place,
    hosts: [],
    pairs: new Set(lossy.map(({ direction }) => pairKey(direction))),
    points: pointsOf(lossy.map(({ direction }) => direction)),
    ...(place.kind === 'sites' ? { sites: [own[0].fromSite, own[0].toSite] as const } : {}),
    sinceUs: total.firstMissingUs,
    lastGoodUs: null,
    lastUs: total.lastMissingUs ?? total.firstMissingUs,
    counts: { directions: lossy.length, sent, missing: total.missing },
    nextSteps: [
      `interfaces of the switches ${where}: errors, discards, queue drops; optics; both directions`,
      'mtr between one host of each side, then hop by hop',
    ],
    refutedBy: 'interface counters without drops on the whole way between them',
  };
  for (const { flows } of lossy) for (const flow of flows) flow.explainedBy = cause;
  return cause;
}

/** Several hosts on each side of a link; for a host three peers are enough. */
function isSpread(lossy: readonly Lossy[], kind: string): boolean {
  if (kind === 'host') return true;
  const hostsOf = (site: string): number =>
    new Set(
      lossy.flatMap(({ direction }) => [
        ...(direction.fromSite === site ? [direction.from] : []),
        ...(direction.toSite === site ? [direction.to] : []),
      ]),
    ).size;
  const [{ direction }] = lossy;
  return hostsOf(direction.fromSite) >= HOSTS_MIN && hostsOf(direction.toSite) >= HOSTS_MIN;
}
