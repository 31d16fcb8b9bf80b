import type { Finding } from '../report/report.js';
import type { CaptureClock } from './clock.js';
import type { Diagnosis, Problem } from './diagnosis.js';

/** One name of a host that goes by several (behind a NAT). */
export type HostOf = (address: string) => string;

/** A problem on its way to the report. */
export interface Accused {
  readonly diagnosis: Diagnosis;
  readonly problem: Problem;
  readonly finding: Finding;
}

/** Same endpoints, and same direction where both know it. */
export function concernsSamePlace({ problem: a }: Accused, { problem: b }: Accused, hostOf: HostOf): boolean {
  return (
    samePair(named(a.pair, hostOf), named(b.pair, hostOf)) && sameDirection(a.direction, b.direction, hostOf)
  );
}

/**
 * Same endpoints and direction. What captures of both ends prove of a path takes down both directions of a conversation
 * on it, and all that runs in a tunnel between its ends.
 */
export function isAtPlaceOf(cause: Accused, consequence: Accused, hostOf: HostOf): boolean {
  if (isOfClosedSocket(cause, consequence)) return true;
  if (cause.problem.provenAtBothEnds !== true) return concernsSamePlace(cause, consequence, hostOf);
  const pair = named(cause.problem.pair, hostOf);
  return [consequence.problem.pair, ...enclosingPairs(consequence.problem)].some((other) =>
    samePair(pair, named(other, hostOf)),
  );
}

/** A program that is gone hears nothing and says nothing. */
function isOfClosedSocket({ problem: { closedSockets = [] } }: Accused, consequence: Accused): boolean {
  const { endpoints } = consequence.problem.subject;
  return Array.isArray(endpoints) && endpoints.some((endpoint) => closedSockets.includes(String(endpoint)));
}

/** Whether the first reaches into the time of the second. */
export function liesInTimeOf({ problem: a }: Accused, { problem: b }: Accused, clock: CaptureClock): boolean {
  const firstA = clock.absoluteNs(a.first);
  const lastA = clock.absoluteNs(a.last);
  const firstB = clock.absoluteNs(b.first);
  const lastB = clock.absoluteNs(b.last);
  if (firstA === null || firstB === null) return true;
  const beginsInTime = firstA <= (lastB ?? firstB) || b.ongoingAtEnd;
  return beginsInTime && (a.ongoingAtEnd || lastA === null || lastA >= firstB);
}

function named(pair: Problem['pair'], hostOf: HostOf): Problem['pair'] {
  return pair && [hostOf(pair[0]), hostOf(pair[1])];
}

/** Ends of the tunnels that a subject lies in: `inside` holds `kind key end end`. */
export function enclosingPairs({ subject }: Problem): [string, string][] {
  const { inside } = subject;
  if (!Array.isArray(inside)) return [];
  return inside.flatMap((layer): [string, string][] => {
    const [, , low, high] = String(layer).split(' ');
    return low !== undefined && high !== undefined ? [[low, high]] : [];
  });
}

function samePair(a: Problem['pair'], b: Problem['pair']): boolean {
  if (!a || !b) return false;
  return (a[0] === b[0] && a[1] === b[1]) || (a[0] === b[1] && a[1] === b[0]);
}

function sameDirection(a: Problem['direction'], b: Problem['direction'], hostOf: HostOf): boolean {
  return !a || !b || (hostOf(a.from) === hostOf(b.from) && hostOf(a.to) === hostOf(b.to));
}
