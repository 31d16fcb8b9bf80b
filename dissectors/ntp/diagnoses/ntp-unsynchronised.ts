import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import { type Citation, type FrameRef, isNonEmpty, spanOf } from '../../../src/moment.js';
import { captureIndexOf, NS_PER_SECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import { LEAP_UNSYNCHRONISED } from '../layout.js';
import { unsynchronisedByNtpq } from '../ntpq-judgements.js';
import type { Unsynchronised } from '../session.js';
import {
  haveOtherServers,
  ntpFilter,
  severityOfTime,
  subjectOf,
  type TimeServer,
  timeServers,
} from '../time-service.js';

const REPLIES_MIN = 2;
const STARTING_SECONDS = 300;

export default defineDiagnosis({
  id: 'time.ntp-unsynchronised',
  title: 'Time server not synchronised',
  severity: 'warning',
  subject: 'server',
  layer: 'overlay-control',
  priority: 1,
  judgesLast: true,
  rule:
    'A time server answers with leap indicator 3, stratum 16, or stratum 0 without a refusal, at least twice, and its newest answer is ' +
    'one of them; or no line of ntpq -pn of a host (--log) begins with *, and its daemon has polled more than three times. Warning where its clients get the time from no other server, the client is in a tunnel or talks little else, and nothing else is ' +
    'wrong; information otherwise.',
  notWhen:
    'A later answer of the server is synchronised: it had just started. The host only asks (what a client says of its own clock ' +
    'is no fault of a server).',
  causes: [
    'The server has lost its upstream servers, or none is configured',
    'The server has just started: the first minutes are normal',
    'A firewall keeps the server from its own upstream servers (UDP 123)',
  ],
  nextSteps: [
    'On the server: ntpq -pn (a line with * is the upstream in use) or chronyc sources',
    'Look at the reach column: 0 means that no answer of that upstream arrives; then capture udp port 123 there',
    'Give the clients a second server: with one that is not synchronised they keep no time at all',
  ],
  refutedBy: 'A later answer of the same server with stratum 1 to 15 and leap indicator 0.',
  source: 'RFC 5905, section 7.3 (leap indicator, stratum); MidoNet guide (time synchronisation, ntpq)',
  thresholds: {
    replies: [REPLIES_MIN, 'answers', 'a single one may be the last before it is set'],
    startingSeconds: [
      STARTING_SECONDS,
      's',
      'a server that says INIT or STEP is setting its clock; five polls of 64 s suffice',
    ],
  },
  fault: 'application',
  *diagnose(evidence) {
    yield* judgeEach(timeServers(evidence), (server) => judge(evidence, server));
    yield* unsynchronisedByNtpq(evidence);
  },
});

/** Null for a server whose answers say nothing of its clock. */
function judge(evidence: Evidence, server: TimeServer): Judgement | null {
  const { quality } = evidence;
  const subject = subjectOf(quality, server);
  const bad = server.associations.flatMap(({ unsynchronised }) => unsynchronised ?? []);
  const good = server.associations.flatMap(({ synchronised }) => synchronised ?? []);
  if (!isNonEmpty(bad)) return good.length > 0 ? { result: 'healthy', subject } : null;
  const { first, last: lastBad } = spanOf(bad);
  if (good.some(({ last }) => last.frame > lastBad.frame)) return { result: 'healthy', subject };
  const count = bad.reduce((sum, one) => sum + one.count, 0);
  if (bad.every((one) => mayRefuse(evidence, one))) {
    return {
      result: 'insufficient-data',
      subject,
      reason: `${server.address} says stratum 0 in ${plural(count, 'answer')}, and lines of tcpdump leave out whether it refuses or does not know the time; print the bytes: tcpdump -n -XX udp port 123.`,
      neededSeconds: 0,
    };
  }
  const isStarting = bad.some(({ code }) => code === 'INIT' || code === 'STEP');
  const seconds = (lastBad.timeNs - first.timeNs) / NS_PER_SECOND;
  if (count < REPLIES_MIN || (isStarting && seconds < STARTING_SECONDS)) {
    return {
      result: 'insufficient-data',
      subject,
      reason: `${server.address} says that it is not synchronised ${isStarting ? 'and setting its clock' : 'in one answer'}; capture its answers for ${STARTING_SECONDS} s.`,
      neededSeconds: STARTING_SECONDS,
    };
  }
  const clients = server.associations.filter(({ unsynchronised }) => unsynchronised !== null);
  const lastGood = good
    .map(({ last }) => last)
    .reduce<FrameRef | null>((a, b) => (a && a.frame > b.frame ? a : b), null);
  const isAlone = !haveOtherServers(evidence, server);
  return {
    result: 'problem',
    subject,
    severity: isAlone ? severityOfTime(evidence, server) : 'info',
    confidence: 'high',
    explanation:
      `${server.address} answered ${plural(count, 'time')} that its clock is not synchronised (${wordsOf(bad[0])}), to ` +
      `${plural(clients.length, 'host')}. ` +
      (isAlone
        ? 'They get the time from no other server in this capture.'
        : 'They get the time from another server.'),
    ...(clients.length === 1 ? { pair: [clients[0].client, server.address] as const } : {}),
    where: 'receiver',
    first,
    last: lastBad,
    lastGood,
    ongoingAtEnd: true,
    counts: {
      answers: server.associations.reduce((sum, { replies }) => sum + replies, 0),
      unsynchronised: count,
      clients: clients.length,
    },
    evidence: citationsOf(server, lastGood),
    displayFilter: ntpFilter(quality, server.stack, server.address),
  };
}

/** Stratum 0 is what a refusal says as well, and of its reference, which tells the two apart, lines print nothing. */
function mayRefuse({ quality }: Evidence, { stratum, code, first }: Unsynchronised): boolean {
  const isInWords = quality.captures[captureIndexOf(first.frame)].packetsInWords > 0;
  return isInWords && stratum === 0 && code === '';
}

function wordsOf({ leap, stratum, code }: Unsynchronised): string {
  const words = [`stratum ${stratum}`, ...(code === '' ? [] : [code])];
  return leap === LEAP_UNSYNCHRONISED ? ['leap indicator 3', ...words].join(', ') : words.join(', ');
}

function citationsOf({ address, associations }: TimeServer, lastGood: FrameRef | null): Citation[] {
  const citations: Citation[] = [];
  if (lastGood)
    citations.push({ ...lastGood, summary: `last answer of ${address} with a time that it vouches for` });
  for (const { client, unsynchronised } of associations.slice(0, 4)) {
    if (!unsynchronised) continue;
    const words = `${address} tells ${client} that it is not synchronised`;
    citations.push({ ...unsynchronised.first, summary: words });
    if (unsynchronised.last.frame !== unsynchronised.first.frame) {
      citations.push({ ...unsynchronised.last, summary: `${words}, last of ${unsynchronised.count}` });
    }
  }
  return citations.sort((a, b) => a.frame - b.frame);
}
