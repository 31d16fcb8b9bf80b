import { type Accused, concernsSamePlace, type HostOf, liesInTimeOf } from './accused.js';
import { BLAME_LAYERS } from './blame-graph.js';
import type { CaptureClock } from './clock.js';
import { compareFaults, type FaultKind } from './fault-kinds.js';
import { sharpness } from './packet-class.js';
import type { Suspects } from './suspects.js';

const CONFIDENCES = ['low', 'medium', 'high'];

/**
 * Of findings that are about the same lost packets the sharpest leads, the others restate it: the finding that each
 * restating one says more generally. What a protocol itself says may be a restatement; a guess (low confidence) leads
 * nothing that is surer.
 */
export function restatementsOf(
  accused: readonly Accused[],
  suspects: Suspects,
  clock: CaptureClock,
  hostOf: HostOf,
): ReadonlyMap<Accused, Accused> {
  const leaderOf = new Map<Accused, Accused>();
  for (const general of accused) {
    const leaders = suspects
      .inOrder(possibleLeaders(general, suspects))
      .filter((one) => one !== general && leads(one, general, clock, hostOf));
    const [best] = leaders.sort((a, b) => (isSharper(a, b) ? -1 : isSharper(b, a) ? 1 : 0));
    if (best) leaderOf.set(general, best);
  }
  return new Map([...leaderOf.keys()].map((general) => [general, topOf(general, leaderOf)]));
}

/** What speaks of packets of the same subject, or at the same place. */
function* possibleLeaders(general: Accused, suspects: Suspects): Iterable<Accused> {
  if (!general.problem.packets) return;
  for (const one of suspects.ofSubject(general)) if (one.problem.packets) yield one;
  for (const { members } of suspects.around(general))
    for (const one of members) if (one.problem.packets) yield one;
}

/** At the top of a chain; within a circle, which unequal counts of different ends might make, the first one. */
function topOf(general: Accused, leaderOf: Map<Accused, Accused>): Accused {
  const seen = [general];
  let top = general;
  for (let next = leaderOf.get(top); next; next = leaderOf.get(top)) {
    if (seen.includes(next)) {
      leaderOf.delete(top);
      break;
    }
    seen.push(next);
    top = next;
  }
  return top;
}

function leads(leader: Accused, general: Accused, clock: CaptureClock, hostOf: HostOf): boolean {
  if (leader.diagnosis.layer === 'capture' || !liesInTimeOf(leader, general, clock)) return false;
  if (saysLess(leader, general)) return false;
  const [sharp, wide] = [leader.problem.packets, general.problem.packets];
  return (
    sharp !== undefined &&
    wide !== undefined &&
    CONFIDENCES.indexOf(leader.finding.confidence) >=
      Math.min(1, CONFIDENCES.indexOf(general.finding.confidence)) &&
    (isOfSubject(leader, general) || concernsSamePlace(leader, general, hostOf)) &&
    sharpness(sharp, wide, isSharper(leader, general)) > 0
  );
}

function isOfSubject({ finding: a }: Accused, { finding: b }: Accused): boolean {
  return JSON.stringify(a.subject) === JSON.stringify(b.subject);
}

/** Kinds that only say that something does not come. */
const WITHOUT_CAUSE: ReadonlySet<FaultKind> = new Set(['session-down', 'silence']);

/** That nothing comes leads nothing that says why, however exactly it counts. */
function saysLess(leader: Accused, general: Accused): boolean {
  const [fault, other] = [leader, general].map(({ problem, diagnosis }) => problem.fault ?? diagnosis.fault);
  return WITHOUT_CAUSE.has(fault) && !WITHOUT_CAUSE.has(other) && compareFaults(other, fault) < 0;
}

/** Between equal counts: what knows the protocol stands above what does not, then the narrower class, then the lower layer. */
function isSharper(a: Accused, b: Accused): boolean {
  const ranks = [a, b].map(({ diagnosis, problem, finding }) => [
    diagnosis.technology === undefined ? 1 : 0,
    -(problem.packets?.of.length ?? 0),
    BLAME_LAYERS.indexOf(diagnosis.layer),
    finding.key,
  ]);
  const at = ranks[0].findIndex((value, index) => value !== ranks[1][index]);
  return at >= 0 && ranks[0][at] < ranks[1][at];
}
