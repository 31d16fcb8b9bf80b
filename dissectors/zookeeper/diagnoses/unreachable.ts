import { oneSidedLimit } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import { severityOfFlow } from '../../../src/diagnose/severity-policy.js';
import { type Citation, type FrameRef, isNonEmpty, type NonEmpty, spanOf } from '../../../src/moment.js';
import type { Severity } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { PROTOCOL_TCP } from '../../../src/wire/ip.js';
import { plural } from '../../../src/wording/counts.js';
import type { TcpService } from '../../tcp/session.js';
import { rejectedByIcmp } from '../../tcp/shared/failed-attempts.js';
import {
  clientWords,
  endpointWords,
  onlyPair,
  type ServerEndpoint,
  segmentFilter,
  serverEndpoints,
  subjectOf,
} from '../../tcp/shared/server-endpoint.js';
import { OWN_AREAS } from '../session.js';

/** The databases in which network controllers keep their state. */
const DATABASES: readonly string[] = ['zookeeper', 'cassandra'];
const ANSWER_SECONDS = 3;
const LASTING_TRIES = 3;
const LASTING_SECONDS = 3;

export default defineDiagnosis({
  id: 'nsdb.unreachable',
  title: 'ZooKeeper or Cassandra unreachable',
  severity: 'warning',
  subject: 'server',
  layer: 'overlay-control',
  priority: 1,
  judgesLast: true,
  rule:
    'Attempts to connect to ZooKeeper (TCP 2181) or Cassandra (TCP 9042) are refused (RST), rejected (ICMP), or stay without answer for 3 s. ' +
    'Warning where at least 3 tries over 3 s fail and none succeeds afterwards, the clients reach no other server of the same ' +
    'database, the client is in a tunnel or talks little else, and nothing else is wrong; information otherwise.',
  notWhen:
    'The attempts succeed in the end. The answers do not pass the capture point. The client reaches another member of the ensemble: that ' +
    'is what the others are for.',
  causes: [
    'The service is down, or listens on another address (clientPortAddress, rpc_address)',
    'A firewall between the agent and the database drops or rejects the port',
    'The agent’s configuration names a host or port that no longer exists',
  ],
  nextSteps: [
    'From the host of the agent: ping SERVER, then nc -vz SERVER 2181 and nc -vz SERVER 9042',
    'On the server: ss -ltnp sport = :2181; systemctl status zookeeper cassandra; nodetool status',
    'Compare with the agent’s configuration (zookeeper_hosts, cassandra servers)',
  ],
  refutedBy: 'A connection of the same client to the same port at the same time.',
  source: 'RFC 9293, section 3.5; MidoNet guide (NSDB: ping and telnet to 2181 and 9042)',
  thresholds: {
    answerSeconds: [ANSWER_SECONDS, 's', 'SYNs are repeated after 1 s, and again after 2 s more'],
    lastingTries: [LASTING_TRIES, 'tries', 'one or two may fall into a restart'],
    lastingSeconds: [LASTING_SECONDS, 's', 'a service that restarts refuses for a moment'],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'addressing', 'unreachable', 'policy', 'mismatch', 'tunnel-one-way'],
  consequenceOfIds: ['arp.unanswered'],
  diagnose(evidence) {
    const endpoints = serverEndpoints(evidence).filter(({ port }) => databaseOn(port, evidence) !== null);
    const isRejectedByIcmp = rejectedByIcmp(evidence);
    return judgeEach(endpoints, (endpoint) => judge(evidence, endpoint, endpoints, isRejectedByIcmp));
  },
});

/** Name of the database that has the port; null for other ports. */
function databaseOn(port: number, { quality: { protocols } }: Evidence): string | null {
  const database = DATABASES.find((one) => protocols.portsOf(one).includes(port));
  return database === undefined ? null : (protocols.named(database)?.name ?? null);
}

/** Tries that failed: how many, and the first and the last of them. */
interface Failure {
  readonly service: TcpService;
  readonly silent: number;
  readonly refused: number;
  readonly tries: number;
  readonly isRejected: boolean;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

function judge(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  endpoints: readonly ServerEndpoint[],
  isRejectedByIcmp: (service: TcpService) => boolean,
): Judgement | null {
  const { quality } = evidence;
  const subject = subjectOf(quality, endpoint);
  const failures = endpoint.services.flatMap(
    (service) => failureOf(evidence, service, isRejectedByIcmp) ?? [],
  );
  const successes = endpoint.services.flatMap(({ established }) => established.last ?? []);
  if (failures.length === 0) {
    if (successes.length > 0) return { result: 'healthy', subject };
    if (endpoint.services.every(({ attempts }) => attempts === 0)) return null;
    return {
      result: 'insufficient-data',
      subject,
      reason: `The capture ends within ${ANSWER_SECONDS} s of the SYN to ${endpointWords(endpoint)}; capture for longer.`,
      neededSeconds: ANSWER_SECONDS,
    };
  }
  const visible = failures.filter(
    ({ service, refused }) =>
      refused > 0 || oneSidedLimit(quality, service.client, service.server, service.stack) === null,
  );
  const [{ service: one }] = failures;
  const limit = oneSidedLimit(quality, one.client, one.server, one.stack);
  if (!isNonEmpty(visible)) return limit ? insufficientData(subject, limit) : null;
  return problemOf(evidence, endpoint, endpoints, visible, successes);
}

/** Null for a client whose tries all succeeded, or whose only failure may still be answered. */
function failureOf(
  { quality }: Evidence,
  service: TcpService,
  isRejectedByIcmp: (service: TcpService) => boolean,
): Failure | null {
  const { refused, unanswered, undecided, unansweredSyns, longestSilence } = service;
  const isRejected = isRejectedByIcmp(service);
  const early = undecided.filter(({ first }) => secondsToPause(quality, first) < ANSWER_SECONDS);
  const silent = unanswered.count - (isRejected ? 0 : early.length);
  const refs = [refused.first, refused.last];
  if (silent > 0) refs.push(unanswered.first, unanswered.last, longestSilence?.last ?? null);
  const known = refs.flatMap((ref) => ref ?? []).sort((a, b) => a.frame - b.frame);
  if (silent + refused.count === 0 || known.length === 0) return null;
  const tries = refused.count + (silent > 0 ? unansweredSyns : 0);
  const last = known[known.length - 1];
  return { service, silent, refused: refused.count, tries, isRejected, first: known[0], last };
}

function problemOf(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  endpoints: readonly ServerEndpoint[],
  failures: NonEmpty<Failure>,
  successes: readonly FrameRef[],
): Judgement {
  const { quality } = evidence;
  const { first, last } = spanOf(failures);
  const services = failures.map(({ service }) => service);
  const isOver = successes.some(({ frame }) => frame > last.frame);
  const lastGood = successes.filter(({ frame }) => frame < first.frame).sort((a, b) => b.frame - a.frame)[0];
  const isServed = services.every((service) => reachesAnother(service, endpoint, endpoints));
  const refused = sum(failures, (one) => one.refused);
  const silent = sum(failures, (one) => one.silent);
  const established = sum(endpoint.services, (service) => service.established.count);
  const pair = onlyPair(services);
  const name = databaseOn(endpoint.port, evidence) ?? 'the database';
  return {
    result: 'problem',
    subject: subjectOf(quality, endpoint),
    severity: severityOf(evidence, endpoint, { failures, isHarmless: isOver || isServed }),
    confidence: refused > 0 || failures.some(({ isRejected }) => isRejected) ? 'high' : 'medium',
    explanation:
      `${clientWords(services)} cannot connect to ${name} on ${endpointWords(endpoint)}: ` +
      [
        ...(refused > 0 ? [`${plural(refused, 'attempt')} refused`] : []),
        ...(silent > 0 ? [`${plural(silent, 'attempt')} without answer`] : []),
      ].join(', ') +
      (failures.some(({ isRejected }) => isRejected) ? ', with ICMP errors about them.' : '.') +
      (isOver ? ' Later attempts succeeded.' : '') +
      (isServed ? ` Another ${name} server serves the same clients.` : ''),
    ...(pair ? { pair } : {}),
    where: refused > 0 ? 'receiver' : 'unknown',
    first,
    last,
    lastGood: lastGood ?? null,
    ongoingAtEnd: !isOver,
    counts: { refused, unanswered: silent, established },
    packets: {
      of: [serviceWord(PROTOCOL_TCP, endpoint.port)],
      lost: sum(failures, ({ tries }) => tries),
      delivered: established,
      ...(silent === 0 ? { areRefused: true } : {}),
    },
    evidence: citationsOf(endpoint, first, last, lastGood),
    displayFilter: segmentFilter(
      quality,
      endpoint,
      pair?.[0],
      '(tcp.flags.syn == 1 || tcp.flags.reset == 1)',
    ),
    nextSteps: [
      `From the host of the client: nc -vz ${endpoint.server} ${endpoint.port}`,
      `On the server: ss -ltnp sport = :${endpoint.port}; does ${name} run, and on which address does it listen?`,
      'Where it listens, look for the filter on the way: iptables -L -v -n on both hosts and in between',
    ],
  };
}

function severityOf(
  evidence: Evidence,
  { server, stack }: ServerEndpoint,
  { failures, isHarmless }: { readonly failures: NonEmpty<Failure>; readonly isHarmless: boolean },
): Severity {
  const { first, last } = spanOf(failures);
  const isLasting =
    sum(failures, ({ tries }) => tries) >= LASTING_TRIES &&
    first.segment === last.segment &&
    last.timeNs - first.timeNs >= LASTING_SECONDS * NS_PER_SECOND;
  return isLasting && !isHarmless ? severityOfFlow(evidence, { host: server, stack }, OWN_AREAS) : 'info';
}

/** The client has a connection with another server of the same database. */
function reachesAnother(
  { client, stack }: TcpService,
  { server, port }: ServerEndpoint,
  endpoints: readonly ServerEndpoint[],
): boolean {
  return endpoints.some(
    (other) =>
      other.port === port &&
      other.stack === stack &&
      other.server !== server &&
      other.services.some((service) => service.client === client && isServing(service)),
  );
}

function isServing({ established, fromServer }: TcpService): boolean {
  return established.count > 0 || fromServer.dataSegments > 0;
}

function citationsOf(
  endpoint: ServerEndpoint,
  first: FrameRef,
  last: FrameRef,
  lastGood: FrameRef | undefined,
): Citation[] {
  const to = endpointWords(endpoint);
  return [
    ...(lastGood ? [{ ...lastGood, summary: `SYN to ${to}, accepted` }] : []),
    { ...first, summary: `SYN to ${to}, the first that fails` },
    ...(last.frame === first.frame ? [] : [{ ...last, summary: `SYN to ${to}, the last that fails` }]),
  ];
}

function sum<T>(items: readonly T[], number: (item: T) => number): number {
  return items.reduce((total, item) => total + number(item), 0);
}
