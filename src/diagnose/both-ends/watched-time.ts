import type { Comparison } from '../../compare/comparison.js';
import { otherSide, type Side } from '../../compare/side.js';
import type { Moment } from '../../moment.js';
import { NS_PER_SECOND } from '../../units.js';
import type { Problem } from '../diagnosis.js';

/** The first and last frames of two captures that run at the same time lie apart by the time between packets. */
const EDGE_SECONDS = 1;

/** True where the other side's capture ran for all of the time that a finding of `side` is about. */
export function otherSideWatched(problem: Problem, side: Side, comparison: Comparison): boolean {
  const other = otherSide(side);
  const { segments } = comparison.qualities[other];
  const edges = segments.flatMap((_, segment) => {
    const window = comparison.qualities[other].window(segment);
    return window
      ? [onClockOfA(window.first, other, comparison), onClockOfA(window.last, other, comparison)]
      : [];
  });
  const [first, last] = [problem.first, problem.last].map((moment) => onClockOfA(moment, side, comparison));
  if (edges.length === 0 || first === null || last === null || edges.includes(null)) return false;
  const times = edges.filter((time) => time !== null);
  return Math.min(...times) - EDGE_SECONDS <= first && Math.max(...times) + EDGE_SECONDS >= last;
}

/** Seconds since 1970; null where the moment has no time or the clocks are not known. */
function onClockOfA({ segment, timeNs }: Moment, side: Side, comparison: Comparison): number | null {
  const base = comparison.qualities[side].segments[segment];
  const offset = side === 'b' ? comparison.offsetSeconds : 0;
  if (!base || Number.isNaN(timeNs) || offset === null) return null;
  return Number(base.baseNs) / NS_PER_SECOND + timeNs / NS_PER_SECOND - offset;
}
