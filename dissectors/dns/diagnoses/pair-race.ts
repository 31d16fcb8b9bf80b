import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import { secondsText } from '../../../src/wording/durations.js';
import { dnsServers } from '../correlator.js';
import { questionWords } from '../name.js';
import { RETRY_SECONDS } from '../pair-ledger.js';
import { serverFilter, subjectOf } from '../server-severity.js';
import type { DnsServer, LostHalf, PairedQuestions } from '../session.js';

const LOST_MIN = 3;
const LOST_SHARE_MAX = 0.4;
/** Below this many questions alone, their repeats say nothing. */
const ALONE_MIN = 20;
/** Where those of a pair are lost less than this many times as often as others, it is plain loss. */
const TIMES_OFTENER = 3;
/** One lost pair for each three lost halves, or more: what loses two at once is no race of the two. */
const BOTH_LOST_SHARE_MAX = 1 / 3;
const CITED = 3;

export default defineDiagnosis({
  id: 'dns.pair-race',
  title: 'Of two questions at once one is lost',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  rule:
    'A client asks for A and AAAA of a name from one port within a millisecond; one of the two is answered, the other only when it is asked again, ' +
    `${RETRY_SECONDS} s later or more (timers of resolvers are 1, 2.5, 3 and 5 s), and then at once. At least ${LOST_MIN} times, in fewer than 40 % of the pairs.`,
  notWhen:
    `Both questions of a pair are lost as well (more than one pair for three halves), or questions asked alone are repeated a third as often or more (of ${ALONE_MIN} and more): that is loss on the path. ` +
    'What is lost while the server answers nobody is left out. The repeat is not answered either: a server that drops AAAA. The two go to different servers.',
  causes: [
    'The connection tracking of the client’s host: two packets of one port are translated (DNAT of a service address) or confirmed at once, the second loses the race and is dropped (nf_conntrack: insert_failed)',
    'A firewall that allows one answer for each port and question',
    'Loss on the path that hit halves of pairs by chance',
  ],
  nextSteps: [
    'On the client’s host: conntrack -S, twice; insert_failed that grows with each delay proves it',
    'In resolv.conf of the client: options single-request-reopen (glibc), or use-vc; in Kubernetes as dnsConfig of the pod, or a node-local DNS cache (its traffic is not tracked)',
    'Masquerading with random ports, where it is the source that is translated: iptables … -j MASQUERADE --random-fully; Linux 5.0 and later lose fewer',
  ],
  refutedBy:
    'Both questions of such a pair in a capture at the server: then the answer was lost, not the question.',
  source: 'resolv.conf(5), single-request-reopen; conntrack(8), -S; RFC 1035, section 4.2.1',
  thresholds: {
    lost: [LOST_MIN, 'pairs', 'one or two are lost anywhere'],
    retrySeconds: [RETRY_SECONDS, 's', 'the shortest timer of a resolver, 1 s'],
    lostShare: [LOST_SHARE_MAX, 'share', 'a race is lost now and then, not mostly'],
    alone: [ALONE_MIN, 'questions', 'fewer show no rate'],
  },
  fault: 'application',
  consequenceOf: ['path-loss'],
  *diagnose(evidence) {
    for (const server of evidence.sessions(dnsServers)) {
      if (server.paired.pairs > 0) yield judge(evidence, server);
    }
  },
});

function judge(evidence: Evidence, server: DnsServer): Judgement {
  const subject = subjectOf(evidence.quality, server);
  const { paired } = server;
  if (paired.lostHalfCount < LOST_MIN || isPlainLoss(paired)) return { result: 'healthy', subject };
  const [{ lost: first }] = paired.lostHalves;
  const limit = oneSidedLimit(evidence.quality, first.client, server.address, server.stack);
  return limit ? insufficientData(subject, limit) : problemOf(evidence, server);
}

function isPlainLoss({ pairs, lostHalfCount, bothLost, alone, aloneRepeated }: PairedQuestions): boolean {
  const share = lostHalfCount / pairs;
  if (share >= LOST_SHARE_MAX || bothLost > BOTH_LOST_SHARE_MAX * lostHalfCount) return true;
  // A pair has two questions to lose.
  return alone >= ALONE_MIN && (2 * aloneRepeated * TIMES_OFTENER) / alone > share;
}

function problemOf({ quality }: Evidence, server: DnsServer): Judgement {
  const { paired, address } = server;
  const { pairs, lostHalfCount, lostHalves, lostSeconds, bothLost, lostInOutage, alone, aloneRepeated } =
    paired;
  const clients = new Set(lostHalves.map(({ lost }) => lost.client));
  const [first] = lostHalves;
  const last = lostHalves[lostHalves.length - 1];
  const timer = typicalRetrySeconds(lostHalves);
  return {
    result: 'problem',
    subject: subjectOf(quality, server),
    confidence: alone >= ALONE_MIN || lostSeconds >= 0.9 * lostHalfCount ? 'high' : 'medium',
    explanation:
      `Of ${plural(pairs, 'pair')} of questions (A and AAAA of a name from one port at once) ${plural(clients.size, 'client')} lost one question in ${lostHalfCount}: ` +
      `the other was answered at once, this one after it was asked again, usually ${secondsText(timer)} later. In ${lostSeconds} of them it was the second one. ` +
      (bothLost === 0 ? 'Never were both lost' : `Both were lost ${plural(bothLost, 'time')}`) +
      (alone > 0
        ? `, and of ${plural(alone, 'question')} asked alone ${aloneRepeated} had to be repeated. `
        : '. ') +
      (lostInOutage > 0
        ? `${plural(lostInOutage, 'question')} lost while it answered nobody are not counted. `
        : '') +
      `${address} answers what reaches it: the client’s host or a translator near it drops one of two packets that leave together.`,
    pair: [first.lost.client, address],
    direction: { from: first.lost.client, to: address },
    where: 'sender',
    first: first.lost.first,
    last: last.lost.answer ?? last.lost.last,
    ongoingAtEnd: true,
    counts: {
      pairs,
      lost: lostHalfCount,
      lostSeconds,
      bothLost,
      ...(lostInOutage > 0 ? { lostInOutage } : {}),
      alone,
      aloneRepeated,
      clients: clients.size,
    },
    evidence: [...new Set([...lostHalves.slice(0, CITED - 1), last])].flatMap(citationsOf),
    displayFilter: serverFilter(server),
    packetClass: 'dns',
  };
}

function typicalRetrySeconds(halves: readonly LostHalf[]): number {
  const delays = halves.flatMap(({ lost }) => (lost.second ? [lost.second.timeNs - lost.first.timeNs] : []));
  delays.sort((a, b) => a - b);
  return delays[delays.length >> 1] / NS_PER_SECOND;
}

function citationsOf({ lost, answered }: LostHalf): Citation[] {
  const citations: Citation[] = [
    { ...lost.first, summary: `${lost.client} asks for ${questionWords(lost)}: lost` },
  ];
  if (answered.answer)
    citations.push({ ...answered.answer, summary: `answer to ${questionWords(answered)}` });
  if (lost.second)
    citations.push({ ...lost.second, summary: `${questionWords(lost)} asked again, answered` });
  return citations.sort((a, b) => a.frame - b.frame);
}
