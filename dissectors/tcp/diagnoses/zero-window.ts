import { isWatched } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  type Problem,
  thresholdOf,
} from '../../../src/diagnose/diagnosis.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { durationText } from '../../../src/wording/durations.js';
import type { SideTrouble, TcpService } from '../session.js';
import {
  endpointWords,
  healthy,
  type ServerEndpoint,
  segmentFilter,
  serverEndpoints,
  severityOf,
  subjectOf,
} from '../shared/server-endpoint.js';

const NOTABLE_SECONDS = 1;
const SEVERE_SECONDS = 5;

const ID = 'tcp.zero-window';

export default defineDiagnosis({
  id: ID,
  title: 'Receiver stops reading',
  severity: 'warning',
  subject: 'server',
  layer: 'application',
  priority: 1,
  judgesLast: true,
  explicitSignal: true,
  rule:
    'One side advertises a receive window of 0 for at least 1 s at a time. Aggregated by server endpoint. Warning from 5 s on, ' +
    'where the flow runs inside a tunnel or the capture is small and nothing else is wrong; information otherwise.',
  notWhen: 'The window is 0 in a SYN, FIN or RST, or opens again within 1 s.',
  causes: [
    'The application on that host is too slow or hangs: it does not read what has arrived',
    'The application pauses on purpose (a paused transfer, a pager, flow control of its own)',
    'The receive buffer of the host is too small for the path',
  ],
  nextSteps: [
    'On the host that advertises it: ss -tmi shows the receive queue; top and strace -p show what the application does',
    'See whether its own back end (disk, database) is what it waits for',
  ],
  refutedBy: 'A window update that the capture missed: data above the closed window was accepted meanwhile.',
  source: 'RFC 9293, section 3.8.6; Cloud Foundry guide, latency of the destination app',
  thresholds: {
    notableSeconds: [
      NOTABLE_SECONDS,
      's',
      'the sender probes after 200 ms at the earliest and doubles the time',
      'adjustable',
    ],
    severeSeconds: [SEVERE_SECONDS, 's', 'users and timeouts notice', 'adjustable'],
  },
  fault: 'delay',
  diagnose: (evidence) => judgeEach(serverEndpoints(evidence), (endpoint) => judge(evidence, endpoint)),
});

interface Closed {
  readonly service: TcpService;
  readonly host: string;
  readonly peer: string;
  readonly trouble: SideTrouble;
}

function judge(evidence: Evidence, endpoint: ServerEndpoint): Judgement | null {
  if (
    endpoint.services.every(
      ({ fromClient, fromServer }) => fromClient.dataSegments + fromServer.dataSegments === 0,
    )
  )
    return null;
  const closed = endpoint.services.flatMap(closedSides).filter((one) => isSeenClosed(evidence, one));
  const notableSeconds = thresholdOf(evidence, ID, 'notableSeconds', NOTABLE_SECONDS);
  const [worst] = closed
    .filter(({ trouble }) => trouble.longestZeroNs >= notableSeconds * NS_PER_SECOND)
    .sort((a, b) => b.trouble.longestZeroNs - a.trouble.longestZeroNs);
  return worst ? problemOf(evidence, endpoint, worst, closed) : healthy(evidence, endpoint);
}

function closedSides(service: TcpService): Closed[] {
  const { client, server, fromClient, fromServer } = service;
  const sides: Closed[] = [];
  if (fromClient.trouble && fromClient.trouble.zeroWindows > 0) {
    sides.push({ service, host: client, peer: server, trouble: fromClient.trouble });
  }
  if (fromServer.trouble && fromServer.trouble.zeroWindows > 0) {
    sides.push({ service, host: server, peer: client, trouble: fromServer.trouble });
  }
  return sides;
}

/** Not where it may have opened and closed again while the capture did not run. */
function isSeenClosed({ quality }: Evidence, { service, trouble }: Closed): boolean {
  const from = trouble.longestZero?.from ?? service.first;
  return isWatched(quality, from, { ...from, timeNs: from.timeNs + trouble.longestZeroNs });
}

function problemOf(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  { service, host, peer, trouble }: Closed,
  closed: readonly Closed[],
): Problem {
  const { longestZero, longestZeroNs } = trouble;
  const from = longestZero?.from ?? service.first;
  const to = longestZero?.to ?? null;
  const totalNs = closed.reduce((sum, one) => sum + one.trouble.zeroNs, 0);
  const times = closed.reduce((sum, one) => sum + one.trouble.zeroWindows, 0);
  const isSevere =
    longestZeroNs >= thresholdOf(evidence, ID, 'severeSeconds', SEVERE_SECONDS) * NS_PER_SECOND;
  return {
    result: 'problem',
    subject: subjectOf(evidence.quality, endpoint),
    severity: severityOf(evidence, endpoint, isSevere),
    confidence: 'high',
    explanation:
      `${host} told ${peer} for ${durationText(longestZeroNs)} that it could take no data (window 0) on a connection with ` +
      `${endpointWords(endpoint)}; ${to ? 'then it opened its window again' : 'it did not open its window again in this capture'}. ` +
      `In all, windows were closed ${times} times for ${durationText(totalNs)}.`,
    pair: [service.client, service.server],
    direction: { from: peer, to: host },
    where: 'receiver',
    first: { segment: from.segment, timeNs: from.timeNs },
    last: { segment: from.segment, timeNs: from.timeNs + longestZeroNs },
    ongoingAtEnd: to === null,
    counts: {
      zeroWindows: times,
      longestMilliseconds: Math.round(longestZeroNs / 1e6),
      totalMilliseconds: Math.round(totalNs / 1e6),
    },
    evidence: [
      { ...from, summary: `${host} closes its window` },
      ...(to ? [{ ...to, summary: `${host} opens it again` }] : []),
    ],
    displayFilter: segmentFilter(
      evidence.quality,
      endpoint,
      service.client,
      `tcp.port == ${longestZero?.clientPort ?? endpoint.port}`,
    ),
  };
}
