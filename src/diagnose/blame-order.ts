import type { Finding, Severity } from '../report/report.js';
import { BLAME_LAYERS, mayCause } from './blame-graph.js';
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

/**
 * Writes `causedBy` into findings that are consequences of others. A finding is a consequence only if it says so (a kind
 * of fault or an id, see blame-graph), endpoints, direction and packet class agree, and the cause's interval covers its onset. The
 * protocol's own word (notify, RST, ICMP) is never a consequence, except of what only says it more exactly; what the
 * capture lacks is never a cause, nor is a remark (info) the cause of something loud. A cause is as severe as the worst
 * that it explains.
 */
export function assignBlame(
  accused: readonly Accused[],
  clock: CaptureClock,
  hostOf: HostOf = (address) => address,
): void {
  for (const consequence of accused) {
    const causes = accused.filter(
      (cause) =>
        cause !== consequence &&
        (!consequence.diagnosis.ownWord || restates(cause, consequence)) &&
        explains(cause, consequence, clock, hostOf),
    );
    if (causes.length > 0) consequence.finding.causedBy = causes.map(({ finding }) => finding.key);
  }
  raiseCauses(accused);
}

const SEVERITIES: readonly Severity[] = ['info', 'warning', 'error'];

function severityRank({ finding }: Accused): number {
  return SEVERITIES.indexOf(finding.severity);
}

/** Repeated, since a cause may itself be a consequence: every chain is shorter than the list of layers. */
function raiseCauses(accused: readonly Accused[]): void {
  const byKey = new Map(accused.map((one) => [one.finding.key, one]));
  for (let round = 0; round < BLAME_LAYERS.length; round++) {
    for (const consequence of accused) {
      for (const key of consequence.finding.causedBy ?? []) {
        const cause = byKey.get(key);
        if (cause && severityRank(cause) < severityRank(consequence)) {
          cause.finding.severity = consequence.finding.severity;
        }
      }
    }
  }
}

function explains(cause: Accused, consequence: Accused, clock: CaptureClock, hostOf: HostOf): boolean {
  return (
    mayCause(cause.diagnosis, consequence.diagnosis, cause.problem.fault) &&
    isLoudEnough(cause, consequence) &&
    sameClass(cause, consequence) &&
    concernsSame(cause, consequence, hostOf) &&
    overlaps(cause, consequence, clock)
  );
}

/** The cause says more exactly what the consequence says. */
function restates(cause: Accused, consequence: Accused): boolean {
  return cause.diagnosis.restates?.includes(consequence.diagnosis.id) ?? false;
}

/** A cause and its consequence are at one place; where one only restates the other, they have the same subject. */
function concernsSame(cause: Accused, consequence: Accused, hostOf: HostOf): boolean {
  if (!restates(cause, consequence)) return isAtPlaceOf(cause, consequence, hostOf);
  return JSON.stringify(cause.finding.subject) === JSON.stringify(consequence.finding.subject);
}

/**
 * Same endpoints and direction. What captures of both ends prove of a path takes down both directions of a conversation
 * on it, and all that runs in a tunnel between its ends.
 */
function isAtPlaceOf(cause: Accused, consequence: Accused, hostOf: HostOf): boolean {
  const isPair = samePair(named(cause.problem.pair, hostOf), named(consequence.problem.pair, hostOf));
  if (cause.problem.provenAtBothEnds !== true)
    return isPair && sameDirection(cause.problem.direction, consequence.problem.direction);
  return (
    isPair ||
    enclosingPairs(consequence.problem).some((pair) =>
      samePair(named(cause.problem.pair, hostOf), named(pair, hostOf)),
    )
  );
}

function named(pair: Problem['pair'], hostOf: HostOf): Problem['pair'] {
  return pair && [hostOf(pair[0]), hostOf(pair[1])];
}

/** Ends of the tunnels that a subject lies in: `inside` holds `kind key end end`. */
function enclosingPairs({ subject }: Problem): [string, string][] {
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

function sameDirection(a: Problem['direction'], b: Problem['direction']): boolean {
  return !a || !b || (a.from === b.from && a.to === b.to);
}

/** Within an area the classes must agree; a cause of another area names by its list what it takes down. */
function sameClass(cause: Accused, consequence: Accused): boolean {
  const [a, b] = [cause.problem.packetClass, consequence.problem.packetClass];
  return a === undefined || b === undefined || a === b || areaOf(cause) !== areaOf(consequence);
}

function areaOf({ diagnosis }: Accused): string {
  return diagnosis.id.replace(/\..*/, '');
}

function isLoudEnough(cause: Accused, consequence: Accused): boolean {
  return cause.finding.severity !== 'info' || consequence.finding.severity === 'info';
}

function overlaps(cause: Accused, consequence: Accused, clock: CaptureClock): boolean {
  const causeFirst = clock.absoluteNs(cause.problem.first);
  const causeLast = clock.absoluteNs(cause.problem.last);
  const first = clock.absoluteNs(consequence.problem.first);
  const last = clock.absoluteNs(consequence.problem.last);
  if (causeFirst === null || first === null) return true;
  const beginsInTime = causeFirst <= (last ?? first) || consequence.problem.ongoingAtEnd;
  const lastsLongEnough = cause.problem.ongoingAtEnd || causeLast === null || causeLast >= first;
  return beginsInTime && lastsLongEnough;
}
