import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { hostFilter } from '../../../src/wording/display-filters.js';
import {
  areLasting,
  attemptsProblem,
  judgeEndpoints,
  SCAN_ENDPOINTS_MIN,
  SCAN_SECONDS,
  type Scanner,
  scanProblem,
} from '../shared/failed-attempts.js';
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
  severityOf,
  sumOf,
} from '../shared/server-endpoint.js';

const LASTING_REFUSALS = 3;
const LASTING_SECONDS = 3;

export default defineDiagnosis({
  id: 'tcp.refused',
  lines: 'suffice',
  title: 'TCP connection refused',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  explicitSignal: true,
  rule:
    'A SYN is answered by RST. Aggregated by server endpoint. Warning where 3 clients fail in at least half of their attempts ' +
    'at an endpoint that accepted before, or where the endpoint refused at least 3 attempts over 3 s and accepted none, the flow ' +
    'runs inside a tunnel or the capture is small, and nothing else is wrong; information otherwise.',
  notWhen: 'A host tries 20 endpoints in 10 s: a port scan is one piece of information.',
  causes: [
    'Nothing listens on the port: the service is down, or listens on another address or port',
    'A firewall answers for the server (REJECT --reject-with tcp-reset)',
    'The backlog of the service is full and the host resets on overflow',
  ],
  nextSteps: [
    'On the server: ss -ltnp sport = :PORT; is the service up, and on which address does it listen?',
    'Compare the TTL of the RST with that of other packets of the server: a different one means that a firewall sent it',
    'Look for rules with REJECT on the way: iptables -L -v -n',
  ],
  refutedBy: 'A SYN-ACK to the same SYN.',
  source: 'RFC 9293, section 3.5.2 (reset generation, closed port)',
  thresholds: {
    lastingRefusals: [LASTING_REFUSALS, 'attempts', 'probes and fallbacks try once or twice'],
    lastingSeconds: [LASTING_SECONDS, 's', 'a service that restarts refuses for a moment'],
    failingClients: [SOURCES_MIN, 'clients', 'one client may use a wrong port'],
    failingShare: [FAILING_SHARE, 'share', 'below it the service works for most'],
    scanEndpoints: [SCAN_ENDPOINTS_MIN, `endpoints in ${SCAN_SECONDS} s`, 'no program needs so many at once'],
  },
  fault: 'application',
  diagnose: (evidence) =>
    judgeEndpoints(
      evidence,
      ({ refused }) => refused.first,
      scanned,
      (endpoint, scanners) => judge(evidence, endpoint, scanners),
    ),
});

function judge(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  scanners: ReadonlyMap<string, Scanner>,
): Judgement | null {
  const established = occurrencesOf(endpoint, (service) => service.established);
  const failing = endpoint.services.filter(
    ({ refused, client }) => refused.count > 0 && !scanners.has(client),
  );
  if (failing.length === 0) return established.count > 0 ? healthy(evidence, endpoint) : null;
  const refused = occurrencesOf({ ...endpoint, services: failing }, (service) => service.refused);
  const { first, last } = refused;
  if (!first || !last) return null;
  const many = manyClientsFail(
    endpoint,
    (service) => service.refused.count,
    ({ attempts }) => attempts,
    first,
  );
  const failed = { endpoint, failing, lost: refused.count, first, last };
  const isLasting = areLasting(failed, LASTING_REFUSALS, LASTING_SECONDS);
  const attempts = sumOf(endpoint, (service) => service.attempts);
  const pair = onlyPair(failing);
  const { packets, ...facts } = attemptsProblem(evidence, failed);
  return {
    ...facts,
    ...(packets && { packets: { ...packets, areRefused: true } }),
    severity: many ? 'warning' : severityOf(evidence, endpoint, isLasting),
    confidence: 'high',
    explanation:
      `${endpointWords(endpoint)} answered ${refused.count} of ${attempts} attempts to connect with RST ` +
      `(${clientWords(failing)}).` +
      (established.count > 0 ? ` ${established.count} others succeeded.` : ' None succeeded.'),
    where: 'receiver',
    lastGood: established.first && established.first.frame < first.frame ? established.first : null,
    counts: {
      attempts,
      refused: refused.count,
      established: established.count,
      clients: new Set(failing.map(({ client }) => client)).size,
    },
    evidence: [
      { ...first, summary: `SYN to ${endpointWords(endpoint)}, answered by RST` },
      { ...last, summary: `the last such SYN to ${endpointWords(endpoint)}` },
    ],
    displayFilter: segmentFilter(
      evidence.quality,
      endpoint,
      pair?.[0],
      '(tcp.flags.syn == 1 || tcp.flags.reset == 1)',
    ),
  };
}

function scanned(scanner: Scanner): Problem {
  const { client } = scanner;
  return scanProblem(scanner, {
    title: 'A host tries many closed TCP ports',
    outcome: 'all refused',
    firstSummary: `first SYN of ${client} that was refused`,
    lastSummary: `last endpoint that refused ${client}`,
    displayFilter: `tcp && ${hostFilter(client)} && (tcp.flags.syn == 1 || tcp.flags.reset == 1)`,
    causes: ['A port scan or an inventory of the network'],
  });
}
