import { isWatched } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  thresholdsOf,
} from '../../../src/diagnose/diagnosis.js';
import { NS_PER_MILLISECOND } from '../../../src/units.js';
import { durationText } from '../../../src/wording/durations.js';
import type { DurationTally } from '../duration-tally.js';
import type { TcpService } from '../session.js';
import {
  endpointWords,
  healthy,
  type ServerEndpoint,
  segmentFilter,
  serverEndpoints,
  severityOf,
  subjectOf,
} from '../shared/server-endpoint.js';

const HANDSHAKES_MIN = 5;
const FACTOR = 5;
const NOTABLE_MS = 50;
const LONG_MS = 200;
const SLOW_SHARE = 0.1;

const ID = 'tcp.high-rtt';
const LIMITS = {
  handshakes: HANDSHAKES_MIN,
  factor: FACTOR,
  notableMs: NOTABLE_MS,
  longMs: LONG_MS,
  slowShare: SLOW_SHARE,
};
type Limits = Readonly<typeof LIMITS>;

export default defineDiagnosis({
  id: ID,
  title: 'High network round trip time',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  rule:
    'A tenth of at least 5 handshakes between a client and a server endpoint take more than 5 times their median and more ' +
    'than 50 ms: warning, where the flow runs inside a tunnel or the capture is small and nothing else is wrong, otherwise ' +
    'information. A median above 200 ms is information: the path may be that long.',
  notWhen: 'SYN or SYN-ACK were repeated: then loss made the handshake slow.',
  causes: [
    'Queues on the path fill up at times (congestion, a shaper with deep buffers)',
    'The server or a middle box is too busy to answer SYNs at once',
    'The path changed to a longer one, or is that long',
  ],
  nextSteps: [
    'See on which side of the capture point the time goes: SYN to SYN-ACK is the server’s half, SYN-ACK to ACK the client’s',
    'Measure over time and hop by hop: mtr -T -P PORT SERVER',
    'Look at queues and CPU of the tunnel ends on the way: tc -s qdisc, top',
  ],
  refutedBy: 'Steady round trips in a ping that runs at the same time over the same path.',
  source: 'RFC 9293, section 3.5; Cloud Foundry guide, latency of the network',
  thresholds: {
    handshakes: [HANDSHAKES_MIN, 'handshakes', 'a median of fewer says nothing', 'adjustable'],
    factor: [FACTOR, 'times the median', 'ordinary jitter stays below', 'adjustable'],
    notableMs: [NOTABLE_MS, 'ms', 'shorter ones do not matter to users', 'adjustable'],
    longMs: [LONG_MS, 'ms', 'longer than any path within a continent', 'adjustable'],
    slowShare: [SLOW_SHARE, 'share', 'single slow handshakes are everyday', 'adjustable'],
  },
  fault: 'delay',
  consequenceOf: ['path-loss'],
  diagnose(evidence) {
    const limits = thresholdsOf(evidence, ID, LIMITS);
    return judgeEach(serverEndpoints(evidence), (endpoint) => judge(evidence, endpoint, limits));
  },
});

function judge(evidence: Evidence, endpoint: ServerEndpoint, limits: Limits): Judgement | null {
  const timed = endpoint.services.filter((service) => isTimed(evidence, service));
  if (timed.length === 0) return null;
  const slow = timed.filter((service) => isUnsteady(service, limits));
  const long = timed.filter(({ roundTrip }) => isLong(roundTrip, limits));
  const [worst] = [...(slow.length > 0 ? slow : long)].sort((a, b) => b.roundTrip.maxNs - a.roundTrip.maxNs);
  if (!worst) return healthy(evidence, endpoint);
  return problemOf(evidence, endpoint, worst, slow.length > 0);
}

/** Of a handshake across a pause, the answer that ended it may not have been the first. */
function isTimed({ quality }: Evidence, { roundTrip, slowestHandshake }: TcpService): boolean {
  if (roundTrip.count === 0) return false;
  if (slowestHandshake === null) return true;
  const { timeNs } = slowestHandshake;
  return isWatched(quality, slowestHandshake, { ...slowestHandshake, timeNs: timeNs + roundTrip.maxNs });
}

/** No median is above the largest, which costs nothing to look at. */
function isLong(roundTrip: DurationTally, { longMs }: Limits): boolean {
  const longNs = longMs * NS_PER_MILLISECOND;
  return roundTrip.maxNs >= longNs && roundTrip.quantile(0.5) >= longNs;
}

function isUnsteady({ roundTrip }: TcpService, limits: Limits): boolean {
  if (roundTrip.count < limits.handshakes) return false;
  const slow = roundTrip.quantile(1 - limits.slowShare);
  return slow > limits.factor * roundTrip.quantile(0.5) && slow > limits.notableMs * NS_PER_MILLISECOND;
}

function problemOf(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  service: TcpService,
  isUnsteadyPath: boolean,
): Judgement {
  const { client, server, roundTrip, serverHalf, slowestHandshake } = service;
  const at = slowestHandshake ?? service.first;
  const medianNs = roundTrip.quantile(0.5);
  return {
    result: 'problem',
    subject: subjectOf(evidence.quality, endpoint),
    severity: severityOf(evidence, endpoint, isUnsteadyPath),
    confidence: 'medium',
    explanation:
      `Handshakes of ${client} with ${endpointWords(endpoint)} take ${durationText(medianNs)} in the median and up to ` +
      `${durationText(roundTrip.maxNs)} (${roundTrip.count} handshakes); of the median, ` +
      `${durationText(Math.min(medianNs, serverHalf.quantile(0.5)))} pass between capture point and server.` +
      (isUnsteadyPath ? '' : ' The path itself may be that long.'),
    pair: [client, server],
    where: 'path',
    first: { segment: at.segment, timeNs: at.timeNs },
    last: { segment: at.segment, timeNs: at.timeNs },
    ongoingAtEnd: false,
    counts: {
      handshakes: roundTrip.count,
      medianMilliseconds: Math.round(medianNs / NS_PER_MILLISECOND),
      largestMilliseconds: Math.round(roundTrip.maxNs / NS_PER_MILLISECOND),
    },
    evidence: [{ ...at, summary: `SYN of the slowest handshake, ${durationText(roundTrip.maxNs)}` }],
    displayFilter: segmentFilter(evidence.quality, endpoint, client, 'tcp.flags.syn == 1'),
  };
}
