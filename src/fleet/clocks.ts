import { median } from './linked-points.js';

/** Clock of B minus clock of A, known to within the half width. */
export interface ClockDifference {
  readonly a: number;
  readonly b: number;
  readonly seconds: number;
  readonly halfWidth: number;
}

/** The clock of a point against the middle clock of all points that are linked with it. */
export interface PointClock {
  /** Index of the group of points that are linked with each other; its clocks compare. */
  readonly group: number;
  /** Clock of the point minus the middle clock. */
  readonly offsetSeconds: number;
  /** What the differences that concern the point contradict each other by, beyond their own width. */
  readonly strainSeconds: number;
}

const ROUNDS = 60;
/** No two captures are known to each other better than this. */
const WIDTH_LEAST = 1e-6;

/**
 * One clock a point that fits all differences between pairs: first along the tree of the surest ones, then evened out by
 * the rest, each by how sure it is.
 */
export function solveClocks(count: number, differences: readonly ClockDifference[]): PointClock[] {
  const groupOf = Array.from({ length: count }, (_, point) => point);
  const offsets = new Array<number>(count).fill(0);
  const members = groupOf.map((point) => [point]);
  const sure = [...differences].sort((x, y) => x.halfWidth - y.halfWidth || x.a - y.a || x.b - y.b);
  for (const { a, b, seconds } of sure) {
    const [kept, joined] = [groupOf[a], groupOf[b]];
    if (kept === joined) continue;
    const shift = offsets[a] + seconds - offsets[b];
    for (const point of members[joined]) {
      offsets[point] += shift;
      groupOf[point] = kept;
    }
    members[kept].push(...members[joined]);
    members[joined] = [];
  }
  evenOut(offsets, differences);
  const middle = members.map((points) => median(points.map((point) => offsets[point])));
  const centred = offsets.map((offset, point) => offset - middle[groupOf[point]]);
  return centred.map((offsetSeconds, point) => ({
    group: groupOf[point],
    offsetSeconds,
    strainSeconds: strainOf(point, centred, differences),
  }));
}

function evenOut(offsets: number[], differences: readonly ClockDifference[]): void {
  const of = offsets.map((_, point) => differences.filter(({ a, b }) => a === point || b === point));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [point, own] of of.entries()) {
      let [sum, weights] = [0, 0];
      for (const { a, b, seconds, halfWidth } of own) {
        const weight = 1 / Math.max(WIDTH_LEAST, halfWidth) ** 2;
        sum += weight * (a === point ? offsets[b] - seconds : offsets[a] + seconds);
        weights += weight;
      }
      if (weights > 0) offsets[point] = sum / weights;
    }
  }
}

function strainOf(
  point: number,
  offsets: readonly number[],
  differences: readonly ClockDifference[],
): number {
  const strains = differences
    .filter(({ a, b }) => a === point || b === point)
    .map(({ a, b, seconds, halfWidth }) => Math.abs(offsets[b] - offsets[a] - seconds) - halfWidth);
  return Math.max(0, ...strains);
}
