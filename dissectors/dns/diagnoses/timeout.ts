import { captureMayHide, oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../../src/moment.js';
import type { Severity } from '../../../src/report/report.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { PORT_DNS } from '../../../src/wire/transport.js';
import { plural } from '../../../src/wording/counts.js';
import { dnsServers } from '../correlator.js';

import { questionWords } from '../name.js';
import { FAILING_SHARE, serverFilter, severityByClients, severityIn, subjectOf } from '../server-severity.js';
import type { DnsServer } from '../session.js';
import { ANSWER_SECONDS, REPEATED_SECONDS, TRIES_MIN, type Unanswered, unansweredOf } from '../unanswered.js';

/** Messages without answer before a server may be the subject of a warning. */
const LOUD_TRIES_MIN = 3;

export default defineDiagnosis({
  id: 'dns.timeout',
  title: 'Name resolution times out',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  lists: 'suffice',
  rule:
    'A question to a name server stays unanswered for 5 s, or is asked at least 3 times without answer for 2 s, and the client gets no ' +
    'answer to it later either. Warning where at least 3 messages and half of the questions fail, inside a tunnel or ' +
    'where the hosts talk little else, and nothing else is wrong; or where 3 clients fail in half of their questions at a server ' +
    'that answered before. Otherwise information.',
  notWhen:
    'The client asks anew and is answered (then the answer counts as slow). The answers do not pass the capture point. Multicast ' +
    'DNS, LLMNR, and questions between name servers (without recursion desired) do not count.',
  causes: [
    'The name server is down or does not serve this client',
    'A firewall or policy drops port 53, or the answers on their way back',
    'The path to the name server is broken, or it has no route back',
    'The name server waits for an upstream server that does not answer',
  ],
  nextSteps: [
    'Ask by hand: dig @SERVER NAME +tries=1, then dig @SERVER NAME +tcp',
    'Ping the server; capture at the server: port 53 and host CLIENT. Questions that arrive without answers are its own fault',
    'In VPP and Kubernetes: nslookup kubernetes.default from a pod, the address of the DNS service, and whether its traffic is punted to the host',
  ],
  ruledOut: {
    'lost-on-path': ['The name server is down', 'The name server waits'],
    'both-alive': ['The path to the name server is broken'],
  },
  refutedBy: 'Answers in a capture taken at the client or on another path.',
  source:
    'RFC 1035, section 7.2; resolv.conf(5), option timeout; guides: Calico/VPP (nslookup), Cloud Foundry (dig)',
  thresholds: {
    answerSeconds: [ANSWER_SECONDS, 's', 'resolvers wait 5 s for an answer by default'],
    tries: [TRIES_MIN, 'messages', 'two lost messages in a row are rare'],
    repeatedSeconds: [REPEATED_SECONDS, 's', 'a slow answer may come after three tries in quick succession'],
    loudTries: [LOUD_TRIES_MIN, 'messages', 'a lost message or two is normal'],
    failingShare: [FAILING_SHARE, 'share', 'a server that answers the rest is reachable'],
  },
  fault: 'silence',
  consequenceOf: [
    'path-loss',
    'addressing',
    'unreachable',
    'policy',
    'refused',
    'fragments',
    'tunnel-one-way',
  ],
  *diagnose(evidence) {
    for (const server of evidence.sessions(dnsServers)) {
      if (server.questions > 0) yield judge(evidence, server);
    }
  },
});

function judge(evidence: Evidence, server: DnsServer): Judgement {
  const { quality } = evidence;
  const subject = subjectOf(quality, server);
  const { unanswered, undecided } = unansweredOf(quality, server);
  if (unanswered.length === 0) {
    if (server.answered > 0) return { result: 'healthy', subject };
    return {
      result: 'insufficient-data',
      subject,
      reason: `The capture ends within ${ANSWER_SECONDS} s of ${plural(undecided, 'unanswered question')} to ${server.address}; capture for ${ANSWER_SECONDS} s more.`,
      neededSeconds: ANSWER_SECONDS,
    };
  }
  const { client } = unanswered[0];
  const limit =
    oneSidedLimit(quality, client, server.address, server.stack) ??
    (server.answered === 0
      ? captureMayHide(quality, { protocol: PROTOCOL_UDP, port: PORT_DNS }, server.address, server.stack)
      : null);
  if (limit) return insufficientData(subject, limit);
  return problemOf(evidence, server, unanswered, undecided);
}

function problemOf(
  evidence: Evidence,
  server: DnsServer,
  unanswered: readonly Unanswered[],
  undecided: number,
): Judgement {
  const { address, answered, questions, lastAnswer } = server;
  const tries = unanswered.reduce((sum, one) => sum + one.tries, 0);
  const first = unanswered[0].first;
  const last = unanswered.reduce((a, one) => (one.last.frame > a.frame ? one.last : a), first);
  const clients = new Set(unanswered.map(({ client }) => client));
  const isSilentSince = lastAnswer === null || lastAnswer.frame < first.frame;
  const named = unanswered.slice(0, 3).map((one) => questionWords(one));
  return {
    result: 'problem',
    subject: subjectOf(evidence.quality, server),
    severity: severityOf(evidence, server, tries),
    confidence: isSilentSince && answered === 0 ? 'low' : 'medium',
    explanation:
      `${address} left ${plural(unanswered.length, 'question')} of ${plural(clients.size, 'client')} without answer ` +
      `(${named.join(', ')}${unanswered.length > named.length ? ', …' : ''}), asked ${tries === 1 ? 'once' : `${tries} times in all`}. ` +
      (answered === 0
        ? 'It answered nothing in this capture.'
        : `It answered ${answered} of ${questions} questions${isSilentSince ? ', all of them before' : ''}.`),
    pair: [unanswered[0].client, address],
    direction: { from: unanswered[0].client, to: address },
    where: 'unknown',
    first,
    last,
    lastGood: lastAnswer && isSilentSince ? lastAnswer : null,
    ongoingAtEnd: isSilentSince,
    counts: { questions, answered, unanswered: unanswered.length, tries, undecided, clients: clients.size },
    evidence: citationsOf(server, unanswered, isSilentSince ? lastAnswer : null),
    displayFilter: serverFilter(server),
    packetClass: 'dns',
  };
}

function severityOf(evidence: Evidence, server: DnsServer, tries: number): Severity {
  const failing = server.questions - server.answered;
  const isLasting = tries >= LOUD_TRIES_MIN && failing >= FAILING_SHARE * server.questions;
  if (isLasting && severityIn(evidence, server) === 'warning') return 'warning';
  return severityByClients(server);
}

const CITED_MAX = 4;

function citationsOf(
  { address }: DnsServer,
  unanswered: readonly Unanswered[],
  lastGood: FrameRef | null,
): Citation[] {
  const citations: Citation[] = [];
  if (lastGood) citations.push({ ...lastGood, summary: `last answer of ${address}` });
  for (const one of unanswered.slice(0, CITED_MAX)) {
    const words = `${one.client} asks ${address} for ${questionWords(one)}`;
    citations.push({ ...one.first, summary: `${words}, no answer` });
    if (one.last.frame !== one.first.frame) {
      citations.push({ ...one.last, summary: `${words}, last of ${one.tries} tries` });
    }
  }
  return citations.sort((a, b) => a.frame - b.frame);
}
