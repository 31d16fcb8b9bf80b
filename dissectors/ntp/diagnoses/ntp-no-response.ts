import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { captureMayHide, oneSidedLimit } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import {
  type Citation,
  type FrameRef,
  isNonEmpty,
  mapped,
  type NonEmpty,
  spanOf,
} from '../../../src/moment.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { plural } from '../../../src/wording/counts.js';
import { icmpErrors } from '../../icmp/correlator.js';
import { PORT_NTP } from '../layout.js';
import { silentByNtpq } from '../ntpq-judgements.js';
import type { NtpAssociation } from '../session.js';
import {
  haveOtherServers,
  ntpFilter,
  severityOfTime,
  subjectOf,
  type TimeServer,
  timeServers,
} from '../time-service.js';

const REQUESTS_MIN = 4;
const SPREAD_REQUESTS_MIN = 3;
const SPREAD_SECONDS = 64;
const ANSWER_SECONDS = 3;

export default defineDiagnosis({
  id: 'time.ntp-no-response',
  title: 'Time server does not answer',
  severity: 'warning',
  subject: 'server',
  layer: 'overlay-control',
  priority: 2,
  judgesLast: true,
  rule:
    'A host sends a time server at least 4 requests in a row, or 3 over at least 64 s, and gets no answer to any of them within 3 s; those of the last 3 s of the capture do not count. Information where ntpq -pn of a host (--log) shows reach 0 for one of several servers. Warning ' +
    'where its clients get the time from no other server, the client is in a tunnel or talks little else, and nothing else is wrong; information ' +
    'otherwise.',
  notWhen:
    'The answers do not pass the capture point. An ICMP error answers: it is reported itself. The host reaches other time ' +
    'servers: pools have dead members.',
  causes: [
    'UDP 123 is blocked on the way, or from the source port that the client uses (123 is often filtered)',
    'The server is down, or does not serve this client and says so by silence',
    'The answers take another path back, or the address translation has forgotten the flow',
  ],
  nextSteps: [
    'Ask by hand from another port: ntpdate -q -u SERVER, or chronyd -Q "server SERVER iburst"',
    'Capture at the server: udp port 123 and host CLIENT; requests that arrive without answers meet its access list',
    'On the client: ntpq -pn; the reach column counts the last eight polls',
  ],
  ruledOut: {
    'lost-on-path': ['The server is down', 'The answers take another path'],
  },
  refutedBy: 'Answers in a capture taken at the client or at the server.',
  source: 'RFC 5905, section 7.3 (poll interval); ntp.conf(5), iburst',
  thresholds: {
    requests: [REQUESTS_MIN, 'requests', 'a burst has 4 to 8 of them, 2 s apart'],
    spreadRequests: [SPREAD_REQUESTS_MIN, 'requests', 'two lost ones are rare'],
    spreadSeconds: [SPREAD_SECONDS, 's', 'the shortest usual poll interval'],
    answerSeconds: [ANSWER_SECONDS, 's', 'no path takes longer'],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'unreachable', 'policy'],
  consequenceOfIds: ['time.ntp-kiss'],
  *diagnose(evidence) {
    const refused = refusedHosts(evidence);
    for (const server of timeServers(evidence)) {
      const asked = server.associations.filter(({ requests }) => requests > 0);
      if (asked.length > 0) yield judge(evidence, { ...server, associations: asked }, refused);
    }
    yield* silentByNtpq(evidence);
  },
});

/** An association that asked in vain; of its open requests those whose answer is overdue. */
interface Silent extends NtpAssociation {
  readonly overdue: { readonly count: number; readonly first: FrameRef; readonly last: FrameRef };
}

function judge(evidence: Evidence, server: TimeServer, refused: ReadonlySet<string>): Judgement {
  const { quality } = evidence;
  const subject = subjectOf(quality, server);
  const silent = server.associations.flatMap((one) => silentOf(quality, one) ?? []);
  if (!isNonEmpty(silent)) {
    if (server.associations.some(({ lastReply }) => lastReply)) return { result: 'healthy', subject };
    return insufficientData(
      subject,
      `Too few requests to ${server.address} to judge; capture until 4 of them in a row, or 3 over ${SPREAD_SECONDS} s, had time for an answer.`,
    );
  }
  if (silent.some(({ client }) => refused.has(`${client} ${server.address} ${server.stack}`))) {
    return insufficientData(
      subject,
      `ICMP errors answer the requests to ${server.address}: see the findings about them.`,
    );
  }
  const [worst] = [...silent].sort((a, b) => b.overdue.count - a.overdue.count);
  const limit =
    oneSidedLimit(quality, worst.client, server.address, server.stack) ??
    captureMayHide(quality, { protocol: PROTOCOL_UDP, port: PORT_NTP }, server.address, server.stack);
  if (limit) return insufficientData(subject, limit.reason);
  return problemOf(evidence, server, silent, worst);
}

/** Requests whose answer may yet come take no part: neither for the server nor against it. */
function silentOf(quality: CaptureQuality, association: NtpAssociation): Silent | null {
  const { first, newest, count: asked } = association.open;
  const early = newest.filter((request) => secondsToPause(quality, request) < ANSWER_SECONDS);
  const count = asked - early.length;
  const last = newest.filter((request) => !early.includes(request)).at(-1) ?? first;
  if (!first || !last) return null;
  const isSpread = last.timeNs - first.timeNs >= SPREAD_SECONDS * 1e9;
  const isSilent = count >= REQUESTS_MIN || (count >= SPREAD_REQUESTS_MIN && isSpread);
  return isSilent ? { ...association, overdue: { count, first, last } } : null;
}

function refusedHosts(evidence: Evidence): Set<string> {
  const keys = new Set<string>();
  for (const { quoted, stack } of evidence.sessions(icmpErrors)) {
    if (quoted?.protocol !== PROTOCOL_UDP || quoted.destinationPort !== PORT_NTP) continue;
    keys.add(`${quoted.source} ${quoted.destination} ${stack}`);
  }
  return keys;
}

function problemOf(
  evidence: Evidence,
  server: TimeServer,
  silent: NonEmpty<Silent>,
  worst: Silent,
): Judgement {
  const { quality } = evidence;
  const { address, stack } = server;
  const replies = server.associations.reduce((sum, one) => sum + one.replies, 0);
  const unanswered = silent.reduce((sum, { overdue }) => sum + overdue.count, 0);
  const { first, last } = spanOf(mapped(silent, ({ overdue }) => overdue));
  const isAlone = !haveOtherServers(evidence, { ...server, associations: silent });
  return {
    result: 'problem',
    subject: subjectOf(quality, server),
    severity: isAlone ? severityOfTime(evidence, server) : 'info',
    confidence: 'low',
    explanation:
      `${address} left the last ${plural(unanswered, 'request')} of ${plural(silent.length, 'host')} without answer. ` +
      (replies === 0 ? 'It answered nothing in this capture.' : `It had answered ${replies} before.`) +
      (isAlone ? '' : ' These hosts get the time from another server.'),
    pair: [worst.client, address],
    direction: { from: worst.client, to: address },
    where: 'unknown',
    first,
    last,
    lastGood: worst.lastReply,
    ongoingAtEnd: true,
    counts: {
      requests: server.associations.reduce((sum, { requests }) => sum + requests, 0),
      unanswered,
      replies,
      clients: silent.length,
    },
    evidence: citationsOf(address, silent, worst),
    displayFilter: ntpFilter(quality, stack, address),
    packetClass: 'ntp',
  };
}

const CITED_MAX = 4;

function citationsOf(address: string, silent: readonly Silent[], { lastReply }: Silent): Citation[] {
  const citations: Citation[] = lastReply ? [{ ...lastReply, summary: `last answer of ${address}` }] : [];
  for (const { client, overdue } of silent.slice(0, CITED_MAX)) {
    citations.push({ ...overdue.first, summary: `${client} asks ${address} for the time, no answer` });
    citations.push({
      ...overdue.last,
      summary: `${client} asks ${address} the ${overdue.count}th time, no answer`,
    });
  }
  return citations.sort((a, b) => a.frame - b.frame);
}
