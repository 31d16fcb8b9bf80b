import type { Severity } from '../report/report.js';
import { type Accused, type HostOf, isAtPlaceOf, liesInTimeOf } from './accused.js';
import { BLAME_LAYERS, mayCause } from './blame-graph.js';
import type { CaptureClock } from './clock.js';
import { restatementsOf } from './restatements.js';
import { isConsequenceOf, joinStatedCauses } from './stated-causes.js';
import { Suspects } from './suspects.js';

export type { Accused, HostOf } from './accused.js';

/**
 * Writes `causedBy` into findings that are consequences of others, and `restatementOf` into those that only say more
 * generally what another one says of the same packets (see restatements). A finding is a consequence only if it says so
 * (a kind of fault or an id, see blame-graph), endpoints, direction and packet class agree, and the cause began first
 * and reaches into its time. What a protocol itself says (notify, RST, ICMP) is never a consequence; what the capture
 * lacks is never a cause, nor is a remark (info) the cause of an error or a warning. A cause is as severe as the worst that it
 * explains.
 */
export function assignBlame(
  accused: readonly Accused[],
  clock: CaptureClock,
  hostOf: HostOf = (address) => address,
): void {
  const suspects = new Suspects(accused, hostOf);
  const leaderOf = restatementsOf(accused, suspects, clock, hostOf);
  const causesOf = new Map<Accused, Set<Accused>>();
  for (const consequence of accused) {
    if (leaderOf.has(consequence) || consequence.diagnosis.explicitSignal) continue;
    const causes = suspects
      .around(consequence)
      .filter(({ diagnosis, fault }) => mayCause(diagnosis, consequence.diagnosis, fault))
      .flatMap(({ members }) => members)
      .filter((cause) => leaderOf.get(cause) !== consequence && explains(cause, consequence, clock, hostOf));
    if (causes.length > 0) causesOf.set(consequence, new Set(suspects.inOrder(causes)));
  }
  for (const [general, leader] of leaderOf) {
    for (const [consequence, causes] of causesOf) {
      if (!causes.delete(general)) continue;
      // What the general finding explains, the sharp one does; unless it follows from that itself.
      if (leader !== consequence && !isConsequenceOf(leader, consequence, causesOf)) causes.add(leader);
    }
    general.finding.restatementOf = leader.finding.key;
    general.finding.causedBy = [leader.finding.key];
  }
  joinStatedCauses(accused, causesOf, leaderOf);
  for (const [consequence, causes] of causesOf)
    if (causes.size > 0) consequence.finding.causedBy = [...causes].map(({ finding }) => finding.key);
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

/** Of a cause of a kind that comes into question. */
function explains(cause: Accused, consequence: Accused, clock: CaptureClock, hostOf: HostOf): boolean {
  return (
    isLoudEnough(cause, consequence) &&
    sameClass(cause, consequence) &&
    isAtPlaceOf(cause, consequence, hostOf) &&
    liesInTimeOf(cause, consequence, clock) &&
    beganFirst(cause, consequence, clock)
  );
}

const NS_PER_SECOND = 1e9;
/** What is sent when a fault begins may be under way, and its effect shows before the next packet does. */
const SLACK_SECONDS = 1;

/**
 * False where packets of the cause still arrived when the consequence had begun, or where the cause began later by more
 * than the time after which it is noticed.
 */
function beganFirst({ diagnosis, problem }: Accused, consequence: Accused, clock: CaptureClock): boolean {
  const onset = clock.absoluteNs(consequence.problem.first);
  const first = clock.absoluteNs(problem.first);
  if (onset === null || first === null) return true;
  const lastGood = problem.lastGood ? clock.absoluteNs(problem.lastGood) : null;
  const isSlackOver = (later: bigint, seconds: number): boolean =>
    Number(later - onset) > seconds * NS_PER_SECOND;
  if (lastGood !== null && lastGood <= first && isSlackOver(lastGood, SLACK_SECONDS)) return false;
  return !isSlackOver(first, SLACK_SECONDS + (diagnosis.noticedAfterSeconds ?? 0));
}

/** Within an area the classes must agree; a cause of another area is told by the kind of its fault. */
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
