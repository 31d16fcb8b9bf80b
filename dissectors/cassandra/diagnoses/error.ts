import { oneSidedLimit } from '../../../src/correlate/gates.js';
import { groupBy } from '../../../src/correlate/group-by.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { severityOfFlow } from '../../../src/diagnose/severity-policy.js';
import type { Citation, FrameRef } from '../../../src/moment.js';
import type { Severity } from '../../../src/report/report.js';
import { plural } from '../../../src/wording/counts.js';
import { serverFilter } from '../../../src/wording/display-filters.js';
import { serverSubject } from '../../../src/wording/subjects.js';
import { OWN_AREAS } from '../../zookeeper/session.js';
import { type CassandraClient, type CassandraErrors, cassandraClients } from '../correlator.js';
import { errorWords, isQueryError, isVersionTrial } from '../error-codes.js';
import { PORT } from '../layout.js';

const ANSWER_SECONDS = 5;
const LASTING_ERRORS = 3;
const CODES_NAMED = 4;

/** What goes wrong together with a state database: none of it is another fault. */

export default defineDiagnosis({
  id: 'cassandra.error',
  title: 'Cassandra reports an error',
  severity: 'warning',
  subject: 'server',
  layer: 'overlay-control',
  priority: 3,
  judgesLast: true,
  explicitSignal: true,
  rule:
    'A Cassandra server answers with ERROR, or leaves a STARTUP without READY or AUTHENTICATE for 5 s. Warning from 3 errors on that are not ' +
    'about a query, or where no STARTUP is accepted, the client is in a tunnel or talks little else, and nothing else is wrong; information otherwise.',
  notWhen:
    'The error is about a query (codes 0x2000 and above): information. A protocol error is followed by a connection that is accepted: ' +
    'drivers try the newest version first.',
  causes: [
    'The node is overloaded or waits for its disks (timeouts, 0x1001)',
    'Too few replicas are up for the consistency level that is asked (0x1000)',
    'Wrong credentials (0x0100), or a driver whose protocol version the server does not speak (0x000a)',
  ],
  nextSteps: [
    'On a node: nodetool status (UN for every node), nodetool tpstats (blocked and dropped messages)',
    'Read /var/log/cassandra/system.log at that time',
    'Clocks: Cassandra orders writes by time; compare ntpq -pn on all nodes',
  ],
  refutedBy: 'The same request succeeds when it is repeated at once.',
  source: 'CQL binary protocol v4 and v5, sections 4 and 9; MidoNet guide (NSDB)',
  thresholds: {
    answerSeconds: [ANSWER_SECONDS, 's', 'drivers give a connection up after 5 s'],
    lastingErrors: [LASTING_ERRORS, 'errors', 'drivers repeat a request once or twice'],
  },
  fault: 'application',
  *diagnose(evidence) {
    const servers = groupBy(
      evidence.sessions(cassandraClients),
      ({ stack, segment, server }) => `${stack} ${segment} ${server}`,
    );
    for (const clients of servers.values()) yield judge(evidence, clients);
  },
});

function judge(evidence: Evidence, clients: readonly CassandraClient[]): Judgement {
  const { quality } = evidence;
  const [{ server, stack }] = clients;
  const subject = serverSubject(evidence.quality, { address: server, port: PORT, stack });
  const errors = clients.flatMap((one) => errorsOf(one));
  const waiting = clients.flatMap((one) => one.waiting.map((at) => ({ at, client: one.client })));
  const silent = waiting.filter(({ at }) => secondsToPause(quality, at) >= ANSWER_SECONDS);
  if (errors.length + silent.length === 0) {
    if (waiting.length === 0) return { result: 'healthy', subject };
    return {
      result: 'insufficient-data',
      subject,
      reason: `The capture ends within ${ANSWER_SECONDS} s of a STARTUP to ${server}; capture for longer.`,
      neededSeconds: ANSWER_SECONDS,
    };
  }
  const limit = errors.length === 0 ? oneSidedLimit(quality, silent[0].client, server, stack) : null;
  if (limit) return insufficientData(subject, limit);
  return problemOf(evidence, clients, errors, silent);
}

/** Without the errors by which a driver finds the version. */
function errorsOf({ errors, lastAccepted }: CassandraClient): CassandraErrors[] {
  return errors.filter(
    ({ code, last }) => !isVersionTrial(code) || !lastAccepted || lastAccepted.frame < last.frame,
  );
}

function problemOf(
  evidence: Evidence,
  clients: readonly CassandraClient[],
  errors: readonly CassandraErrors[],
  silent: readonly { readonly at: FrameRef; readonly client: string }[],
): Judgement {
  const [{ server, stack }] = clients;
  const count = errors.reduce((sum, one) => sum + one.count, 0);
  const words = errors
    .slice(0, CODES_NAMED)
    .map((one) => `${errorWords(one.code)}${one.count > 1 ? ` (${one.count} times)` : ''}`);
  const citations = citationsOf(server, errors, silent);
  const [first] = citations;
  return {
    result: 'problem',
    subject: serverSubject(evidence.quality, { address: server, port: PORT, stack }),
    severity: severityOf(evidence, clients, errors, silent.length),
    confidence: errors.length > 0 ? 'high' : 'medium',
    explanation:
      (count > 0
        ? `${server} answered ${plural(count, 'request')} with an error: ${words.join(', ')}.`
        : '') +
      (count > 0 && silent.length > 0 ? ' ' : '') +
      (silent.length > 0
        ? `${server} left ${plural(silent.length, 'STARTUP')} without an answer for ${ANSWER_SECONDS} s.`
        : ''),
    ...(clients.length === 1 ? { pair: [clients[0].client, server] as const } : {}),
    where: 'receiver',
    first,
    last: citations[citations.length - 1],
    ongoingAtEnd: silent.length > 0,
    counts: { errors: count, startupsWithoutAnswer: silent.length, clients: clients.length },
    evidence: citations,
    displayFilter: serverFilter(evidence.quality, { address: server, port: PORT, stack }),
  };
}

function severityOf(
  evidence: Evidence,
  clients: readonly CassandraClient[],
  errors: readonly CassandraErrors[],
  silent: number,
): Severity {
  const own = errors.filter(({ code }) => !isQueryError(code)).reduce((sum, { count }) => sum + count, 0);
  const isShut =
    own + silent > 0 && clients.every(({ startups, accepted }) => startups > 0 && accepted === 0);
  return own >= LASTING_ERRORS || isShut
    ? severityOfFlow(evidence, { host: clients[0].server, stack: clients[0].stack }, OWN_AREAS)
    : 'info';
}

function citationsOf(
  server: string,
  errors: readonly CassandraErrors[],
  silent: readonly { readonly at: FrameRef; readonly client: string }[],
): Citation[] {
  const told = errors.slice(0, CODES_NAMED).flatMap(({ code, count, first, last }) => {
    const summary = `${server} answers ERROR ${errorWords(code)}`;
    if (last.frame === first.frame) return [{ ...first, summary }];
    return [
      { ...first, summary },
      { ...last, summary: `${summary} (last of ${count})` },
    ];
  });
  const waiting = silent
    .slice(0, 2)
    .map(({ at, client }) => ({ ...at, summary: `STARTUP of ${client}, no answer` }));
  return [...told, ...waiting].sort((a, b) => a.frame - b.frame);
}
