import type { Accused } from './accused.js';
import { BLAME_LAYERS } from './blame-graph.js';

const SEVERITIES = ['error', 'warning', 'info'];

/**
 * Joins what a side file states with what packets show of it into one finding: that of the packets leads and carries the
 * statement as its cause and first remedy, the statement becomes its restatement. Where several findings of the packets
 * follow from one statement, the others are consequences of the one that leads; where there is none, the statement stands
 * for itself. `causesOf` is changed accordingly.
 */
export function joinStatedCauses(
  accused: readonly Accused[],
  causesOf: ReadonlyMap<Accused, Set<Accused>>,
  leaderOf: ReadonlyMap<Accused, Accused>,
): void {
  for (const stated of accused) {
    const { statedCause } = stated.problem;
    if (statedCause === undefined) continue;
    const shown = accused.filter((one) => isShownBy(one, stated, causesOf));
    const leader = leaderOf.get(stated) ?? shown.sort((a, b) => compare(a, b, causesOf))[0];
    if (leader === undefined || leader.problem.statedCause !== undefined) continue;
    carry(leader, stated, statedCause);
    if (leaderOf.has(stated)) continue;
    for (const [consequence, causes] of causesOf) {
      if (!causes.delete(stated)) continue;
      if (consequence !== leader && !isConsequenceOf(leader, consequence, causesOf)) causes.add(leader);
    }
    stated.finding.restatementOf = leader.finding.key;
    stated.finding.causedBy = [leader.finding.key];
  }
}

/** An error or warning of the same tunnel or control that follows from what is stated. */
function isShownBy(
  one: Accused,
  { problem, finding }: Accused,
  causesOf: ReadonlyMap<Accused, ReadonlySet<Accused>>,
): boolean {
  const { statedCause } = problem;
  if (statedCause === undefined || one.finding.severity === 'info' || one.problem.statedCause !== undefined)
    return false;
  if (one.diagnosis.technology !== statedCause.technology) return false;
  return [...(causesOf.get(one) ?? [])].some((cause) => cause.finding === finding);
}

/** What follows from nothing else first, then the most severe, the lowest layer. */
function compare(a: Accused, b: Accused, causesOf: ReadonlyMap<Accused, ReadonlySet<Accused>>): number {
  const rank = (one: Accused): (number | string)[] => [
    causesOf.get(one)?.size ?? 0,
    SEVERITIES.indexOf(one.finding.severity),
    BLAME_LAYERS.indexOf(one.diagnosis.layer),
    one.finding.key,
  ];
  const [ofA, ofB] = [rank(a), rank(b)];
  const at = ofA.findIndex((value, index) => value !== ofB[index]);
  return at < 0 ? 0 : ofA[at] < ofB[at] ? -1 : 1;
}

function carry(
  { finding }: Accused,
  { finding: stated }: Accused,
  { cause, isProven, remedies }: StatedCause,
): void {
  // Packets alone leave open who drops them; a rule that counted them does not.
  if (isProven) {
    finding.confidence = stated.confidence;
    if (finding.where === 'unknown') finding.where = stated.where;
  }
  finding.causes = isProven ? [cause] : [cause, ...finding.causes];
  finding.nextSteps = [...remedies, ...finding.nextSteps];
}

type StatedCause = NonNullable<Accused['problem']['statedCause']>;

/** Whether `one` is a consequence of `other`, over any number of steps. */
export function isConsequenceOf(
  one: Accused,
  other: Accused,
  causesOf: ReadonlyMap<Accused, ReadonlySet<Accused>>,
): boolean {
  const reached = new Set([one]);
  for (const finding of reached) for (const cause of causesOf.get(finding) ?? []) reached.add(cause);
  return reached.has(other);
}
