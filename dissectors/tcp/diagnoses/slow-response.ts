import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { NS_PER_MILLISECOND } from '../../../src/units.js';
import { durationText } from '../../../src/wording/durations.js';
import type { Turn } from '../connection-events.js';
import { DurationTally } from '../duration-tally.js';
import type { TcpService } from '../session.js';
import {
  clientWords,
  endpointWords,
  healthy,
  onlyPair,
  type ServerEndpoint,
  segmentFilter,
  serverEndpoints,
  severityOf,
  subjectOf,
} from '../shared/server-endpoint.js';

const FACTOR = 10;
const SLOW_MS = 200;
const ALWAYS_SLOW_MS = 1000;
const LASTING_TURNS = 2;
const SLOW_SHARE = 0.05;
const NETWORK_FACTOR = 10;
const CITED = 6;

export default defineDiagnosis({
  id: 'app.slow-response',
  title: 'Destination application answers slowly',
  severity: 'warning',
  subject: 'server',
  layer: 'application',
  priority: 1,
  judgesLast: true,
  rule:
    'An HTTP/1 server lets a client wait at least 200 ms for the first byte of a response, more than 10 times the median of ' +
    'its other answers and of the network round trip; or at least 1 s whatever the median is. Warning from 2 such answers ' +
    'and 5 % of all on, where the flow runs inside a tunnel or the capture is small and nothing else is wrong; information otherwise.',
  notWhen:
    'The connection streams events, waits for events (the client asks the same again at once), is upgraded, or has several ' +
    'requests under way. Segments were sent again between request and response: then the network is to blame.',
  causes: [
    'The application, or what it waits for (database, another service, a lock), is slow for these requests',
    'The proxy in front of it waits for a free worker or for its back end',
    'The requests are not alike: large reports or uploads take their time',
  ],
  nextSteps: [
    'Are the slow requests alike? Compare their paths: -Y http.request -T fields -e http.request.uri',
    'Capture behind the server as well, between it and its back end: the same wait there moves the blame on',
    'Measure in the application (its log, a profiler), and compare with a trivial page of the same server',
  ],
  refutedBy: 'The server’s own log shows that the response left at once: then the path back is slow.',
  source: 'RFC 9112; Cloud Foundry guide, latency in four places (destination app)',
  thresholds: {
    slowMs: [SLOW_MS, 'ms', 'below, users do not notice'],
    medianFactor: [FACTOR, 'times', 'pages of one server differ by less'],
    alwaysSlowMs: [ALWAYS_SLOW_MS, 'ms', 'breaks a user’s train of thought'],
    networkFactor: [NETWORK_FACTOR, 'round trips', 'the network cannot take that long'],
    slowShare: [SLOW_SHARE, 'share', 'as the 95th percentile, it leaves single outliers out'],
    lastingTurns: [LASTING_TURNS, 'responses', 'the first answer after a start is slow'],
  },
  fault: 'application',
  consequenceOf: ['path-loss', 'large-packets-lost', 'delay'],
  diagnose: (evidence) => judgeEach(serverEndpoints(evidence), (endpoint) => judge(evidence, endpoint)),
});

/** A slow turn and whose it was. */
interface SlowTurn {
  readonly service: TcpService;
  readonly turn: Turn;
}

function judge(evidence: Evidence, endpoint: ServerEndpoint): Judgement | null {
  const asked = endpoint.services.filter(({ http }) => (http?.waited.count ?? 0) > 0);
  if (asked.length === 0) return null;
  const waited = new DurationTally();
  for (const { http } of asked) if (http) waited.merge(http.waited);
  const slow = asked
    .flatMap((service) => (service.http?.slow ?? []).map((turn) => ({ service, turn })))
    .filter((one) => isSlow(one, waited))
    .sort((a, b) => a.turn.answered.frame - b.turn.answered.frame);
  if (slow.length === 0) return healthy(evidence, endpoint);
  return problemOf(evidence, endpoint, slow, waited);
}

function isSlow({ service, turn }: SlowTurn, waited: DurationTally): boolean {
  const thinkNs = turn.waitNs - service.serverHalf.quantile(0.5);
  if (thinkNs < SLOW_MS * NS_PER_MILLISECOND) return false;
  if (thinkNs < NETWORK_FACTOR * service.serverHalf.quantile(0.5)) return false;
  return thinkNs >= ALWAYS_SLOW_MS * NS_PER_MILLISECOND || thinkNs > FACTOR * waited.quantile(0.5);
}

function problemOf(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  slow: readonly SlowTurn[],
  waited: DurationTally,
): Problem {
  const first = slow[0].turn;
  const last = slow[slow.length - 1].turn;
  const services = [...new Set(slow.map(({ service }) => service))];
  const pair = onlyPair(services);
  const slowest = Math.max(...slow.map(({ turn }) => turn.waitNs));
  const rest = waited.count - slow.length;
  return {
    result: 'problem',
    subject: subjectOf(evidence.quality, endpoint),
    severity: severityOf(
      evidence,
      endpoint,
      slow.length >= LASTING_TURNS && slow.length >= SLOW_SHARE * waited.count,
    ),
    confidence: slow.length >= LASTING_TURNS ? 'high' : 'medium',
    explanation:
      `${endpointWords(endpoint)} took up to ${durationText(slowest)} to begin its answer to ${slow.length} of ` +
      `${waited.count} HTTP requests (${clientWords(services)}); the median of all is ${durationText(waited.quantile(0.5))}` +
      `${rest > 0 ? '' : ', none was fast'}. The network takes ${durationText(services[0].serverHalf.quantile(0.5))} of that ` +
      'between the capture point and the server.',
    ...(pair ? { pair } : {}),
    where: 'receiver',
    first: { segment: first.asked.segment, timeNs: first.asked.timeNs },
    last: { segment: last.answered.segment, timeNs: last.answered.timeNs },
    ongoingAtEnd: false,
    counts: {
      requests: waited.count,
      slow: slow.length,
      medianMilliseconds: Math.round(waited.quantile(0.5) / NS_PER_MILLISECOND),
      largestMilliseconds: Math.round(slowest / NS_PER_MILLISECOND),
    },
    evidence: citationsOf(slow),
    displayFilter: segmentFilter(evidence.quality, endpoint, pair?.[0], 'tcp.len > 0'),
  };
}

/** Request and response of the first ones, of the slowest and of the last one. */
function citationsOf(slow: readonly SlowTurn[]): Citation[] {
  const [slowest] = [...slow].sort((a, b) => b.turn.waitNs - a.turn.waitNs);
  const cited = [...new Set([...slow.slice(0, CITED / 2), slowest, slow[slow.length - 1]])];
  return cited
    .flatMap(({ turn }) => [
      { ...turn.asked, summary: 'HTTP request' },
      { ...turn.answered, summary: `its response begins after ${durationText(turn.waitNs)}` },
    ])
    .sort((a, b) => a.frame - b.frame);
}
