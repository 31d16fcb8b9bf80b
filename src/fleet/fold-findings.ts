import { groupBy } from '../correlate/group-by.js';
import type { FleetFinding } from '../report/fleet-report.js';
import type { Finding, Report } from '../report/report.js';
import type { PointClock } from './clocks.js';
import type { ReadPair, ReadPoint } from './fleet-evidence.js';
import { hostOf } from './host-places.js';
import type { LossCause } from './observed-traffic.js';
import type { OverlayAddress } from './overlay-addresses.js';

/** A finding of a point or a pair, with the hosts that it is about. */
export interface PlacedFinding {
  readonly finding: Finding;
  /** Points whose captures show it. */
  readonly at: readonly string[];
  /** Tunnel ends. */
  readonly hosts: readonly string[];
  /** Of the tunnel that it is about: `vxlan 7`. */
  readonly network: string | null;
  /** By the middle clock, in microseconds since 1970; null where the capture has no date. */
  readonly firstUs: number | null;
}

/** Of the kind of fault that each diagnosis states. */
export type FaultOf = (id: string) => string | undefined;

export interface FoldKnowledge {
  readonly faultOf: FaultOf;
  /** Rack, zone or subnet of a tunnel end. */
  readonly siteOf: (address: string) => string;
}

/** Kinds of fault that packets which are lost on the way may look like from one end. */
const FOLLOWS_FROM_LOSS: ReadonlySet<string> = new Set([
  'path-loss',
  'unreachable',
  'policy',
  'fragments',
  'mtu',
  'large-packets-lost',
  'key-exchange',
  'tunnel-down',
  'tunnel-one-way',
  'tunnel-loss',
  'session-down',
  'silence',
  'delay',
  'application',
]);
const OF_LARGE_PACKETS: ReadonlySet<string> = new Set(['mtu', 'large-packets-lost', 'fragments']);
/** What a pair says of clocks is solved for all points at once. */
const SAID_BY_FLEET: ReadonlySet<string> = new Set(['time.capture-skew']);
/** A finding may begin with the last packet that was well. */
const EARLIER_US = 2_000_000;
const ADDRESS = /\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]+/g;

/**
 * The loud findings of all points and pairs that nothing else in the same report explains. What a pair shows of its two
 * hosts takes the place of what each of them says alone.
 */
export function placedFindings(
  points: readonly ReadPoint[],
  pairs: readonly ReadPair[],
  clocks: readonly PointClock[],
  places: ReadonlyMap<string, number>,
  addresses: readonly OverlayAddress[],
): PlacedFinding[] {
  const hostsOfAddress = groupBy(addresses, ({ address }) => address);
  const hostsAt = groupBy(places.keys(), (address) => places.get(address) ?? -1);
  const place = (finding: Finding, report: Report, own: readonly number[]): PlacedFinding => {
    const named = addressesOf(finding, report);
    const behind = named.flatMap((address) => hostsOfAddress.get(address)?.map(({ host }) => host) ?? []);
    const ends = named.filter((address) => places.has(address) || isTunnelEnd(address, report));
    const firstUs = finding.first === null ? null : microsecondsOf(finding.first);
    // A pair states times as the capture does that shows them.
    const side = report.captures[finding.evidence[0]?.capture ?? 0]?.side;
    const clock = clocks[side === 'b' ? own[own.length - 1] : own[0]];
    return {
      finding,
      at: own.map((point) => points[point].name),
      hosts: [...new Set([...ends, ...behind])],
      network: networkOf(finding, report),
      firstUs: firstUs === null ? null : firstUs - clock.offsetSeconds * 1e6,
    };
  };
  const ofPairs = pairs.flatMap((pair) =>
    loud(pair.report)
      .map((finding) => place(finding, pair.report, [pair.a, pair.b]))
      .filter(({ hosts }) => [pair.a, pair.b].every((point) => touches(hosts, hostsAt.get(point) ?? []))),
  );
  const compared = new Set(
    pairs.flatMap(({ a, b }) =>
      (hostsAt.get(a) ?? []).flatMap((x) => (hostsAt.get(b) ?? []).map((y) => [x, y].sort().join(' '))),
    ),
  );
  const ofPoints = points.flatMap((point, index) =>
    loud(point.report)
      .map((finding) => place(finding, point.report, [index]))
      .filter(({ hosts }) => hosts.length !== 2 || !compared.has([...hosts].sort().join(' '))),
  );
  return [...ofPairs, ...ofPoints].filter(({ finding }) => !SAID_BY_FLEET.has(finding.id));
}

function loud({ findings }: Report): Finding[] {
  return findings.filter(({ severity, causedBy }) => severity !== 'info' && (causedBy?.length ?? 0) === 0);
}

function touches(hosts: readonly string[], of: readonly string[]): boolean {
  return of.some((host) => hosts.includes(host));
}

function addressesOf({ subject, direction, tunnel }: Finding, { tunnels }: Report): string[] {
  const own = JSON.stringify([subject, direction ?? null]).match(ADDRESS) ?? [];
  const ends: string[] = [];
  for (let at = tunnels.find(({ id }) => id === tunnel); at !== undefined; ) {
    ends.push(...at.endpoints.map(hostOf));
    const { encapsulatedIn } = at;
    at = encapsulatedIn === undefined ? undefined : tunnels.find(({ id }) => id === encapsulatedIn);
  }
  return [...new Set([...own, ...ends])];
}

function isTunnelEnd(address: string, { tunnels }: Report): boolean {
  return tunnels.some(
    ({ encapsulatedIn, endpoints }) =>
      encapsulatedIn === undefined && endpoints.map(hostOf).includes(address),
  );
}

function networkOf({ tunnel }: Finding, { tunnels }: Report): string | null {
  const found = tunnels.find(({ id }) => id === tunnel);
  return found === undefined ? null : `${found.kind} ${[found.key ?? ''].flat().join(' ')}`.trimEnd();
}

/** Microseconds since 1970 of an RFC 3339 time with nanoseconds. */
export function microsecondsOf(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  const whole = time.replace(/\.\d+/, '');
  return Date.parse(whole) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

/** The findings that follow from a cause, and those that remain. */
export function foldByCause(
  findings: readonly PlacedFinding[],
  causes: readonly LossCause[],
  knowledge: FoldKnowledge,
): {
  readonly folded: ReadonlyMap<LossCause, readonly PlacedFinding[]>;
  readonly rest: readonly PlacedFinding[];
} {
  const rest: PlacedFinding[] = [];
  const explained: { readonly cause: LossCause; readonly placed: PlacedFinding }[] = [];
  for (const placed of findings) {
    const cause = causes.find((one) => follows(placed, one, knowledge));
    if (cause === undefined) rest.push(placed);
    else explained.push({ cause, placed });
  }
  const byCause = [...groupBy(explained, ({ cause }) => cause)];
  const folded = new Map(byCause.map(([cause, own]) => [cause, own.map(({ placed }) => placed)]));
  return { folded, rest };
}

function follows(
  { finding, hosts, network, firstUs }: PlacedFinding,
  cause: LossCause,
  { faultOf, siteOf }: FoldKnowledge,
): boolean {
  const fault = faultOf(finding.id) ?? '';
  if (!FOLLOWS_FROM_LOSS.has(fault)) return false;
  if (firstUs !== null && firstUs < cause.sinceUs - EARLIER_US) return false;
  if (hosts.some((host) => cause.hosts.includes(host))) return true;
  if (network !== null && network === cause.network) return true;
  const { largeFrom } = cause;
  if (largeFrom !== undefined && hosts.includes(largeFrom) && OF_LARGE_PACKETS.has(fault)) return true;
  const { pairs, sites } = cause;
  return hosts.some((x) =>
    hosts.some(
      (y) => x !== y && (pairs.has(`${x} ${y}`) || (siteOf(x) === sites?.[0] && siteOf(y) === sites[1])),
    ),
  );
}

/** What remains, each id once for each host that its findings share. */
export function restFindings(
  rest: readonly PlacedFinding[],
  timeText: (us: number) => string,
): FleetFinding[] {
  return [...groupBy(rest, ({ finding }) => finding.id).values()].flatMap((own) => {
    const groups: PlacedFinding[][] = [];
    let left = [...own];
    while (left.length > 0) {
      const host = commonest(left.flatMap(({ hosts }) => hosts));
      const group = host === null ? left.slice(0, 1) : left.filter(({ hosts }) => hosts.includes(host));
      groups.push(group);
      left = left.filter((one) => !group.includes(one));
    }
    return groups.map((group) => restFinding(group, timeText));
  });
}

function commonest(hosts: readonly string[]): string | null {
  const counts = [...groupBy(hosts, (host) => host)].map(([host, all]) => ({ host, count: all.length }));
  counts.sort((x, y) => y.count - x.count || (x.host < y.host ? -1 : 1));
  return counts[0]?.host ?? null;
}

function restFinding(group: readonly PlacedFinding[], timeText: (us: number) => string): FleetFinding {
  const [{ finding }] = [...group].sort(
    (x, y) => (x.finding.severity === 'error' ? 0 : 1) - (y.finding.severity === 'error' ? 0 : 1),
  );
  const times = group.flatMap(({ firstUs }) => (firstUs === null ? [] : [firstUs]));
  const all = new Set(group.flatMap((one) => one.hosts));
  const hosts = [...all].filter((host) => group.every((one) => one.hosts.includes(host)));
  const shared = hosts.length === 1 && group.length > 1 ? `: all concern ${hosts[0]}` : '';
  return {
    id: finding.id,
    severity: finding.severity,
    confidence: finding.confidence,
    title: group.length === 1 ? finding.title : `${finding.title} (and ${group.length - 1} more${shared})`,
    explanation: finding.explanation,
    place: { kind: 'hosts', hosts: [...new Set(group.flatMap((one) => one.hosts))].sort() },
    since: times.length === 0 ? null : timeText(Math.min(...times)),
    lastGood: null,
    ongoingAtEnd: group.some((one) => one.finding.ongoingAtEnd),
    counts: finding.counts,
    seenAt: [...new Set(group.flatMap(({ at }) => at))].sort(),
    folded: group.length === 1 ? [] : [{ id: finding.id, findings: group.length }],
    nextSteps: finding.nextSteps,
    refutedBy: finding.refutedBy,
  };
}
