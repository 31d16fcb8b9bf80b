import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { isBefore } from '../../../src/correlate/traffic.js';
import type { Evidence, Judgement, Problem } from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import {
  type Relevance,
  relevanceOfPair,
  severityFor,
  tunnelPairs,
} from '../../../src/diagnose/severity-policy.js';
import { type FrameRef, mostBy } from '../../../src/moment.js';
import type { Severity } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import { endpointText } from '../../../src/wording/endpoints.js';
import { directionKey, insideWords, pairSubject } from '../../../src/wording/subjects.js';
import type { IcmpError } from '../icmp-errors.js';
import { icmpErrors } from '../icmp-errors.js';
import { wordsFor } from '../message-types.js';
import {
  citationsOf,
  type ErrorPair,
  errorFilter,
  errorPairs,
  flowWords,
  hasRecovered,
  type QuotingError,
  unusableErrors,
} from './error-pairs.js';
import { flowOfQuoted } from './refusals.js';

/** Errors that say that a packet could not be delivered, turned into judgements about pairs of hosts. */
export interface ReachabilityRule {
  /** Errors that the rule is about. */
  readonly accepts: (error: IcmpError, quality: CaptureQuality) => boolean;
  /** Of the accepted ones: pairs that are not judged, because what they show is no fault. */
  readonly isHarmless?: (pair: ErrorPair) => boolean;
  readonly severity: Severity;
}

/** Fewer reports may be a moment of a route change, or the last packets to a program that has ended. */
export const LASTING_COUNT = 3;
/** A server that goes on answering a program that has ended gives up within this time. */
const LATE_ANSWER_SECONDS = 10;

/** Problems for the pairs that errors name; healthy for the tunnel ends that no error names. */
export function* judgeReachability(evidence: Evidence, rule: ReachabilityRule): Generator<Judgement> {
  const { quality } = evidence;
  const accepted = evidence.sessions(icmpErrors).filter((error) => rule.accepts(error, quality));
  const named = new Set<string>();
  for (const pair of errorPairs(accepted)) {
    if (rule.isHarmless?.(pair)) continue;
    named.add(directionKey(pair));
    yield problemOf(quality, pair, rule.severity);
  }
  yield* unusableErrors(quality, accepted);
  yield* healthyTunnelEnds(quality, named);
}

function problemOf(quality: CaptureQuality, pair: ErrorPair, severity: Severity): Problem {
  const { source, destination, stack, errors, count, first, last, reporters } = pair;
  const recovered = errors.every((error) => hasRecovered(quality, error));
  const worst = mostBy(errors, (error) => error.count);
  const kinds = [...new Set(errors.map(({ meaning }) => wordsFor(meaning)))].join(' and ');
  const flows =
    errors.length === 1
      ? flowWords(worst.quoted)
      : `${plural(errors.length, 'flow')}, most often ${flowWords(worst.quoted)}`;
  return {
    result: 'problem',
    subject: pairSubject(quality, pair),
    severity: severityOf(quality, pair, recovered, severity),
    confidence: 'high',
    explanation:
      `${reporters.slice(0, 3).join(', ')} answered packets from ${source} to ${destination}${insideWords(quality, stack)} ` +
      `with ${plural(count, 'ICMP error')} (${kinds}); they quote ${flows}. ` +
      (recovered
        ? `${destination} was heard again after the last of them.`
        : `Nothing that would answer them came from ${destination} after the last of them.`),
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: reporters.every((reporter) => reporter === destination) ? 'receiver' : 'path',
    first: momentOf(first),
    last: momentOf(last),
    lastGood: lastHeardBefore(quality, pair),
    closedSockets: closedSocketsOf(pair),
    ongoingAtEnd: !recovered,
    packets: { of: quotedService(errors), lost: count, delivered: 0 },
    counts: { errors: count, flows: errors.length, reporters: reporters.length },
    evidence: citationsOf(pair),
    displayFilter: errorFilter(pair),
  };
}

/** The last packet that the quoted ports of the destination sent to the source before they were refused, or null. */
function lastHeardBefore(quality: CaptureQuality, { errors }: ErrorPair): FrameRef | null {
  const heard = errors.flatMap(({ quoted, stack, first }) => {
    const { source, destination, protocol, sourcePort, destinationPort } = quoted;
    const last = quality.traffic
      .between(source, destination, stack)
      ?.conversations.find(
        (one) => one.protocol === protocol && one.portOfA === sourcePort && one.portOfB === destinationPort,
      )?.fromB.last;
    return last && isBefore(last, first) ? [last] : [];
  });
  return heard.reduce<FrameRef | null>(
    (latest, one) => (latest && isBefore(one, latest) ? latest : one),
    null,
  );
}

/** Ports that the destination itself says are not in use. */
function closedSocketsOf({ errors, destination, reporters }: ErrorPair): string[] {
  if (!reporters.every((reporter) => reporter === destination)) return [];
  const closed = errors.filter(
    ({ meaning, quoted }) => meaning === 'port-unreachable' && quoted.destinationPort > 0,
  );
  return closed.map(({ quoted }) => endpointText(quoted.destination, quoted.destinationPort));
}

/** The service that all of the quoted packets go to, if it is one. */
function quotedService(errors: readonly QuotingError[]): string[] {
  const services = new Set(
    errors.map(({ quoted }) =>
      quoted.destinationPort > 0 ? serviceWord(quoted.protocol, quoted.destinationPort) : '',
    ),
  );
  const [service = ''] = services;
  return services.size === 1 && service !== '' ? [service] : [];
}

function severityOf(
  quality: CaptureQuality,
  pair: ErrorPair,
  recovered: boolean,
  severity: Severity,
): Severity {
  if (pair.errors.every((error) => isLateAnswer(quality, error))) return 'info';
  const relevance = relevanceOf(quality, pair);
  if (pair.count >= LASTING_COUNT) return severityFor(relevance, severity);
  return relevance === 'tunnel' && !recovered ? 'warning' : 'info';
}

/** The quoted packet answers a program of the destination that had asked first and is gone by now. */
function isLateAnswer(
  quality: CaptureQuality,
  { meaning, quoted, stack, first, last }: QuotingError,
): boolean {
  if (meaning !== 'port-unreachable') return false;
  const { source, destination, protocol, sourcePort, destinationPort } = quoted;
  const conversation = quality.traffic
    .between(source, destination, stack)
    ?.conversations.find(
      (one) => one.protocol === protocol && one.portOfA === sourcePort && one.portOfB === destinationPort,
    );
  const asked = conversation?.fromB.first;
  const answered = conversation?.fromA.first;
  if (!asked || !answered || !isBefore(asked, answered)) return false;
  return last.segment === first.segment && (last.timeNs - first.timeNs) / NS_PER_SECOND < LATE_ANSWER_SECONDS;
}

/** A refused port concerns the tunnel only where it is a port of the tunnel. */
function relevanceOf(quality: CaptureQuality, pair: ErrorPair): Relevance {
  const relevance = relevanceOfPair(quality, pair.source, pair.destination, pair.stack);
  if (relevance !== 'tunnel' || pair.errors.some((error) => concernsTunnel(quality, error))) return relevance;
  return 'background';
}

function concernsTunnel(quality: CaptureQuality, { meaning, quoted, stack }: QuotingError): boolean {
  if (meaning !== 'port-unreachable') return true;
  return quality.protocols.isTunnel(flowOfQuoted(quality, quoted, stack));
}

/** Ends of tunnels that talk to each other, without an error about them. */
function* healthyTunnelEnds(quality: CaptureQuality, named: ReadonlySet<string>): Generator<Judgement> {
  for (const { a, b, stack, fromA, fromB } of tunnelPairs(quality)) {
    if (fromA.packets === 0 || fromB.packets === 0) continue;
    const direction = { source: a, destination: b, stack };
    const back = { source: b, destination: a, stack };
    if (named.has(directionKey(direction)) || named.has(directionKey(back))) continue;
    yield { result: 'healthy', subject: pairSubject(quality, direction) };
  }
}
