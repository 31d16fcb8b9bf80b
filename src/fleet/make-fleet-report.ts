import { groupBy } from '../correlate/group-by.js';
import type { FleetFinding, FleetReport } from '../report/fleet-report.js';
import { formatRfc3339 } from '../rfc3339.js';
import { nsOfSeconds } from '../units.js';
import { blindSpots } from './blind-spots.js';
import { type ClockDifference, type PointClock, solveClocks } from './clocks.js';
import type { ReadPair, ReadPoint } from './fleet-evidence.js';
import { fleetMatrix, fleetTunnels } from './fleet-tunnels.js';
import {
  type FaultOf,
  foldByCause,
  type PlacedFinding,
  placedFindings,
  restFindings,
} from './fold-findings.js';
import { hostPlaces } from './host-places.js';
import { lossCauses } from './loss-causes.js';
import { observedDirections, sitesOf } from './observe-directions.js';
import type { LossCause } from './observed-traffic.js';
import { overlayAddresses, type SharedAddress, sharedAddresses } from './overlay-addresses.js';

/** Clocks farther from the middle are told: logs of the two hosts no longer fit together. */
const CLOCK_OFF_SECONDS = 1;
/** Loss that goes on so shortly before the end of the captures goes on at their end. */
const ONGOING_US = 10_000_000;
const SEVERITY_ORDER = ['error', 'warning', 'info'];

export interface FleetEvidence {
  readonly tool: FleetReport['tool'];
  readonly points: readonly ReadPoint[];
  readonly pairs: readonly ReadPair[];
  readonly errors: FleetReport['errors'];
  readonly faultOf: FaultOf;
  /** False where the work folder is deleted afterwards. */
  readonly keepsReports: boolean;
}

/** What all points and pairs show together. */
export function makeFleetReport(evidence: FleetEvidence): FleetReport {
  const { points, pairs } = evidence;
  const clocks = solveClocks(points.length, differencesOf(pairs));
  const places = hostPlaces(points, pairs);
  const addresses = overlayAddresses(points, clocks);
  const causes = lossCauses(observedDirections(points, pairs, clocks, places));
  const placed = placedFindings(points, pairs, clocks, places, addresses);
  const { folded, rest } = foldByCause(placed, causes, {
    faultOf: evidence.faultOf,
    siteOf: sitesOf(points, places),
  });
  const endUs = Math.max(...points.map(({ lastUs }, point) => lastUs - clocks[point].offsetSeconds * 1e6));
  const matrix = fleetMatrix(points, pairs, places);
  const linked = new Set(pairs.flatMap(({ a, b }) => [a, b]));
  const findings = [
    ...causes.map((cause) => causeFinding(cause, folded.get(cause) ?? [], endUs)),
    ...sharedAddresses(addresses).map((one) => sharedFinding(one, endUs)),
    ...clockFindings(points, clocks, linked),
    ...restFindings(rest, timeText),
  ];
  findings.sort((x, y) => SEVERITY_ORDER.indexOf(x.severity) - SEVERITY_ORDER.indexOf(y.severity));
  return {
    schema: 'capan-fleet/1',
    tool: evidence.tool,
    command: 'fleet',
    points: points.map((point, index) => pointSummary(point, index, evidence, clocks, places, linked)),
    links: pairs.map((pair) => linkSummary(pair, evidence)),
    groups: groupsOf(points, clocks),
    worstClock: worstClock(points, clocks, linked),
    tunnels: fleetTunnels(points, places),
    matrix,
    findings,
    blindSpots: blindSpots(matrix, places),
    errors: evidence.errors,
  };
}

/** In two parts, as nanoseconds since 1970 are more than a double holds. @param us microseconds since 1970 */
function timeText(us: number): string {
  const wholeSeconds = Math.floor(us / 1e6);
  return formatRfc3339(nsOfSeconds(wholeSeconds) + nsOfSeconds(Math.round(us - wholeSeconds * 1e6) / 1e6));
}

function differencesOf(pairs: readonly ReadPair[]): ClockDifference[] {
  return pairs.flatMap(({ a, b, report }) => {
    const clock = report.compare?.clock;
    if (clock === undefined || clock.offsetSeconds === null) return [];
    return [{ a, b, seconds: clock.offsetSeconds, halfWidth: clock.halfWidthSeconds ?? 1 }];
  });
}

function causeFinding(cause: LossCause, folded: readonly PlacedFinding[], endUs: number): FleetFinding {
  const counts = new Map<string, number>();
  for (const { finding } of folded) counts.set(finding.id, (counts.get(finding.id) ?? 0) + 1);
  return {
    id: cause.id,
    severity: cause.severity,
    confidence: cause.confidence,
    title: cause.title,
    explanation: cause.explanation,
    place: { ...cause.place },
    since: timeText(cause.sinceUs),
    lastGood: cause.lastGoodUs === null ? null : timeText(cause.lastGoodUs),
    ongoingAtEnd: endUs - cause.lastUs < ONGOING_US,
    counts: { ...cause.counts },
    seenAt: [...cause.points],
    folded: [...counts].sort().map(([id, findings]) => ({ id, findings })),
    nextSteps: [...cause.nextSteps],
    refutedBy: cause.refutedBy,
  };
}

function sharedFinding(
  { network, address, hosts: [x, y], sinceUs, untilUs }: SharedAddress,
  endUs: number,
): FleetFinding {
  return {
    id: 'fleet.address-shared',
    severity: 'error',
    confidence: 'high',
    title: `${address} of ${network} is behind two hosts at the same time: ${x.host} and ${y.host}`,
    explanation: `${x.packets} packets from ${address} come from ${x.host} and ${y.packets} from ${y.host}, in the same time and in different conversations; other addresses of its network have one host each. Answers go to whichever host was learned last.`,
    place: { kind: 'address', network, address, hosts: [x.host, y.host] },
    since: timeText(sinceUs),
    lastGood: null,
    ongoingAtEnd: endUs - untilUs < ONGOING_US,
    counts: { first: x.packets, second: y.packets },
    seenAt: [...new Set([...x.seenAt, ...y.seenAt])].sort(),
    folded: [],
    nextSteps: [
      `on ${x.host} and ${y.host}: which container has ${address} (ip neigh, crictl pods, cfdot); remove one`,
      'the address pool: leases that were given twice, a restored snapshot, a static address inside the pool',
    ],
    refutedBy: 'a gateway or anycast service that is meant to live on both hosts',
  };
}

function clockFindings(
  points: readonly ReadPoint[],
  clocks: readonly PointClock[],
  linked: ReadonlySet<number>,
): FleetFinding[] {
  const off = points
    .map((point, index) => ({ name: point.name, index, seconds: clocks[index].offsetSeconds }))
    .filter(({ index, seconds }) => linked.has(index) && Math.abs(seconds) >= CLOCK_OFF_SECONDS)
    .sort((x, y) => Math.abs(y.seconds) - Math.abs(x.seconds));
  if (off.length === 0) return [];
  const text = off.map(({ name, seconds }) => `${name} ${signed(seconds)} s`);
  return [
    {
      id: 'fleet.clock-off',
      severity: 'warning',
      confidence: 'high',
      title: `${off.length === 1 ? 'a clock is' : `${off.length} clocks are`} off: ${text.slice(0, 6).join(', ')}${off.length > 6 ? ' …' : ''}`,
      explanation: `against the middle clock of the points that they are linked with, solved from all pairs at once: ${text.join(', ')}. All times of this report are those of the middle clock; logs of these hosts are not.`,
      place: { kind: 'points', points: off.map(({ name }) => name) },
      since: null,
      lastGood: null,
      ongoingAtEnd: true,
      counts: { points: off.length, worstSeconds: off[0].seconds },
      seenAt: off.map(({ name }) => name),
      folded: [],
      nextSteps: ['on these hosts: chronyc tracking; chronyc sources -v; timedatectl'],
      refutedBy: 'chronyc tracking that shows the host at the time of its servers during the captures',
    },
  ];
}

function signed(seconds: number): string {
  return `${seconds > 0 ? '+' : ''}${seconds.toFixed(3)}`;
}

function pointSummary(
  point: ReadPoint,
  index: number,
  { keepsReports }: FleetEvidence,
  clocks: readonly PointClock[],
  places: ReadonlyMap<string, number>,
  linked: ReadonlySet<number>,
): FleetReport['points'][number] {
  const { captures, findings } = point.report;
  const of = (severity: string): number => findings.filter((finding) => finding.severity === severity).length;
  const times = (which: 'firstTime' | 'lastTime'): string[] =>
    captures.flatMap((capture) => capture[which] ?? []).sort();
  return {
    name: point.name,
    files: [...point.files],
    hosts: [...places].filter(([, at]) => at === index).map(([address]) => address),
    frames: captures.reduce((sum, { frames }) => sum + frames, 0),
    bytes: captures.reduce((sum, { bytes }) => sum + bytes, 0),
    firstTime: times('firstTime')[0] ?? null,
    lastTime: times('lastTime').at(-1) ?? null,
    findings: { error: of('error'), warning: of('warning'), info: of('info') },
    clockOffsetSeconds: linked.has(index) ? rounded(clocks[index].offsetSeconds) : null,
    ...(keepsReports ? { report: point.reportPath } : {}),
  };
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

function linkSummary(pair: ReadPair, { points, keepsReports }: FleetEvidence): FleetReport['links'][number] {
  const outer = (pair.report.compare?.directions ?? []).filter(({ scope }) => scope === 'outer');
  return {
    a: points[pair.a].name,
    b: points[pair.b].name,
    packets: pair.packets,
    sent: outer.reduce((sum, { sent }) => sum + sent, 0),
    lost: outer.reduce((sum, { lost }) => sum + lost, 0),
    ...(keepsReports ? { report: pair.reportPath } : {}),
  };
}

function groupsOf(points: readonly ReadPoint[], clocks: readonly PointClock[]): string[][] {
  const groups = groupBy(points.keys(), (index) => clocks[index].group);
  return [...groups.values()].map((own) => own.map((index) => points[index].name));
}

function worstClock(
  points: readonly ReadPoint[],
  clocks: readonly PointClock[],
  linked: ReadonlySet<number>,
): FleetReport['worstClock'] {
  const known = points.map((_, index) => index).filter((index) => linked.has(index));
  const worst = known.sort(
    (x, y) => Math.abs(clocks[y].offsetSeconds) - Math.abs(clocks[x].offsetSeconds),
  )[0];
  if (worst === undefined) return null;
  return { point: points[worst].name, offsetSeconds: rounded(clocks[worst].offsetSeconds) };
}
