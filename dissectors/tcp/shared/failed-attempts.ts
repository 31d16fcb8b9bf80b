import { momentOf } from '../../../src/correlate/frame-reference.js';
import type { Evidence, Judgement, Problem } from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import type { FrameRef } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { PROTOCOL_TCP } from '../../../src/wire/ip.js';
import { icmpErrors } from '../../icmp/correlator.js';
import type { TcpService } from '../session.js';
import {
  occurrencesOf,
  onlyPair,
  type ServerEndpoint,
  serverEndpoints,
  subjectOf,
} from './server-endpoint.js';

/** A host that fails at so many endpoints, that fast, is a scanner. */
export const SCAN_ENDPOINTS_MIN = 20;
export const SCAN_SECONDS = 10;

/** A host that tried many endpoints in a short time, none of which let it in. */
export interface Scanner {
  readonly client: string;
  readonly endpoints: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** What a scan is reported as: one piece of information, whatever the endpoints said. `words` say what they did. */
export function scanProblem(
  { client, endpoints, first, last }: Scanner,
  words: {
    readonly title: string;
    readonly causes: readonly string[];
    readonly outcome: string;
    readonly firstSummary: string;
    readonly lastSummary: string;
    readonly displayFilter: string;
  },
): Problem {
  return {
    result: 'problem',
    subject: { kind: 'scanner', endpoints: [client] },
    severity: 'info',
    confidence: 'medium',
    title: words.title,
    explanation: `${client} tried ${endpoints} endpoints, up to ${SCAN_ENDPOINTS_MIN} of them and more within ${SCAN_SECONDS} s; ${words.outcome}.`,
    where: 'sender',
    first: momentOf(first),
    last: momentOf(last),
    lastGood: null,
    ongoingAtEnd: false,
    counts: { endpoints },
    evidence: [
      { ...first, summary: words.firstSummary },
      { ...last, summary: words.lastSummary },
    ],
    displayFilter: words.displayFilter,
    causes: words.causes,
    nextSteps: ['Ask whose host it is and whether it is meant to scan'],
  };
}

/** The failed attempts at an endpoint, of which a finding speaks. */
export interface FailedAttempts {
  readonly endpoint: ServerEndpoint;
  readonly failing: readonly TcpService[];
  readonly lost: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** What a finding about failed attempts says, whatever became of them: refused or unanswered. */
export function attemptsProblem(
  { quality }: Pick<Evidence, 'quality'>,
  { endpoint, failing, lost, first, last }: FailedAttempts,
): Pick<Problem, 'result' | 'subject' | 'pair' | 'first' | 'last' | 'ongoingAtEnd' | 'packets'> {
  const established = occurrencesOf(endpoint, (service) => service.established);
  const pair = onlyPair(failing);
  return {
    result: 'problem',
    subject: subjectOf(quality, endpoint),
    ...(pair ? { pair } : {}),
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: !established.last || established.last.frame < last.frame,
    packets: { of: [serviceWord(PROTOCOL_TCP, endpoint.port)], lost, delivered: established.count },
  };
}

/** None was let in, and they are more than one passing trouble. */
export function areLasting(failed: FailedAttempts, lostMin: number, seconds: number): boolean {
  const isNeverIn = occurrencesOf(failed.endpoint, (service) => service.established).count === 0;
  return isNeverIn && failed.lost >= lostMin && noneSucceedsAfter(failed, seconds);
}

/** From the first failure to the last one, so many seconds at least, and behind that, no attempt was let in. */
export function noneSucceedsAfter({ endpoint, first, last }: FailedAttempts, seconds: number): boolean {
  const established = occurrencesOf(endpoint, (service) => service.established);
  return (
    (established.last === null || established.last.frame < first.frame) &&
    first.segment === last.segment &&
    last.timeNs - first.timeNs >= seconds * NS_PER_SECOND
  );
}

/**
 * Judges every server endpoint of the run but what scanners did: a scan is one finding. `failedAt`: where a client that
 * never got in failed first.
 */
export function* judgeEndpoints(
  evidence: Evidence,
  failedAt: (service: TcpService) => FrameRef | null,
  scanned: (scanner: Scanner) => Problem,
  judge: (endpoint: ServerEndpoint, scanners: ReadonlyMap<string, Scanner>) => Judgement | null,
): Generator<Judgement> {
  const endpoints = serverEndpoints(evidence);
  const scanners = scannersAmong(endpoints, failedAt);
  for (const scanner of scanners.values()) yield scanned(scanner);
  for (const endpoint of endpoints) {
    const judgement = judge(endpoint, scanners);
    if (judgement) yield judgement;
  }
}

/** Tells the services about whose attempts an ICMP error came: the error itself is reported. */
export function rejectedByIcmp(evidence: Evidence): (service: TcpService) => boolean {
  const keys = new Set<string>();
  for (const { quoted, stack } of evidence.sessions(icmpErrors)) {
    if (quoted?.protocol !== PROTOCOL_TCP) continue;
    const { source, destination, destinationPort } = quoted;
    keys.add(`${stack} ${source} ${destination} ${destinationPort}`);
  }
  return ({ client, server, port, stack }) => keys.has(`${stack} ${client} ${server} ${port}`);
}

/** Hosts that fail, by `failedAt`, at SCAN_ENDPOINTS_MIN endpoints or more within SCAN_SECONDS each. */
export function scannersAmong(
  endpoints: readonly ServerEndpoint[],
  failedAt: (service: TcpService) => FrameRef | null,
): Map<string, Scanner> {
  const byClient = new Map<string, FrameRef[]>();
  for (const { services } of endpoints) {
    for (const service of services) {
      const at = service.established.count === 0 ? failedAt(service) : null;
      if (!at) continue;
      const known = byClient.get(service.client);
      if (known) known.push(at);
      else byClient.set(service.client, [at]);
    }
  }
  const scanners = new Map<string, Scanner>();
  for (const [client, refs] of byClient) {
    if (refs.length < SCAN_ENDPOINTS_MIN) continue;
    const inOrder = [...refs].sort((a, b) => a.frame - b.frame);
    if (!isFast(inOrder)) continue;
    const [first] = inOrder;
    scanners.set(client, { client, endpoints: refs.length, first, last: inOrder[inOrder.length - 1] });
  }
  return scanners;
}

function isFast(refs: readonly FrameRef[]): boolean {
  for (let at = SCAN_ENDPOINTS_MIN - 1; at < refs.length; at++) {
    const from = refs[at - SCAN_ENDPOINTS_MIN + 1];
    if (from.segment === refs[at].segment && refs[at].timeNs - from.timeNs <= SCAN_SECONDS * NS_PER_SECOND) {
      return true;
    }
  }
  return false;
}
