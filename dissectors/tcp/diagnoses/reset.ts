import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import { both, NEVER, type Occurrences } from '../occurrences.js';
import type { TcpService } from '../session.js';
import {
  clientWords,
  endpointWords,
  FAILING_SHARE,
  healthy,
  manyClientsFail,
  occurrencesOf,
  onlyPair,
  type ServerEndpoint,
  SOURCES_MIN,
  segmentFilter,
  serverEndpoints,
  severityOf,
  subjectOf,
  sumOf,
} from '../shared/server-endpoint.js';

const LASTING_FAILURES = 3;

export default defineDiagnosis({
  id: 'tcp.reset',
  title: 'TCP connection aborted',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 2,
  judgesLast: true,
  explicitSignal: true,
  rule:
    'A side that has exchanged data sends RST before any FIN. Aggregated by server endpoint. Only aborts by the server that ' +
    'leave a request or data of the client without answer count as failures. Warning where 3 clients fail so in at least ' +
    'half of their connections, or where at least 3 connections fail so, the flow runs inside a tunnel or the capture is ' +
    'small, and nothing else is wrong; information otherwise.',
  notWhen: 'RST after FIN, and RST before any data (a refused or probed port): both are ordinary.',
  causes: [
    'The application ended, or closed the connection with unread data or with SO_LINGER 0',
    'A firewall or load balancer forgot the connection (idle timeout) or forbids it',
    'A middle box forged the RST: then its TTL differs from that of the server’s other packets',
  ],
  nextSteps: [
    'Look into the log of the application at the time of the RST',
    'Compare TTL and IP identification of the RST with the packets before it: -T fields -e ip.ttl -e ip.id',
    'If the connection was idle before, compare the idle time with the timeouts of the firewalls and load balancers on the way',
  ],
  refutedBy: 'A FIN before the RST in a capture at the sender of the RST.',
  source: 'RFC 9293, sections 3.5.2 and 3.5.3',
  thresholds: {
    lastingFailures: [LASTING_FAILURES, 'connections', 'single aborts are everyday'],
    failingClients: [SOURCES_MIN, 'clients', 'one client may be at fault itself'],
    failingShare: [FAILING_SHARE, 'share', 'below it the service works for most'],
  },
  fault: 'application',
  diagnose: (evidence) => judgeEach(serverEndpoints(evidence), (endpoint) => judge(evidence, endpoint)),
});

function judge(evidence: Evidence, endpoint: ServerEndpoint): Judgement | null {
  const data = sumOf(
    endpoint,
    ({ fromClient, fromServer }) => fromClient.dataSegments + fromServer.dataSegments,
  );
  if (data === 0) return null;
  const aborted = endpoint.services.filter((service) => resetsOf(service).count > 0);
  if (aborted.length === 0) return healthy(evidence, endpoint);
  const part = { ...endpoint, services: aborted };
  const { first, last, count } = occurrencesOf(part, resetsOf);
  if (!first || !last) return null;
  const byServer = occurrencesOf(part, ({ fromServer }) => fromServer.trouble?.resets ?? NEVER);
  const failures = occurrencesOf(part, failuresOf);
  const foreign = sumOf(
    part,
    ({ fromClient, fromServer }) =>
      (fromClient.trouble?.foreignResets ?? 0) + (fromServer.trouble?.foreignResets ?? 0),
  );
  const connections = sumOf(endpoint, (service) => service.connections);
  const many =
    failures.first !== null &&
    manyClientsFail(
      endpoint,
      (service) => failuresOf(service).count,
      (service) => service.connections,
      failures.first,
    );
  const pair = onlyPair(aborted);
  return {
    result: 'problem',
    subject: subjectOf(evidence.quality, endpoint),
    severity: many ? 'warning' : severityOf(evidence, endpoint, failures.count >= LASTING_FAILURES),
    confidence: foreign > 0 ? 'medium' : 'high',
    explanation:
      `${count} of ${connections} connections to ${endpointWords(endpoint)} (${clientWords(aborted)}) ended with RST ` +
      `instead of FIN: ${byServer.count} by the server, ${count - byServer.count} by the client. ` +
      (failures.count > 0
        ? `In ${failures.count} of them the server left the client’s last data without answer.`
        : 'None left a request unanswered.') +
      (foreign > 0
        ? ` ${foreign} RSTs have another TTL than the side that they name: a middle box may have sent them.`
        : ''),
    ...(pair ? { pair } : {}),
    where: foreign > 0 ? 'path' : 'unknown',
    first: { segment: first.segment, timeNs: first.timeNs },
    last: { segment: last.segment, timeNs: last.timeNs },
    ongoingAtEnd: false,
    counts: {
      connections,
      resets: count,
      byServer: byServer.count,
      unanswered: failures.count,
      foreignTtl: foreign,
    },
    evidence: [
      { ...first, summary: `RST on a connection with ${endpointWords(endpoint)}` },
      ...(failures.first
        ? [{ ...failures.first, summary: 'RST that leaves the client without answer' }]
        : []),
      { ...last, summary: 'the last such RST' },
    ],
    displayFilter: segmentFilter(evidence.quality, endpoint, pair?.[0], 'tcp.flags.reset == 1'),
  };
}

function resetsOf({ fromClient, fromServer }: TcpService): Occurrences {
  return both(fromClient.trouble?.resets ?? NEVER, fromServer.trouble?.resets ?? NEVER);
}

function failuresOf({ fromServer }: TcpService): Occurrences {
  return fromServer.trouble?.failures ?? NEVER;
}
