import { type Conversation, isBefore } from '../../../src/correlate/traffic.js';
import type { Evidence, Problem } from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import {
  bestOf,
  type Citation,
  type FrameRef,
  mapped,
  type NonEmpty,
  secondsBetween,
} from '../../../src/moment.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import { secondsText } from '../../../src/wording/durations.js';
import { type Refusal, refusalsJudgedBy } from './refusals.js';

/*
 * The family of "nobody listens there": a service over UDP whose port a host refuses by ICMP port unreachable.
 */

/** The refusals of packets from one host to another, in one tunnel stack. */
export interface RefusedDirection {
  readonly refusals: NonEmpty<Refusal>;
  /** The quoted packets went from `source` to `destination`. */
  readonly source: string;
  readonly destination: string;
  readonly errors: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** The refusals that a diagnosis judges, by direction, in order of first frame. */
export function refusedDirections(id: string, evidence: Evidence): RefusedDirection[] {
  return refusalsJudgedBy(id, evidence).map((refusals) => ({
    refusals,
    source: refusals[0].quoted.source,
    destination: refusals[0].quoted.destination,
    errors: refusals.reduce((sum, { count }) => sum + count, 0),
    first: refusals[0].first,
    last: bestOf(
      mapped(refusals, ({ last }) => last),
      (one, best) => isBefore(best, one),
    ),
  }));
}

/** The refusing host answered on one of those ports after the last refusal. */
export function answersAfterwards(
  { quality }: Evidence,
  { refusals, source, destination, last }: RefusedDirection,
  ports: readonly number[],
): boolean {
  const conversations = quality.traffic.between(source, destination, refusals[0].stack)?.conversations ?? [];
  return conversations.some(
    ({ protocol, portOfB, fromB }) =>
      protocol === PROTOCOL_UDP &&
      ports.includes(portOfB) &&
      fromB.last !== null &&
      isBefore(last, fromB.last),
  );
}

/** Hosts keep ICMP errors back for a second or so (Linux: icmp_ratelimit); who sends on for longer is refused no more. */
const UNREFUSED_SECONDS = 5;

/** For how long, in seconds, packets of those conversations go on after the last refusal without another one; 0: they do not. */
export function unrefusedSeconds(
  { quality }: Evidence,
  { source, destination, stack, last }: Passage,
  isRefused: (conversation: Conversation) => boolean,
): number {
  const conversations = quality.traffic.between(source, destination, stack)?.conversations ?? [];
  const longest = conversations
    .filter(isRefused)
    .map(({ fromA }) => (fromA.last === null ? 0 : secondsBetween(last, fromA.last)))
    .reduce((most, seconds) => Math.max(most, seconds || 0), 0);
  return longest >= UNREFUSED_SECONDS ? longest : 0;
}

/** From where to where packets were refused, and the last refusal. */
export interface Passage {
  readonly source: string;
  readonly destination: string;
  readonly stack: number;
  readonly last: FrameRef;
}

export function unrefusedText(seconds: number): string {
  return seconds === 0
    ? ''
    : ` For ${secondsText(seconds)} after the last of these more packets went there, and neither an answer nor an error came back.`;
}

/** As `unrefusedSeconds`, of those UDP ports. */
export function unrefusedOnPorts(
  evidence: Evidence,
  { refusals, source, destination, last }: RefusedDirection,
  ports: readonly number[],
): number {
  const passage = { source, destination, stack: refusals[0].stack, last };
  return unrefusedSeconds(
    evidence,
    passage,
    ({ protocol, portOfB }) => protocol === PROTOCOL_UDP && ports.includes(portOfB),
  );
}

/** What every finding about a refused port says; `ports` are those of the service, for the filter. */
export function refusalFacts(
  { refusals, source, destination, errors, first, last }: RefusedDirection,
  ports: readonly number[],
  isAnsweredAgain: boolean,
): Omit<Problem, 'subject' | 'explanation'> {
  const [{ family, reporter }] = refusals;
  const kind = family === 6 ? 'icmpv6.type == 1 && icmpv6.code == 4' : 'icmp.type == 3 && icmp.code == 3';
  const port = ports.map((one) => `udp.port == ${one}`).join(' || ');
  const summary = `ICMP port unreachable from ${reporter} about UDP to ${destination}`;
  return {
    result: 'problem',
    confidence: 'high',
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: refusals.every((one) => one.reporter === destination) ? 'receiver' : 'path',
    first,
    last,
    ongoingAtEnd: !isAnsweredAgain,
    counts: { errors },
    packets: { of: refusedService(refusals), lost: errors, delivered: 0, areRefused: true },
    evidence: refusals
      .flatMap(({ frames }) => frames)
      .sort((a, b) => a.frame - b.frame)
      .map((ref): Citation => ({ ...ref, summary })),
    displayFilter: `${kind} && ${pairFilter(source, destination)} && ${ports.length > 1 ? `(${port})` : port}`,
  };
}

/** The service that all of the refused packets went to, if it is one. */
function refusedService(refusals: readonly Refusal[]): string[] {
  const ports = new Set(refusals.map(({ quoted }) => quoted.destinationPort));
  const [port] = ports;
  return ports.size === 1 ? [serviceWord(PROTOCOL_UDP, port)] : [];
}
