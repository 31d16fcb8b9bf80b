import { groupBy } from '../correlate/group-by.js';
import {
  type LossCause,
  type ObservedDirection,
  type ObservedFlow,
  pairKey,
  pointsOf,
} from './observed-traffic.js';
import { type PassageClass, totalOf } from './passage.js';

const PAIRS_MIN = 2;
const DEAD_FLOWS_MIN = 4;
const LIVE_FLOWS_MIN = 8;
const MISSING_MIN = 2;
/** Of what is missing, what dead flows must account for. */
const DEAD_SHARE_MIN = 0.9;
const MODULI = [2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64];
const PORTS_NAMED_MAX = 12;

/**
 * Flows between two sites of which some lose everything and all others nothing: one member of a bundle or of equal-cost
 * paths delivers nothing, and the outer port decides who goes there.
 */
export function deadPaths(directions: readonly ObservedDirection[]): LossCause[] {
  const lossy = directions.filter(({ flows }) => flows.some(isOpen));
  const bySites = groupBy(lossy, ({ fromSite, toSite }) => `${fromSite} ${toSite}`);
  return [...bySites.values()].flatMap((own) => causeOf(own) ?? []);
}

function isOpen({ explainedBy, missing }: ObservedFlow): boolean {
  return explainedBy === null && missing > 0;
}

function isDead({ missing, arrivedAfter }: PassageClass): boolean {
  return missing >= MISSING_MIN && arrivedAfter === 0;
}

function causeOf(own: readonly ObservedDirection[]): LossCause | null {
  const flows = own.flatMap((direction) => direction.flows.filter(({ explainedBy }) => explainedBy === null));
  const dead = flows.filter(isDead);
  const live = flows.filter(({ missing }) => missing === 0);
  const total = totalOf(flows);
  const ofDead = totalOf(dead);
  const pairs = own.filter((direction) => direction.flows.some((flow) => dead.includes(flow)));
  if (dead.length < DEAD_FLOWS_MIN || live.length < LIVE_FLOWS_MIN || pairs.length < PAIRS_MIN) return null;
  if (ofDead.missing < DEAD_SHARE_MIN * total.missing || ofDead.firstMissingUs === null) return null;
  // Ports that lose everything lose it whoever uses them, unless each host has its own way.
  const sinceUs = ofDead.firstMissingUs;
  const liveSince = live.filter(({ lastArrivedUs }) => lastArrivedUs !== null && lastArrivedUs > sinceUs);
  if (liveSince.length < LIVE_FLOWS_MIN) return null;
  return made(pairs, dead, liveSince, sinceUs);
}

function made(
  pairs: readonly ObservedDirection[],
  dead: readonly ObservedFlow[],
  live: readonly ObservedFlow[],
  sinceUs: number,
): LossCause {
  const [{ fromSite, toSite }] = pairs;
  const ports = [...new Set(dead.map(({ fromPort }) => fromPort))].sort((a, b) => a - b);
  const bucket = residueOf(ports, new Set(live.map(({ fromPort }) => fromPort)));
  const missing = totalOf(dead).missing;
  const which =
    bucket === null
      ? `source ports ${ports.slice(0, PORTS_NAMED_MAX).join(', ')}${ports.length > PORTS_NAMED_MAX ? ' …' : ''}`
      : `outer source ports with remainder ${bucket.residue} of ${bucket.modulus}`;
  const place = fromSite === toSite ? `within ${fromSite}` : `from ${fromSite} to ${toSite}`;
  const cause: LossCause = {
    id: 'fleet.path-dead',
    title: `one of several paths ${place} delivers nothing: ${which}`,
    explanation: `${dead.length} flows ${place} lose every packet (${missing} missing on ${pairs.length} pairs of hosts), ${live.length} others of the same hosts lose none. Which one a flow is depends on its outer port alone.`,
    severity: 'error',
    confidence: bucket === null ? 'medium' : 'high',
    place: { kind: 'sites', from: fromSite, to: toSite, ports, ...(bucket === null ? {} : { bucket }) },
    hosts: [],
    pairs: new Set(pairs.map(pairKey)),
    points: pointsOf(pairs),
    sites: [fromSite, toSite],
    sinceUs,
    lastGoodUs: null,
    lastUs: totalOf(dead).lastMissingUs ?? sinceUs,
    counts: { pairs: pairs.length, deadFlows: dead.length, liveFlows: live.length, missing },
    nextSteps: [
      `on the switches between ${fromSite} and ${toSite}: members of the bundle and equal-cost next hops one by one (counters, errors, optics)`,
      `send from one host of ${fromSite} with one of these ports and with another: mtr -u -P, or nping --udp -g PORT`,
    ],
    refutedBy: 'a packet of one of these ports that arrives after that time',
  };
  for (const flow of dead) flow.explainedBy = cause;
  return cause;
}

/** The remainder that all dead ports have and no live one, for the least divisor for which that holds. */
function residueOf(
  dead: readonly number[],
  live: ReadonlySet<number>,
): { readonly modulus: number; readonly residue: number } | null {
  if (dead.length < DEAD_FLOWS_MIN || live.size < LIVE_FLOWS_MIN) return null;
  for (const modulus of MODULI) {
    const residue = dead[0] % modulus;
    const isFitting = dead.every((port) => port % modulus === residue);
    if (isFitting && ![...live].some((port) => port % modulus === residue)) return { modulus, residue };
  }
  return null;
}
