import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement, judgeEach } from '../../../src/diagnose/diagnosis.js';
import { isNonEmpty, latestOf, mapped, mostBy, type NonEmpty } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { cite } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import { citationsInOrder, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, type Peering } from '../peerings.js';
import { FLAP_CYCLES_MIN, FLAP_WINDOW_SECONDS } from '../route-ledger.js';
import type { BgpSpeaker, FlappingRoute } from '../session.js';

const CITED = 3;
const NAMED = 4;

export default defineDiagnosis({
  id: 'bgp.route-flap',
  title: 'A route is announced and withdrawn again and again',
  severity: 'warning',
  subject: 'session',
  layer: 'overlay-control',
  priority: 3,
  rule:
    `Within one BGP session a speaker withdraws a prefix and announces it again, at least ${FLAP_CYCLES_MIN} times in ` +
    `${FLAP_WINDOW_SECONDS / 60} min. IPv4 and IPv6 unicast; of an UPDATE the first 64 routes are followed.`,
  notWhen:
    'A prefix that is announced again without having been withdrawn: other attributes. Announcements after a session came up: each session counts for itself.',
  causes: [
    'What the route stands for comes and goes: a link, an interface, a container host, a health check behind it',
    'A loop of redistribution, or two speakers that take the route from each other in turn',
    'A path to a next hop that loses packets for seconds',
  ],
  nextSteps: [
    'On the speaker where the route begins (last AS of its path): journalctl of the daemon, ip monitor link route; which interface or check changes?',
    'vtysh -c "show bgp ipv4 unicast PREFIX" a few times: from which neighbour, with which path?',
    'Capture the session of the neighbour that the route comes from: does it flap there too?',
  ],
  refutedBy: 'Somebody switches the route on and off on purpose (a drain of a service, a test).',
  source: 'RFC 4271, sections 4.3 and 9.2.1.1; RFC 2439, section 2; RFC 7196',
  thresholds: {
    cycles: [FLAP_CYCLES_MIN, 'cycles', 'one is a change, two may be a restart; damping punishes the third'],
    window: [FLAP_WINDOW_SECONDS, 's', 'within the half-life of route flap damping, 15 min'],
  },
  fault: 'remark',
  technology: 'bgp',
  diagnose: (evidence) => judgeEach(bgpPeerings(evidence), (peering) => judge(evidence.quality, peering)),
});

function judge(quality: CaptureQuality, peering: Peering): Judgement | null {
  const speakers = peering.connections.flatMap(({ conversation }) => conversation?.speakers ?? []);
  if (speakers.every(({ updates }) => updates === 0)) return null;
  // What comes back to the speaker that sends it first is its echo.
  const [origin] = speakers
    .filter(({ flapping }) => flapping.length > 0)
    .sort((a, b) => a.flapping[0].firstWithdrawn.frame - b.flapping[0].firstWithdrawn.frame);
  if (!origin || !isNonEmpty(origin.flapping))
    return { result: 'healthy', subject: peeringSubject(quality, peering) };
  const { flapping } = origin;
  const other = origin.address === peering.a ? peering.b : peering.a;
  const worst = mostBy(flapping, ({ cycles }) => cycles);
  const last = lastOf(flapping);
  const echoed = speakers.some((one) => one.address === other && isEcho(origin, one));
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    confidence: 'high',
    explanation:
      `${origin.address} withdrew ${worst.prefix} and announced it again ${plural(worst.cycles, 'time')}, ${everyText(worst)}. ` +
      othersText(flapping, worst) +
      (echoed ? `${other} passes each change back. ` : '') +
      'The session itself stands: what the route leads to comes and goes.',
    direction: { from: origin.address, to: other },
    where: 'sender',
    first: momentOf(flapping[0].firstWithdrawn),
    last: momentOf(last),
    ongoingAtEnd: quality.secondsToEnd(last) * NS_PER_SECOND <= 2 * cycleNs(worst),
    counts: {
      prefixes: flapping.length,
      cycles: worst.cycles,
      withdrawn: origin.withdrawn,
      announced: origin.announced,
    },
    evidence: citationsInOrder(
      [worst, ...flapping.filter((one) => one !== worst).slice(0, CITED)].flatMap((route) => [
        cite(route.firstWithdrawn, `${route.prefix} withdrawn for the first time`),
        cite(route.lastWithdrawn, `${route.prefix} withdrawn for the last time`),
        cite(route.lastAnnounced, `${route.prefix} announced for the last time`),
      ]),
    ),
  };
}

function isEcho(origin: BgpSpeaker, other: BgpSpeaker): boolean {
  const prefixes = new Set(origin.flapping.map(({ prefix }) => prefix));
  return other.flapping.some(({ prefix }) => prefixes.has(prefix));
}

function lastOf(routes: NonEmpty<FlappingRoute>): FlappingRoute['lastAnnounced'] {
  return latestOf(
    mapped(routes, ({ lastAnnounced, lastWithdrawn }) => latestOf([lastAnnounced, lastWithdrawn])),
  );
}

function cycleNs({ cycles, firstWithdrawn, lastAnnounced }: FlappingRoute): number {
  return (lastAnnounced.timeNs - firstWithdrawn.timeNs) / cycles;
}

function everyText(route: FlappingRoute): string {
  return `about every ${durationText(cycleNs(route))}`;
}

function othersText(routes: readonly FlappingRoute[], worst: FlappingRoute): string {
  const others = routes.filter((one) => one !== worst).map(({ prefix }) => prefix);
  if (others.length === 0) return '';
  const named = others.slice(0, NAMED).join(', ');
  const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : '';
  return `So do ${named}${more}. `;
}
