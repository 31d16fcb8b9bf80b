import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { trafficUnderOtherKeys } from '../../../src/correlate/keyless-stack.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { PROTOCOL_TCP } from '../../../src/wire/ip.js';
import { inOrder } from '../../../src/wording/citations.js';
import { addressFamily } from '../../../src/wording/display-filters.js';
import { areOvertaken } from '../fallback.js';
import { LATE_MIN, LOST_SHARE_MIN, lateStarts, lateWords } from '../late-starts.js';
import type { TcpService } from '../session.js';
import {
  areLasting,
  attemptsProblem,
  judgeEndpoints,
  noneSucceedsAfter,
  rejectedByIcmp,
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
  missingAnswers,
  occurrencesOf,
  onlyPair,
  type ServerEndpoint,
  SOURCES_MIN,
  segmentFilter,
  severityOf,
  subjectOf,
  sumOf,
} from '../shared/server-endpoint.js';

const ANSWER_SECONDS = 3;
const LASTING_SYNS = 3;
const LASTING_ATTEMPTS = 3;
/** A program that is restarted is back sooner. */
const STOPPED_SECONDS = 10;

export default defineDiagnosis({
  id: 'tcp.syn-unanswered',
  title: 'TCP connection attempt unanswered',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  lists: 'suffice',
  rule:
    'A SYN is repeated with the same number, or 3 s pass after it, and neither SYN-ACK nor RST nor an ICMP error comes; or ' +
    'SYN and SYN-ACK are both repeated, as if the SYN-ACK did not arrive. Aggregated by server endpoint. Warning where 3 ' +
    'clients fail in at least half of their attempts at an endpoint that answered before, or where the endpoint never ' +
    'answered at least 3 SYNs over 3 s, or answered before and then failed at least 3 attempts over 10 s and let none in any more, the flow runs inside a tunnel or its hosts talk little else, and nothing else is wrong; ' +
    'information otherwise. Also where all succeed in the end: at least 3 connections to an endpoint, or in a tunnel, come about 1 s and more late ' +
    'because SYNs were repeated, and at least 2 % of all SYNs are such repeats; severity as above.',
  notWhen:
    'Packets of the server reach the client by another way (one-sided capture), or in a tunnel with another key (MidoNet). An ICMP error answers. A host tries 20 ' +
    'endpoints in 10 s: a port scan is one piece of information. So is an attempt that a connection over the other address family overtakes (happy eyeballs).',
  causes: [
    'A firewall, security group or network policy drops the SYN or the SYN-ACK',
    'The server is down, or its address belongs to nobody',
    'The way back is missing: the server answers through another gateway or not at all',
    'A capture filter, or a capture point that only one direction passes',
  ],
  nextSteps: [
    'Try by hand from the client: nc -vz SERVER PORT',
    'Capture at the server: tcp port PORT and host CLIENT; a SYN that arrives there and gets no SYN-ACK meets the server’s own firewall or a full backlog',
    'Where the SYN does not arrive, look for the filter on the way: iptables -L -v -n, security groups, network policies',
  ],
  ruledOut: {
    'lost-on-path': ['The server is down', 'The way back is missing', 'A capture filter'],
    'both-alive': ['The server is down', 'A capture filter'],
  },
  refutedBy: 'A SYN-ACK in a capture at the client, or in the direction that this capture lacks.',
  source: 'RFC 9293, section 3.5; MidoNet guide, VM interconnectivity; Cloud Foundry guide',
  thresholds: {
    answerSeconds: [ANSWER_SECONDS, 's', 'SYNs are repeated after 1 s, and again after 2 s more'],
    lastingAttempts: [LASTING_ATTEMPTS, 'attempts', 'one or two may meet a restart'],
    stopped: [STOPPED_SECONDS, 's', 'a program that is restarted is back sooner'],
    lastingSyns: [LASTING_SYNS, 'SYNs', 'one or two may be lost or be probes'],
    failingClients: [SOURCES_MIN, 'clients', 'one client may be at fault itself'],
    failingShare: [FAILING_SHARE, 'share', 'single losses are made up for by repeats'],
    lateStarts: [LATE_MIN, 'connections', 'a SYN or two are lost anywhere'],
    lostShare: [LOST_SHARE_MIN, 'share', 'healthy paths lose a tenth of that'],
    scanEndpoints: [SCAN_ENDPOINTS_MIN, `endpoints in ${SCAN_SECONDS} s`, 'no program needs so many at once'],
  },
  fault: 'silence',
  consequenceOf: [
    'path-loss',
    'addressing',
    'unreachable',
    'policy',
    'refused',
    'mismatch',
    'tunnel-one-way',
  ],
  consequenceOfIds: ['arp.unanswered', 'dns.timeout', 'esp.decapsulated-view'],
  diagnose(evidence) {
    const isRejected = rejectedByIcmp(evidence);
    return judgeEndpoints(
      evidence,
      ({ unanswered }) => unanswered.first,
      scanned,
      (endpoint, scanners) => judge(evidence, endpoint, scanners, isRejected),
    );
  },
});

function judge(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  scanners: ReadonlyMap<string, Scanner>,
  isRejected: (service: TcpService) => boolean,
): Judgement | null {
  const { quality } = evidence;
  if (sumOf(endpoint, ({ attempts }) => attempts) === 0) return null;
  const failing = endpoint.services.filter(
    (service) =>
      failuresOf(quality, service) > 0 &&
      !scanners.has(service.client) &&
      !isRejected(service) &&
      !isAnsweredUnderOtherKey(quality, service),
  );
  if (failing.length === 0) return withoutFailures(quality, evidence, endpoint, scanners, isRejected);
  const visible = failing.filter((service) => missingAnswers(quality, service) === null);
  const limit = missingAnswers(quality, failing[0]);
  if (visible.length === 0 && limit) return insufficientData(subjectOf(quality, endpoint), limit);
  return problemOf(evidence, endpoint, visible);
}

function withoutFailures(
  quality: CaptureQuality,
  evidence: Evidence,
  endpoint: ServerEndpoint,
  scanners: ReadonlyMap<string, Scanner>,
  isRejected: (service: TcpService) => boolean,
): Judgement | null {
  const isAnswered = endpoint.services.some(
    (service) =>
      service.established.count + service.refused.count > 0 || isAnsweredUnderOtherKey(quality, service),
  );
  if (isAnswered) return lateStarts(evidence, endpoint) ?? healthy(evidence, endpoint);
  const isJudgedElsewhere = endpoint.services.every(
    (service) => scanners.has(service.client) || isRejected(service),
  );
  if (isJudgedElsewhere) return null;
  return {
    result: 'insufficient-data',
    subject: subjectOf(quality, endpoint),
    reason: `The capture ends within ${ANSWER_SECONDS} s of the SYN to ${endpointWords(endpoint)}; capture for longer.`,
    neededSeconds: ANSWER_SECONDS,
  };
}

/** Attempts that got no answer although there was time for one. */
function failuresOf(quality: CaptureQuality, { unanswered, undecided, answerLost }: TcpService): number {
  const early = undecided.filter(({ first }) => secondsToPause(quality, first) < ANSWER_SECONDS);
  return unanswered.count - early.length + answerLost.count;
}

function problemOf(evidence: Evidence, endpoint: ServerEndpoint, failing: readonly TcpService[]): Problem {
  const { quality } = evidence;
  const silent = { ...endpoint, services: failing };
  const unanswered = sumOf(silent, (service) => failuresOf(quality, service));
  const lost = occurrencesOf(silent, ({ answerLost }) => answerLost);
  const silence = occurrencesOf(silent, (service) => service.unanswered);
  const first = silence.first ?? lost.first ?? failing[0].first;
  const last = silence.last ?? lost.last ?? first;
  const established = occurrencesOf(endpoint, (service) => service.established);
  const syns = sumOf(silent, ({ unansweredSyns }) => unansweredSyns);
  const attempts = sumOf(endpoint, (service) => service.attempts);
  const longest = failing
    .flatMap(({ longestSilence }) => longestSilence ?? [])
    .sort((a, b) => b.syns - a.syns || a.first.frame - b.first.frame)[0];
  const lastSyn = longest && longest.last.frame > last.frame ? longest.last : last;
  const failed = { endpoint, failing, lost: syns + lost.count, first, last: lastSyn };
  const hasStopped = unanswered >= LASTING_ATTEMPTS && noneSucceedsAfter(failed, STOPPED_SECONDS);
  const isLasting = hasStopped || areLasting(failed, LASTING_SYNS, ANSWER_SECONDS);
  const many = manyClientsFail(
    endpoint,
    (service) => failuresOf(quality, service),
    (service) => service.attempts,
    first,
  );
  const pair = onlyPair(failing);
  const isOvertaken = established.count + lost.count === 0 && areOvertaken(evidence, silent);
  const good =
    established.last && established.last.frame < first.frame ? established.last : established.first;
  return {
    ...attemptsProblem(evidence, failed),
    severity: many ? 'warning' : severityOf(evidence, endpoint, isLasting && !isOvertaken),
    confidence: lost.count > 0 || established.count > 0 ? 'medium' : 'high',
    explanation:
      `${unanswered} of ${attempts} attempts to connect to ${endpointWords(endpoint)} ` +
      (lost.count < unanswered
        ? `stayed without answer (${clientWords(failing)}, ${syns} SYNs).`
        : `came to nothing (${clientWords(failing)}).`) +
      (lost.count > 0
        ? ` In ${lost.count} of them the server answers with SYN-ACK, and SYN and SYN-ACK are sent again and again: the client does not get it, or does not take it.`
        : '') +
      (established.count > 0 ? ` ${established.count} others succeeded.` : ' None succeeded.') +
      (isOvertaken ? ' Each time the client went on over the other address family, which answers.' : '') +
      lateWords(endpoint),
    ...(pair ? { direction: { from: pair[0], to: pair[1] } } : {}),
    where: 'unknown',
    lastGood: good && good.frame < first.frame ? good : null,
    ongoingAtEnd: !established.last || established.last.frame < last.frame,
    counts: {
      attempts,
      unanswered,
      answerLost: lost.count,
      syns,
      established: established.count,
      late: sumOf(endpoint, ({ late }) => late.count),
      clients: new Set(failing.map(({ client }) => client)).size,
    },
    evidence: citationsOf(endpoint, first, longest, last),
    displayFilter: segmentFilter(evidence.quality, endpoint, pair?.[0], 'tcp.flags.syn == 1'),
    packetClass: 'tcp-syn',
  };
}

function citationsOf(
  endpoint: ServerEndpoint,
  first: { readonly frame: number; readonly segment: number; readonly timeNs: number },
  longest: TcpService['longestSilence'] | undefined,
  last: { readonly frame: number; readonly segment: number; readonly timeNs: number },
): Citation[] {
  const to = endpointWords(endpoint);
  const citations: Citation[] = [{ ...first, summary: `SYN to ${to}, no answer` }];
  if (longest) {
    citations.push({ ...longest.first, summary: `SYN to ${to}, the first of ${longest.syns}` });
    citations.push({ ...longest.last, summary: `SYN to ${to}, the last of ${longest.syns}` });
  }
  citations.push({ ...last, summary: `SYN of the last attempt at ${to}` });
  return inOrder(citations);
}

function scanned(scanner: Scanner): Problem {
  const { client } = scanner;
  return scanProblem(scanner, {
    title: 'A host tries many TCP ports',
    outcome: 'none answered',
    firstSummary: `first SYN of ${client} without answer`,
    lastSummary: `last endpoint that ${client} tried`,
    displayFilter: `tcp.flags.syn == 1 && ${addressFamily(client)}.src == ${client}`,
    causes: ['A port scan or an inventory of the network', 'A program with a long list of dead peers'],
  });
}

/** The server's segments come back in a tunnel with another key, as where the key names the receiver (MidoNet). */
function isAnsweredUnderOtherKey(
  quality: CaptureQuality,
  { client, server, port, stack }: TcpService,
): boolean {
  return trafficUnderOtherKeys(quality, client, server, stack).some(({ conversations }) =>
    conversations.some(
      ({ protocol, portOfB, fromB }) => protocol === PROTOCOL_TCP && portOfB === port && fromB.packets > 0,
    ),
  );
}
