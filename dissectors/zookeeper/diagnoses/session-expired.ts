import { dropLimit, oneSidedLimit } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import { severityOfFlow } from '../../../src/diagnose/severity-policy.js';
import type { Citation, FrameRef } from '../../../src/moment.js';
import { NS_PER_MILLISECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import { serverFilter } from '../../../src/wording/display-filters.js';
import { serverSubject } from '../../../src/wording/subjects.js';
import { zookeeperConversations } from '../correlator.js';
import { byServer } from '../health-checks.js';
import { PORT } from '../layout.js';
import type { PingSilence, ZookeeperConversation } from '../session.js';
import { OWN_AREAS } from '../session.js';

/** After that share of its timeout a client gives the server up and looks for another one. */
const PATIENCE_SHARE = 2 / 3;
const CITED_MAX = 8;

export default defineDiagnosis({
  id: 'zk.session-expired',
  title: 'ZooKeeper session lost',
  severity: 'warning',
  subject: 'server',
  layer: 'overlay-control',
  priority: 2,
  judgesLast: true,
  rule:
    'A ZooKeeper server answers a connect request with session 0, or a request with error -112 (session expired); or the pings of a session ' +
    'stay unanswered for more than two thirds of the negotiated timeout. Warning where the client is in a tunnel or talks little else, and ' +
    'nothing else is wrong; information otherwise.',
  notWhen:
    'The negotiated timeout is not in the capture (only for pings). The client closes the session itself. The capture itself lost packets ' +
    '(only for pings), or the answers do not pass the capture point.',
  causes: [
    'The client was paused for longer than its timeout (garbage collection, a suspended virtual machine)',
    'The network between client and server was interrupted',
    'The server is overloaded or has lost its quorum: it answers no pings',
  ],
  nextSteps: [
    'Compare the time with the client’s log (session expired, connection loss) and with its garbage collection log',
    'Ask the server: echo stat | nc SERVER 2181 (latency min/avg/max, mode); read zookeeper.log for fsync warnings',
    'Look at other traffic of the two hosts at that time: where it stops as well, the network is to blame',
  ],
  refutedBy: 'Answers to the pings in a capture taken on the server.',
  source: 'ZooKeeper Programmer’s Guide, sessions; RFC 9293; MidoNet guide (NSDB)',
  thresholds: {
    patienceShare: [
      PATIENCE_SHARE,
      'of the timeout',
      'clients ping every third of it, and give a server up after two thirds',
    ],
  },
  fault: 'session-down',
  consequenceOf: ['path-loss'],
  consequenceOfIds: ['zk.not-ok', 'nsdb.unreachable'],
  diagnose: (evidence) =>
    judgeEach(byServer(evidence.sessions(zookeeperConversations)), (conversations) =>
      judge(evidence, conversations),
    ),
});

/** Null for a server on which the capture shows no session. */
function judge(evidence: Evidence, conversations: readonly ZookeeperConversation[]): Judgement | null {
  const { quality } = evidence;
  const withSession = conversations.filter(
    ({ connects, pings, pingReplies }) => connects + pings + pingReplies > 0,
  );
  const ended = conversations.filter(({ refused, expired }) => refused.length + expired.length > 0);
  if (withSession.length + ended.length === 0) return null;
  const [{ server, stack }] = conversations;
  const subject = serverSubject(quality, { address: server, port: PORT, stack });
  const silent = withSession.flatMap((one) => {
    const silence = silenceOf(evidence, one);
    return silence ? [{ conversation: one, silence }] : [];
  });
  if (ended.length + silent.length === 0) {
    const unknown = withSession.find(
      ({ timeoutMs, openSilence }) => timeoutMs === 0 && (openSilence?.pings ?? 0) > 1,
    );
    if (!unknown) return { result: 'healthy', subject };
    const reason = `Pings of ${unknown.client} port ${unknown.clientPort} to ${server} stay unanswered, and the timeout of the session is not in the capture; capture from the start of the connection.`;
    return insufficientData(subject, reason);
  }
  if (ended.length === 0) {
    const limit = oneSidedLimit(quality, silent[0].conversation.client, server, stack) ?? dropLimit(quality);
    if (limit) return insufficientData(subject, limit);
  }
  const citations = citationsOf(server, ended, silent);
  const moments = citations as readonly FrameRef[];
  const clients = [
    ...new Set([...ended, ...silent.map(({ conversation }) => conversation)].map(({ client }) => client)),
  ];
  const told = ended.reduce((sum, { refused, expired }) => sum + refused.length + expired.length, 0);
  return {
    result: 'problem',
    subject,
    severity: severityOfFlow(evidence, { host: server, stack }, OWN_AREAS),
    confidence: told > 0 ? 'high' : 'medium',
    explanation: `${wordsOf(server, clients.length, told, silent.length)}.`,
    ...(clients.length === 1 ? { pair: [clients[0], server] as const } : {}),
    where: 'unknown',
    first: moments[0],
    last: moments[moments.length - 1],
    ongoingAtEnd: silent.some(({ silence }) => silence.until === null),
    counts: { told, silentSessions: silent.length, clients: clients.length },
    evidence: citations,
    displayFilter: serverFilter(quality, { address: server, port: PORT, stack }),
  };
}

function wordsOf(server: string, clients: number, told: number, silent: number): string {
  const words: string[] = [];
  if (told > 0)
    words.push(`${server} told ${plural(clients, 'client')} ${plural(told, 'time')} that a session is gone`);
  if (silent > 0) {
    words.push(
      `${server} left the pings of ${plural(silent, 'session')} without answer for more than two thirds of the timeout`,
    );
  }
  return words.join('; ');
}

/** A silence of pings that is too long for the session's timeout; null where there is none, or the timeout is unknown. */
function silenceOf(
  { quality }: Evidence,
  { timeoutMs, longestSilence, openSilence }: ZookeeperConversation,
): PingSilence | null {
  if (timeoutMs === 0) return null;
  const patienceNs = timeoutMs * PATIENCE_SHARE * NS_PER_MILLISECOND;
  if (openSilence && secondsToPause(quality, openSilence.from) * 1e9 > patienceNs && openSilence.pings > 1) {
    return openSilence;
  }
  return longestSilence && longestSilence.lastedNs > patienceNs ? longestSilence : null;
}

function citationsOf(
  server: string,
  ended: readonly ZookeeperConversation[],
  silent: readonly { readonly conversation: ZookeeperConversation; readonly silence: PingSilence }[],
): Citation[] {
  const told = ended.flatMap(({ client, refused, expired }) => [
    ...refused.map((ref) => ({ ...ref, summary: `${server} gives ${client} no session (session 0)` })),
    ...expired.map((ref) => ({ ...ref, summary: `${server} tells ${client} that its session has expired` })),
  ]);
  const pings = silent.flatMap(({ conversation: { client }, silence: { from, until } }) => [
    { ...from, summary: `ping of ${client} to ${server}, no answer` },
    ...(until ? [{ ...until, summary: `${server} answers pings again` }] : []),
  ]);
  return [...told, ...pings].sort((a, b) => a.frame - b.frame).slice(0, CITED_MAX);
}
