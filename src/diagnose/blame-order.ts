import type { Finding, Severity } from '../report/report.js';
import type { CaptureClock } from './clock.js';
import type { BlameLayer, Diagnosis, Problem } from './diagnosis.js';

/** From the bottom to the top; within a layer the more specific diagnosis explains the others by its own list. */
export const BLAME_LAYERS: readonly BlameLayer[] = [
  'capture',
  'link',
  'underlay',
  'fragments',
  'tunnel-control',
  'tunnel-data',
  'overlay-control',
  'names-and-transport',
  'application',
];

/** A problem on its way to the report. */
export interface Accused {
  readonly diagnosis: Diagnosis;
  readonly problem: Problem;
  readonly finding: Finding;
}

/**
 * Writes `causedBy` into findings that are consequences of others. A finding is a consequence only if its id is
 * listed by the cause, endpoints, direction and packet class agree, and the cause's interval covers its onset. The
 * protocol's own word (notify, RST, ICMP) is never a consequence, except of what only says it more exactly; what the
 * capture lacks is never a cause, nor is a remark (info) the cause of something loud. A cause is as severe as the worst
 * that it explains.
 */
export function assignBlame(accused: readonly Accused[], clock: CaptureClock): void {
  const causesOf = new Map<Accused, Accused[]>();
  for (const consequence of accused) {
    const causes = accused.filter(
      (cause) =>
        cause !== consequence &&
        (!consequence.diagnosis.ownWord || restates(cause, consequence)) &&
        explains(cause, consequence, clock),
    );
    if (causes.length > 0) causesOf.set(consequence, causes);
  }
  for (const [consequence, causes] of causesOf) {
    // Two findings that explain each other: the lower layer stays the cause.
    const kept = causes.filter(
      (cause) => !causesOf.get(cause)?.includes(consequence) || isLower(cause, consequence),
    );
    if (kept.length > 0) consequence.finding.causedBy = kept.map(({ finding }) => finding.key);
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

function explains(cause: Accused, consequence: Accused, clock: CaptureClock): boolean {
  return (
    cause.diagnosis.layer !== 'capture' &&
    cause.diagnosis.explains.includes(consequence.diagnosis.id) &&
    concernsSame(cause, consequence) &&
    sameDirection(cause.problem.direction, consequence.problem.direction) &&
    sameClass(cause, consequence) &&
    isLoudEnough(cause, consequence) &&
    overlaps(cause, consequence, clock)
  );
}

/** The cause says more exactly what the consequence says. */
function restates(cause: Accused, consequence: Accused): boolean {
  return cause.diagnosis.restates?.includes(consequence.diagnosis.id) ?? false;
}

/** A cause and its consequence share a pair of hosts; where one only restates the other, the whole subject. */
function concernsSame(cause: Accused, consequence: Accused): boolean {
  if (!restates(cause, consequence)) return samePair(cause.problem.pair, consequence.problem.pair);
  return JSON.stringify(cause.finding.subject) === JSON.stringify(consequence.finding.subject);
}

function isLower(a: Accused, b: Accused): boolean {
  const difference = BLAME_LAYERS.indexOf(a.diagnosis.layer) - BLAME_LAYERS.indexOf(b.diagnosis.layer);
  return difference < 0 || (difference === 0 && a.finding.key < b.finding.key);
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
