import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import { severityOfFlow } from '../../../src/diagnose/severity-policy.js';
import type { Citation } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import { serverFilter } from '../../../src/wording/display-filters.js';
import { serverSubject } from '../../../src/wording/subjects.js';
import { illByAnswer } from '../answer-judgements.js';
import { zookeeperConversations } from '../correlator.js';
import { ANSWER_SECONDS, byServer, type Outcome, outcomeOf } from '../health-checks.js';
import { PORT } from '../layout.js';
import type { ZookeeperConversation } from '../session.js';
import { OWN_AREAS } from '../session.js';

const CITED_MAX = 4;

export default defineDiagnosis({
  id: 'zk.not-ok',
  title: 'ZooKeeper not healthy',
  severity: 'warning',
  subject: 'server',
  layer: 'overlay-control',
  priority: 1,
  judgesLast: true,
  rule:
    'A ZooKeeper server answers the four-letter word ruok with anything but imok, or not within 5 s, or closes the connection without an ' +
    'answer; or a pasted echo ruok | nc SERVER 2181 (--log) shows as much. Warning where no later check succeeds, the client is in a tunnel or talks little else, and nothing else is wrong; information otherwise.',
  notWhen:
    'The answer says that the word is not in the whitelist (since 3.5): the server runs. The answers do not pass the capture point.',
  causes: [
    'The server is in an error state or shuts down (full disk, out of memory)',
    'There is no quorum: fewer than half of the ensemble reach each other on ports 2888 and 3888',
    'The process hangs (long garbage collection) and only its kernel accepts connections',
    'Something else listens on port 2181',
  ],
  nextSteps: [
    'Ask again: echo ruok | nc SERVER 2181; then echo stat | nc SERVER 2181, which names the mode (leader, follower) or says that it is not serving',
    'Read zookeeper.out or zookeeper.log on the server; check disk space and memory',
    'Ask every member of the ensemble: with 3 of them 2 must answer imok and name one leader',
  ],
  refutedBy: 'imok from the same server at the same time.',
  source: 'ZooKeeper Administrator’s Guide, four-letter words; MidoNet guide (NSDB: ruok, imok)',
  thresholds: {
    answerSeconds: [ANSWER_SECONDS, 's', 'a healthy server answers within milliseconds'],
  },
  fault: 'application',
  *diagnose(evidence) {
    yield* judgeEach(byServer(evidence.sessions(zookeeperConversations)), (conversations) =>
      judge(evidence, conversations),
    );
    yield* illByAnswer(evidence);
  },
});

/** Null for a server that nobody asked. */
function judge(evidence: Evidence, conversations: readonly ZookeeperConversation[]): Judgement | null {
  const outcomes = conversations
    .flatMap((one) => one.checks.map((check) => ({ client: one.client, ...outcomeOf(evidence, one, check) })))
    .sort((a, b) => a.check.at.frame - b.check.at.frame);
  if (outcomes.length === 0) return null;
  const [{ server, stack }] = conversations;
  const subject = serverSubject(evidence.quality, { address: server, port: PORT, stack });
  const bad = outcomes.filter(({ state }) => state !== 'ok' && state !== 'unknown');
  if (bad.length === 0) {
    const unknown = outcomes.find((one) => one.state === 'unknown');
    if (unknown?.state !== 'unknown') return { result: 'healthy', subject };
    return insufficientData(subject, unknown.limit);
  }
  const first = bad[0].check;
  const last = bad[bad.length - 1].check;
  const good = outcomes.filter(({ state }) => state === 'ok');
  const lastGood = good.filter(({ check }) => check.at.frame < first.at.frame).pop();
  const isOver = good.some(({ check }) => check.at.frame > last.at.frame);
  const clients = [...new Set(bad.map(({ client }) => client))];
  return {
    result: 'problem',
    subject,
    severity: isOver ? 'info' : severityOfFlow(evidence, { host: server, stack }, OWN_AREAS),
    confidence: bad.some(({ state }) => state === 'not-ok') ? 'high' : 'medium',
    explanation:
      `${server} answers imok to ${good.length} of ${outcomes.length} ruok (${plural(clients.length, 'host')} in vain): ${stateWords(bad)}.` +
      (isOver ? ' A later check succeeded.' : ''),
    ...(clients.length === 1 ? { pair: [clients[0], server] as const } : {}),
    where: 'receiver',
    first: first.at,
    last: last.answered ?? last.at,
    lastGood: lastGood?.check.answered ?? null,
    ongoingAtEnd: !isOver,
    counts: { checks: outcomes.length, failed: bad.length, ok: good.length },
    evidence: citationsOf(server, bad),
    displayFilter: serverFilter(evidence.quality, { address: server, port: PORT, stack }),
  };
}

/** `1 answered otherwise, 2 left without answer for 5 s`. */
function stateWords(bad: readonly Outcome[]): string {
  const words = [
    { state: 'not-ok', text: 'answered otherwise' },
    { state: 'closed', text: 'answered by closing the connection' },
    { state: 'silent', text: `left without answer for ${ANSWER_SECONDS} s` },
  ];
  return words
    .map(({ state, text }) => ({ count: bad.filter((one) => one.state === state).length, text }))
    .filter(({ count }) => count > 0)
    .map(({ count, text }) => `${count} ${text}`)
    .join(', ');
}

function citationsOf(server: string, bad: readonly (Outcome & { readonly client: string })[]): Citation[] {
  const cited = [...new Set([...bad.slice(0, CITED_MAX - 1), bad[bad.length - 1]])];
  return cited
    .flatMap(({ check, client }) => [
      { ...check.at, summary: `${client} asks ${server}: ruok` },
      ...(check.answered
        ? [{ ...check.answered, summary: `${server} answers something other than imok` }]
        : []),
    ])
    .sort((a, b) => a.frame - b.frame);
}
