import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { durationText } from '../../../src/wording/durations.js';
import type { ServiceStuckSegment, TcpService } from '../session.js';
import { isAbandoned, REPEATS_MIN, SECONDS_MIN } from '../shared/abandoned-segment.js';
import {
  endpointWords,
  healthy,
  missingAnswers,
  type ServerEndpoint,
  segmentFilter,
  serverEndpoints,
  severityOf,
  subjectOf,
} from '../shared/server-endpoint.js';

const AFTER_RESET_MIN = 3;

export default defineDiagnosis({
  id: 'tcp.half-open',
  title: 'Half-open connection',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 3,
  judgesLast: true,
  rule:
    'One side repeats the same segment at least 5 times over at least 3 s and nothing acknowledges it until the capture ' +
    'ends, or goes on sending data a second and more after the peer’s RST. Warning where the flow runs inside a tunnel or ' +
    'the capture is small and nothing else is wrong; information otherwise.',
  notWhen:
    'Smaller segments were acknowledged and only larger ones are not (then mtu.blackhole). The window of the peer is closed. ' +
    'The packets of the peer pass elsewhere.',
  causes: [
    'The peer crashed, was suspended or lost its network, without a FIN',
    'A firewall or NAT on the path forgot the connection and drops its packets',
    'The RST of the peer is dropped on the way',
  ],
  nextSteps: [
    'Does the peer still know the connection? ss -tn there; does it answer a ping?',
    'Compare the idle time before with the timeouts of firewalls and NAT on the way; enable keepalives below it',
  ],
  refutedBy: 'Acknowledgments in a capture at the peer.',
  source: 'RFC 9293, section 3.5.1 (half-open connections)',
  thresholds: {
    repeats: [REPEATS_MIN, 'repeats', 'shorter outages mend themselves'],
    seconds: [SECONDS_MIN, 's', 'five repeats by timer take longer than that'],
    afterReset: [AFTER_RESET_MIN, 'segments', 'some may be on their way'],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'large-packets-lost'],
  consequenceOfIds: ['bgp.hold-expiry', 'tcp.arrived-not-acknowledged'],
  diagnose: (evidence) => judgeEach(serverEndpoints(evidence), (endpoint) => judge(evidence, endpoint)),
});

interface Abandoned {
  readonly service: TcpService;
  readonly from: string;
  readonly to: string;
  readonly stuck: ServiceStuckSegment | null;
}

function judge(evidence: Evidence, endpoint: ServerEndpoint): Judgement | null {
  if (
    endpoint.services.every(
      ({ fromClient, fromServer }) => fromClient.dataSegments + fromServer.dataSegments === 0,
    )
  )
    return null;
  const abandoned = endpoint.services.flatMap(abandonedSides);
  if (abandoned.length === 0) return healthy(evidence, endpoint);
  const visible = abandoned.find(({ service }) => missingAnswers(evidence.quality, service) === null);
  if (visible) return problemOf(evidence, endpoint, visible, abandoned.length);
  return {
    result: 'insufficient-data',
    subject: subjectOf(evidence.quality, endpoint),
    reason: missingAnswers(evidence.quality, abandoned[0].service)?.reason ?? '',
  };
}

function abandonedSides(service: TcpService): Abandoned[] {
  const { client, server, fromClient, fromServer } = service;
  return [
    { side: fromClient, from: client, to: server },
    { side: fromServer, from: server, to: client },
  ].flatMap(({ side, from, to }) => {
    const stuck = side.trouble?.stuck.find(isAbandoned) ?? null;
    if (!stuck && (side.trouble?.afterReset.count ?? 0) < AFTER_RESET_MIN) return [];
    return [{ service, from, to, stuck }];
  });
}

function problemOf(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  { service, from, to, stuck }: Abandoned,
  connections: number,
): Problem {
  const side = from === service.client ? service.fromClient : service.fromServer;
  const afterReset = side.trouble?.afterReset;
  const first = stuck?.first ?? afterReset?.first ?? service.first;
  const last = stuck?.last ?? afterReset?.last ?? first;
  return {
    result: 'problem',
    subject: subjectOf(evidence.quality, endpoint),
    severity: severityOf(evidence, endpoint, true),
    confidence: 'medium',
    explanation: stuck
      ? `${from} repeated a segment of ${stuck.length} bytes to ${to} (${endpointWords(endpoint)}) ${stuck.repeats} times in ` +
        `${durationText(stuck.last.timeNs - stuck.first.timeNs)}, and nothing acknowledged it.`
      : `${from} went on sending data to ${to} (${endpointWords(endpoint)}) after ${to} had reset the connection: ` +
        `${afterReset?.count ?? 0} segments.`,
    pair: [from, to],
    direction: { from, to },
    where: 'unknown',
    first: { segment: first.segment, timeNs: first.timeNs },
    last: { segment: last.segment, timeNs: last.timeNs },
    ongoingAtEnd: stuck !== null,
    counts: {
      repeats: stuck?.repeats ?? 0,
      afterReset: afterReset?.count ?? 0,
      sides: connections,
    },
    evidence: [
      { ...first, summary: stuck ? 'first repeat of the segment' : 'data after the RST of the peer' },
      { ...last, summary: stuck ? 'last repeat of it' : 'the last data after the RST' },
    ],
    displayFilter: segmentFilter(evidence.quality, endpoint, service.client, 'tcp.len > 0'),
  };
}
