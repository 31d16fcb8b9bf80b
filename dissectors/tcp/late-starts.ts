import { trafficUnderOtherKeys } from '../../src/correlate/keyless-stack.js';
import type { Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../src/diagnose/packet-class.js';
import { isNonEmpty, mostBy } from '../../src/moment.js';
import { PROTOCOL_TCP } from '../../src/wire/ip.js';
import { inOrder } from '../../src/wording/citations.js';
import { plural } from '../../src/wording/counts.js';
import { durationText } from '../../src/wording/durations.js';
import {
  clientWords,
  endpointWords,
  missingAnswers,
  occurrencesOf,
  onlyPair,
  type ServerEndpoint,
  segmentFilter,
  serverEndpoints,
  severityOf,
  subjectOf,
  sumOf,
} from './shared/server-endpoint.js';

/** Connections that start late before they are a finding, and the share of SYNs that were repeated in vain. */
export const LATE_MIN = 3;
export const LOST_SHARE_MIN = 0.02;

interface Loss {
  readonly late: number;
  readonly lost: number;
  readonly sent: number;
}

/**
 * What is said of an endpoint whose connections all come about, but some of them 1, 3, 7 … s late; null where that is
 * too little. Within a tunnel the endpoints count together, and the one with most of them speaks for it.
 */
export function lateStarts(evidence: Evidence, endpoint: ServerEndpoint): Judgement | null {
  const own = lossOf([endpoint]);
  if (own.late === 0) return null;
  if (isNotable(own)) return problemOf(evidence, endpoint, own, null);
  if (endpoint.stack === 0) return null;
  const neighbours = serverEndpoints(evidence).filter(({ stack }) => stack === endpoint.stack);
  const all = lossOf(neighbours);
  const speaker = isNonEmpty(neighbours) ? mostBy(neighbours, (one) => lossOf([one]).late) : null;
  if (speaker !== endpoint || !isNotable(all)) return null;
  return problemOf(evidence, endpoint, own, all);
}

/** ` Of the others 2 came about 1.0 s and more late, …`, or nothing. */
export function lateWords(endpoint: ServerEndpoint): string {
  const { late, lost } = lossOf([endpoint]);
  return late === 0
    ? ''
    : ` ${plural(late, 'connection')} came about late, after ${plural(lost, 'SYN')} in vain.`;
}

function lossOf(endpoints: readonly ServerEndpoint[]): Loss {
  const sum = (count: (endpoint: ServerEndpoint) => number): number =>
    endpoints.reduce((total, endpoint) => total + count(endpoint), 0);
  const late = sum((one) => sumOf(one, (service) => service.late.count));
  const lost = sum((one) => sumOf(one, ({ lostSyns }) => lostSyns));
  return { late, lost, sent: lost + sum((one) => sumOf(one, ({ attempts }) => attempts)) };
}

function isNotable({ late, lost, sent }: Loss): boolean {
  return late >= LATE_MIN && lost >= LOST_SHARE_MIN * sent;
}

function problemOf(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  own: Loss,
  tunnel: Loss | null,
): Judgement | null {
  const { quality } = evidence;
  const affected = endpoint.services.filter(({ late }) => late.count > 0);
  if (affected.every((service) => isIncomplete(evidence, service))) return null;
  const late = occurrencesOf(endpoint, (service) => service.late);
  const [latest] = affected
    .flatMap((service) => service.latest ?? [])
    .sort((a, b) => b.delayNs - a.delayNs || a.frame - b.frame);
  const first = late.first ?? latest;
  const last = late.last ?? latest;
  const pair = onlyPair(affected);
  const to = endpointWords(endpoint);
  const shown = tunnel ?? own;
  const established = sumOf(endpoint, (service) => service.established.count);
  return {
    result: 'problem',
    subject: subjectOf(quality, endpoint),
    severity: severityOf(evidence, endpoint, true),
    confidence: 'high',
    title: 'TCP connections start late: SYNs are lost',
    explanation:
      `${own.late} of ${plural(established, 'connection')} to ${to} (${clientWords(affected)}) came about only after their SYN had been repeated, ` +
      `the latest ${durationText(latest.delayNs)} late after ${latest.syns} SYNs. ` +
      `${tunnel ? 'In this tunnel' : 'Of all SYNs to it'} ${shown.lost} of ${shown.sent} (${((100 * shown.lost) / shown.sent).toFixed(1)} %) were lost, or their answers were.`,
    ...(pair ? { pair, direction: { from: pair[0], to: pair[1] } } : {}),
    where: 'unknown',
    first: { segment: first.segment, timeNs: first.timeNs },
    last: { segment: last.segment, timeNs: last.timeNs },
    lastGood: null,
    ongoingAtEnd: false,
    counts: { late: own.late, established, lostSyns: shown.lost, syns: shown.sent },
    evidence: inOrder([
      { ...first, summary: `SYN to ${to} that has to be repeated` },
      {
        ...latest,
        summary: `first of ${latest.syns} SYNs of client port ${latest.clientPort}, the latest start`,
      },
      { ...last, summary: `the last such SYN to ${to}` },
    ]),
    displayFilter: segmentFilter(quality, endpoint, pair?.[0], 'tcp.flags.syn == 1'),
    causes: [
      'Packets are lost on the path, of which a lost SYN costs a second and more',
      'The server drops SYNs: its accept queue is full, or a firewall limits new connections',
      'A stateful device drops the first packet of a flow, or SYNs with options it does not know (ECN, fast open)',
      'Datagrams arrive with wrong checksums until a retransmission goes another way (see packet.bad-checksum)',
    ],
    nextSteps: [
      'On the server: nstat -az TcpExtListenOverflows TcpExtListenDrops; ss -ltn shows the accept queue',
      'Capture at both ends: where do the first SYNs end?',
      'ping -i 0.2 -c 500 SERVER: is it a loss of all packets, or of first packets alone?',
    ],
    packets: { of: [serviceWord(PROTOCOL_TCP, endpoint.port)], lost: own.lost, delivered: established },
    packetClass: 'tcp-syn',
  };
}

/** Answers that pass elsewhere show nothing of when they came. */
function isIncomplete(evidence: Evidence, service: ServerEndpoint['services'][number]): boolean {
  const { client, server, stack } = service;
  return (
    missingAnswers(evidence.quality, service) !== null ||
    trafficUnderOtherKeys(evidence.quality, client, server, stack).length > 0
  );
}
