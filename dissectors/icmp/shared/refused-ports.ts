import { isBefore } from '../../../src/correlate/traffic.js';
import type { Evidence, Problem } from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import { bestOf, type Citation, type FrameRef, mapped, type NonEmpty } from '../../../src/moment.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
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
