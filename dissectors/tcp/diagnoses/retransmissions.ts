import { earliest, latest } from '../../../src/correlate/frame-reference.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  type Problem,
  thresholdsOf,
} from '../../../src/diagnose/diagnosis.js';
import { confidenceUnderDrops } from '../../../src/diagnose/silences.js';
import type { Moment } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { icmpErrors } from '../../icmp/correlator.js';
import { type ServiceSide, SideTrouble, type TcpService } from '../session.js';
import {
  clientWords,
  endpointWords,
  healthy,
  type ServerEndpoint,
  segmentFilter,
  serverEndpoints,
  severityOf,
  subjectOf,
} from '../shared/server-endpoint.js';

const SHARE_NOTABLE = 0.01;
const SHARE_SEVERE = 0.05;
const SEGMENTS_MIN = 100;
const REPEATS_MIN = 3;
const REPEATS_SEVERE = 10;

/** A sender that hears the report sends smaller pieces at once; what is repeated later was lost for another reason. */
const DISCOVERY_SECONDS = 1;

const ID = 'tcp.retransmissions';
const LIMITS = {
  notableShare: SHARE_NOTABLE,
  severeShare: SHARE_SEVERE,
  segments: SEGMENTS_MIN,
  repeats: REPEATS_MIN,
  severeRepeats: REPEATS_SEVERE,
};
type Limits = Readonly<typeof LIMITS>;

export default defineDiagnosis({
  id: ID,
  title: 'Many TCP retransmissions',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  rule:
    'Of the segments with data that one side sends on all connections of a server endpoint, at least 1 % of 100 or more ' +
    'are sent again; of fewer, at least 3 of one connection. Warning from 5 % and 10 repeats on, where the flow runs ' +
    'inside a tunnel or the capture is small and nothing else is wrong; information otherwise.',
  notWhen:
    'The repeats are copies of a frame, overtaken segments (within 3 ms or half a round trip), probes of keepalives or of ' +
    'a closed window. Information only, where all come within 1 s behind a report that packets are too big, ' +
    'or where the capture provably lacks the other direction and none came later than 200 ms. Connections are told apart by their tunnel, so equal addresses in two tunnels give no repeats.',
  causes: [
    'Loss on the path: a congested or faulty link, a policer, a full queue',
    'Packets above the MTU of the path vanish (then mtu.blackhole)',
    'ACKs are lost or late on the way back, so the sender repeats what has arrived',
  ],
  nextSteps: [
    'Find where they are lost: capture at both ends and compare them',
    'Look at the drop counters of the interfaces and tunnels on the way: ip -s -s link, ethtool -S, tc -s qdisc',
    'Repeats after 200 ms and more point to bursts of loss or a dead path, fast ones to single losses',
  ],
  refutedBy: 'A capture at the receiver in which the first transmissions arrive as well.',
  source: 'RFC 9293, section 3.8.1; RFC 6298; RFC 5681; Cloud Foundry guide, latency',
  thresholds: {
    notableShare: [SHARE_NOTABLE, 'share', 'above it throughput collapses', 'adjustable'],
    severeShare: [SHARE_SEVERE, 'share', 'connections stall again and again', 'adjustable'],
    segments: [SEGMENTS_MIN, 'segments', 'a share of fewer says nothing', 'adjustable'],
    repeats: [REPEATS_MIN, 'segments', 'one or two losses are everyday', 'adjustable'],
    severeRepeats: [REPEATS_SEVERE, 'segments', 'a few repeats are one burst of loss', 'adjustable'],
  },
  fault: 'delay',
  consequenceOf: [
    'path-loss',
    'addressing',
    'unreachable',
    'mtu',
    'large-packets-lost',
    'tunnel-one-way',
    'tunnel-loss',
  ],
  consequenceOfIds: ['tcp.arrived-not-acknowledged'],
  diagnose(evidence) {
    const limits = thresholdsOf(evidence, ID, LIMITS);
    return judgeEach(serverEndpoints(evidence), (endpoint) => judge(evidence, endpoint, limits));
  },
});

/** All that one side of an endpoint sent. */
interface Sent {
  readonly side: 'client' | 'server';
  readonly segments: number;
  readonly trouble: SideTrouble | null;
  readonly worst: TcpService;
}

function judge(evidence: Evidence, endpoint: ServerEndpoint, limits: Limits): Judgement | null {
  const sides = [sentBy(endpoint, 'client'), sentBy(endpoint, 'server')];
  if (sides.every(({ segments }) => segments === 0)) return null;
  const lossy = sides.filter((sent) => isLossy(sent, limits));
  if (lossy.length === 0) return healthy(evidence, endpoint);
  return problemOf(evidence, endpoint, lossy, limits);
}

function sentBy(endpoint: ServerEndpoint, side: 'client' | 'server'): Sent {
  let segments = 0;
  let trouble: SideTrouble | null = null;
  let worst = endpoint.services[0];
  for (const service of endpoint.services) {
    const sent = sideOf(service, side);
    segments += sent.dataSegments;
    if (!sent.trouble) continue;
    trouble ??= new SideTrouble();
    trouble.merge(sent.trouble);
    if (repeatsOf(service, side) > repeatsOf(worst, side)) worst = service;
  }
  return { side, segments, trouble, worst };
}

function sideOf({ fromClient, fromServer }: TcpService, side: 'client' | 'server'): ServiceSide {
  return side === 'client' ? fromClient : fromServer;
}

function repeatsOf(service: TcpService, side: 'client' | 'server'): number {
  return sideOf(service, side).trouble?.retransmissions ?? 0;
}

function isLossy({ segments, trouble }: Sent, limits: Limits): boolean {
  const repeats = trouble?.retransmissions ?? 0;
  if (segments >= limits.segments)
    return repeats >= limits.repeats && repeats >= limits.notableShare * segments;
  return (trouble?.worst?.count ?? 0) >= limits.repeats;
}

function problemOf(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  lossy: readonly Sent[],
  limits: Limits,
): Problem {
  const [main] = [...lossy].sort(
    (a, b) => (b.trouble?.retransmissions ?? 0) - (a.trouble?.retransmissions ?? 0),
  );
  const { trouble } = main;
  const { client, server } = main.worst;
  const [from, to] = main.side === 'client' ? [client, server] : [server, client];
  const retransmissions = trouble?.retransmissions ?? 0;
  const share = retransmissions / main.segments;
  const repeats = lossy.flatMap((sent) => sent.trouble?.repeats ?? []);
  const worst = trouble?.worst;
  const at = earliest(repeats.map((one) => one.first)) ?? main.worst.first;
  const last = latest(repeats.map((one) => one.last)) ?? at;
  const isSevere = share >= limits.severeShare && retransmissions >= limits.severeRepeats;
  const isFast = (trouble?.timeouts ?? 0) === 0;
  const isDiscovery = isFast && followReports(evidence, endpoint, [from, to], [at, last]);
  // What asks for a repeat at once, a report or an acknowledgment, comes from the other side.
  const unseen = isFast ? oneSidedLimit(evidence.quality, from, to, endpoint.stack) : null;
  const affected = endpoint.services.filter((service) => repeatsOf(service, main.side) > 0);
  return {
    result: 'problem',
    subject: subjectOf(evidence.quality, endpoint),
    severity: isDiscovery || unseen ? 'info' : severityOf(evidence, endpoint, isSevere),
    ...confidenceUnderDrops(evidence.quality, unseen ? 'medium' : 'high'),
    ...(unseen && { limitedBy: [unseen.id] }),
    explanation:
      `On connections with ${endpointWords(endpoint)} (${clientWords(affected)}) the ${main.side} sent ` +
      `${retransmissions} of ${main.segments} segments with data again (${(100 * share).toFixed(1)} %), ` +
      `${trouble?.timeouts ?? 0} of them after 200 ms of silence or more.${isDiscovery ? ' They follow reports that the path takes smaller packets only: path MTU discovery at work.' : ''}`,
    pair: [client, server],
    direction: { from, to },
    where: 'path',
    first: { segment: at.segment, timeNs: at.timeNs },
    last: { segment: last.segment, timeNs: last.timeNs },
    ongoingAtEnd: false,
    counts: {
      segments: main.segments,
      retransmissions,
      timeouts: trouble?.timeouts ?? 0,
      ofWorstConnection: worst?.count ?? 0,
      clients: new Set(affected.map((service) => service.client)).size,
    },
    evidence: [
      { ...at, summary: 'the first segment that is sent again' },
      ...(worst
        ? [
            {
              ...worst.first,
              summary: `the first of ${worst.count} repeats on client port ${worst.clientPort}`,
            },
            {
              ...worst.last,
              summary: `the last of ${worst.count} repeats on client port ${worst.clientPort}`,
            },
          ]
        : []),
      { ...last, summary: 'the last segment that is sent again' },
    ].sort((a, b) => a.frame - b.frame),
    displayFilter: segmentFilter(evidence.quality, endpoint, undefined, 'tcp.len > 0'),
  };
}

/**
 * All repeats from the first to the last come right behind "packet too big" reports about what that side sent; of a report
 * that the capture cut, about what it may have sent.
 */
function followReports(
  evidence: Evidence,
  { stack }: ServerEndpoint,
  [from, to]: readonly [string, string],
  [first, last]: readonly [Moment, Moment],
): boolean {
  const reports = evidence
    .sessions(icmpErrors)
    .filter(
      (one) =>
        one.meaning === 'packet-too-big' &&
        one.stack === stack &&
        (one.quoted ? one.quoted.source === from && one.quoted.destination === to : true) &&
        one.first.segment === first.segment,
    );
  const isAfterOne = reports.some((one) => one.first.timeNs <= first.timeNs);
  return (
    isAfterOne && reports.some((one) => last.timeNs - one.first.timeNs <= DISCOVERY_SECONDS * NS_PER_SECOND)
  );
}
