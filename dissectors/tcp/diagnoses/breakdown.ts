import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { NS_PER_MILLISECOND } from '../../../src/units.js';
import { durationText } from '../../../src/wording/durations.js';
import { DurationTally } from '../duration-tally.js';
import { nameResolutionOf } from '../name-resolution.js';
import { both, NEVER } from '../occurrences.js';
import {
  clientWords,
  endpointWords,
  type ServerEndpoint,
  segmentFilter,
  serverEndpoints,
  subjectOf,
} from '../shared/server-endpoint.js';

const TURNS_MIN = 3;

export default defineDiagnosis({
  id: 'latency.breakdown',
  title: 'Where the time goes',
  severity: 'info',
  subject: 'server',
  layer: 'application',
  priority: 1,
  rule:
    'Always given for a server endpoint with at least 3 HTTP/1 requests that were answered: medians and 95th percentiles of ' +
    'name resolution, handshake, sending the request, waiting for the first byte less the round trip, and receiving.',
  notWhen: 'Requests that are pipelined, streamed, or disturbed by retransmissions are left out of it.',
  causes: ['This is a measurement, not a fault'],
  nextSteps: [
    'Look first at the largest part: the client’s own pauses, DNS, the network or the destination application',
    'To blame the network, compare captures from both ends; to blame the application, capture behind it',
  ],
  refutedBy: 'Nothing: other captures may measure other times.',
  source: 'Cloud Foundry guide, latency in four places; RFC 9293, section 3.5; RFC 9112',
  thresholds: { turns: [TURNS_MIN, 'requests', 'a median of fewer says nothing'] },
  fault: 'remark',
  *diagnose(evidence) {
    for (const endpoint of serverEndpoints(evidence)) {
      const judgement = measure(evidence, endpoint);
      if (judgement) yield judgement;
    }
  },
});

interface Part {
  readonly name: string;
  readonly tally: DurationTally;
}

function measure(evidence: Evidence, endpoint: ServerEndpoint): Judgement | null {
  const asking = endpoint.services.filter(({ http }) => (http?.waited.count ?? 0) > 0);
  const connect = new DurationTally();
  const serverHalf = new DurationTally();
  const send = new DurationTally();
  const wait = new DurationTally();
  const receive = new DurationTally();
  const think = new DurationTally();
  let asked = NEVER;
  for (const { http, roundTrip, serverHalf: half } of asking) {
    if (!http) continue;
    connect.merge(roundTrip);
    serverHalf.merge(half);
    send.merge(http.sent);
    wait.merge(http.waited);
    receive.merge(http.received);
    think.merge(http.thought);
    asked = both(asked, http.asked);
  }
  const { first, last } = asked;
  if (wait.count < TURNS_MIN || !first || !last) return null;
  const networkNs = serverHalf.quantile(0.5);
  const serverNs = Math.max(0, wait.quantile(0.5) - networkNs);
  const names = nameResolutionOf(
    evidence,
    asking.map(({ client }) => client),
    endpoint.stack,
  );
  const parts: Part[] = [
    { name: 'handshake', tally: connect },
    { name: 'sending', tally: send },
    { name: 'waiting for the first byte', tally: wait },
    { name: 'receiving', tally: receive },
    { name: 'pauses of the client', tally: think },
  ].filter(({ tally }) => tally.count > 0);
  const words = parts.map(
    ({ name, tally }) =>
      `${name} ${durationText(tally.quantile(0.5))} (${durationText(tally.quantile(0.95))})`,
  );
  return {
    result: 'problem',
    subject: subjectOf(evidence.quality, endpoint),
    severity: 'info',
    confidence: 'high',
    explanation:
      `${wait.count} HTTP requests of ${clientWords(asking)} to ${endpointWords(endpoint)}, median (95th percentile): ` +
      `${names ? `name resolution ${durationText(names.medianNs)} (${durationText(names.tailNs)}), ` : ''}${words.join(', ')}. ` +
      `Of the wait, ${durationText(networkNs)} are the network between capture point and server, the rest is the application.`,
    where: 'unknown',
    first: { segment: first.segment, timeNs: first.timeNs },
    last: { segment: last.segment, timeNs: last.timeNs },
    ongoingAtEnd: false,
    counts: {
      requests: wait.count,
      handshakeMicroseconds: microseconds(connect.quantile(0.5)),
      waitMicroseconds: microseconds(wait.quantile(0.5)),
      waitTailMicroseconds: microseconds(wait.quantile(0.95)),
      serverMicroseconds: microseconds(serverNs),
      receiveMicroseconds: microseconds(receive.quantile(0.5)),
    },
    evidence: [
      { ...first, summary: 'the first HTTP request that counts' },
      { ...last, summary: 'the last one' },
    ],
    displayFilter: segmentFilter(evidence.quality, endpoint, undefined, 'tcp.len > 0'),
  };
}

function microseconds(ns: number): number {
  return Math.round((1000 * ns) / NS_PER_MILLISECOND);
}
