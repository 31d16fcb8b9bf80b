import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  thresholdsOf,
} from '../../../src/diagnose/diagnosis.js';
import { type Citation, isNonEmpty, mostBy } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { durationText } from '../../../src/wording/durations.js';
import { dnsServers } from '../correlator.js';
import { questionWords } from '../name.js';
import { isNear, NEAR_SLOW_MS, SLOW_MS, VERY_SLOW_SECONDS } from '../response-times.js';
import { serverFilter, severityIn, subjectOf } from '../server-severity.js';
import type { DnsServer } from '../session.js';

const SEVERE_SECONDS = 1;
const SLOW_MIN = 3;
const SLOW_SHARE = 0.05;
const VERY_SLOW_MIN = 5;
const VERY_SLOW_SHARE = 0.5;

const ID = 'dns.slow';
const LIMITS = { severeSeconds: SEVERE_SECONDS, slowCount: SLOW_MIN, slowShare: SLOW_SHARE };

export default defineDiagnosis({
  id: ID,
  title: 'Slow name resolution',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  rule:
    'At least 3 questions to a name server, and more than 5 % of them, are answered after more than 100 ms (50 ms for a resolver on ' +
    'a link-local or loopback address), counted from the first try. Warning where half of the answers take longer than 1 s (for a ' +
    'near resolver: than 50 ms), inside a tunnel or where the hosts talk little else, and nothing else is wrong; and where at least 5 ' +
    'answers, and more than half of them, take longer than 2 s, in any capture; otherwise information.',
  notWhen: 'Fewer than 3 answers are slow: a resolver that looks a name up for the first time needs a while.',
  causes: [
    'The resolver asks others first (forwarding, recursion), and one of these is slow or does not answer',
    'Questions or answers are lost and repeated: then the times are those of the time-outs (1 s, 5 s)',
    'The resolver is overloaded or far away',
    'The client tries a list of search domains in turn',
  ],
  nextSteps: [
    'Ask the resolver itself, twice: dig @SERVER NAME; the second answer comes from its cache and shows the path alone',
    'Compare with another server: dig @1.1.1.1 NAME; then capture on the resolver, on the side of its upstream servers: port 53',
    'Leave names out to see whether the rest is fast: use the address instead of the name',
  ],
  refutedBy: 'Fast answers in a capture taken at the client at the same time.',
  source:
    'RFC 1035, section 7.2; Cloud Foundry guide (latency: app, DNS, network, app; 2 ms for internal routes)',
  thresholds: {
    slowMs: [SLOW_MS, 'ms', 'answers from a cache come within the round trip'],
    nearSlowMs: [NEAR_SLOW_MS, 'ms', 'a resolver on the host itself answers in about 2 ms'],
    severeSeconds: [SEVERE_SECONDS, 's', 'people notice; clients begin to repeat', 'adjustable'],
    verySlowSeconds: [
      VERY_SLOW_SECONDS,
      's',
      'no path and no cold cache takes that long: something times out',
    ],
    verySlowCount: [VERY_SLOW_MIN, 'answers', 'a name or two of a dead zone are normal'],
    slowCount: [SLOW_MIN, 'answers', 'the first question for a name may take longer', 'adjustable'],
    slowShare: [SLOW_SHARE, 'share', 'then the 95th percentile is slow', 'adjustable'],
  },
  fault: 'delay',
  consequenceOf: ['path-loss'],
  consequenceOfIds: ['dns.pair-race'],
  *diagnose(evidence) {
    for (const server of evidence.sessions(dnsServers)) {
      if (server.answered > 0) yield judge(evidence, server);
    }
  },
});

function judge(evidence: Evidence, server: DnsServer): Judgement {
  const subject = subjectOf(evidence.quality, server);
  const { slow, slowCount } = server;
  const limits = thresholdsOf(evidence, ID, LIMITS);
  if (slowCount < limits.slowCount || slowCount <= limits.slowShare * server.answered || !isNonEmpty(slow))
    return { result: 'healthy', subject };
  const p95 = server.responseTimes.quantile(1 - limits.slowShare);
  const median = server.responseTimes.quantile(0.5);
  const isSevere = isNear(server.address)
    ? slowCount > server.answered / 2
    : median > limits.severeSeconds * NS_PER_SECOND;
  const first = slow[0].first;
  const last = slow.reduce((a, { answer }) => (answer && answer.frame > a.frame ? answer : a), first);
  const repeated = slow.filter(({ tries }) => tries > 1).length;
  const slowest = mostBy(slow, ({ responseNs }) => responseNs);
  return {
    result: 'problem',
    subject,
    severity: isVerySlow(server) ? 'warning' : isSevere ? severityIn(evidence, server) : 'info',
    confidence: 'high',
    explanation:
      `${server.address} answered ${server.answered} questions, half of them within ${durationText(median)}, 95 % within ` +
      `${durationText(p95)}; the slowest (${questionWords(slowest)}) took ${durationText(slowest.responseNs)}.` +
      (repeated > 0 ? ` ${repeated} of the slow ones had to be asked again.` : ''),
    pair: [slow[0].client, server.address],
    where: 'unknown',
    first,
    last,
    ongoingAtEnd: server.lastAnswer !== null && last.frame >= server.lastAnswer.frame,
    counts: {
      questions: server.questions,
      answered: server.answered,
      slow: slowCount,
      verySlow: server.verySlowCount,
      repeated: server.repeated,
    },
    evidence: citationsOf(server, slow),
    displayFilter: serverFilter(server),
  };
}

/** Whatever else the capture holds: a lookup of two seconds is what people wait for. */
function isVerySlow({ verySlowCount, answered }: DnsServer): boolean {
  return verySlowCount >= VERY_SLOW_MIN && verySlowCount > VERY_SLOW_SHARE * answered;
}

const CITED_MAX = 4;

function citationsOf({ address }: DnsServer, slow: DnsServer['slow']): Citation[] {
  const worst = [...slow].sort((a, b) => b.responseNs - a.responseNs).slice(0, CITED_MAX);
  const cited = new Set([slow[0], ...worst]);
  const inOrder = [...cited].sort((a, b) => a.first.frame - b.first.frame);
  return inOrder.flatMap((question) => {
    const words = questionWords(question);
    const asked = { ...question.first, summary: `${question.client} asks ${address} for ${words}` };
    if (!question.answer) return [asked];
    const summary = `${address} answers after ${durationText(question.responseNs)}: ${words}`;
    return [asked, { ...question.answer, summary }];
  });
}
