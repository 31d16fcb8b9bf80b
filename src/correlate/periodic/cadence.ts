import { NS_PER_MILLISECOND, NS_PER_SECOND } from '../../units.js';

/*
 * What makes intervals periodic (the numbers of the decision on learned keepalives).
 */

/** Faster streams are media, games or protocols of rapid detection, which have dissectors of their own. */
export const PERIOD_NS_MIN = 0.2 * NS_PER_SECOND;
/** Spread of payload lengths within a class, in bytes. */
export const LENGTH_SPREAD_MAX = 6;
/** Intervals of a block. */
export const BLOCK_INTERVALS = 10;
/** Intervals from which a direction alone shows a period. */
export const PERIODS_MIN = 20;
/** Share of blocks that may leave the period: a stream that does so more often has none. */
const UNSTEADY_SHARE_MAX = 0.1;
/** How far medians of blocks may lie from the period. */
export const MEDIAN_TOLERANCE = 0.05;
/** An interval is regular if it is that near to the period. */
const REGULAR_TOLERANCE = 0.15;
/**
 * Regular intervals that a block needs to have a cadence at all; the others may be late or follow a loss. Intervals that
 * are spread evenly over half to one and a half periods pass with a chance of one in a hundred, two blocks with 1:10,000.
 */
const REGULAR_IN_BLOCK_MIN = 7;
/** Share of regular intervals in a stream that is too short for blocks. */
const REGULAR_SHARE_MIN = 0.8;
/** From here on at least two datagrams are missing. */
export const PAUSE_PERIODS_MIN = 2.5;
/** Datagrams that close together are repeats or a queue that empties, not two beats. */
export const REPEAT_PERIODS_MAX = 0.02;
/** An interval below that share of the period (and by that much) means that the one before it came late. */
const SHORT_SHARE = 0.75;
const SHORT_BY_NS_MIN = 50 * NS_PER_MILLISECOND;

export function isRegular(interval: number, period: number): boolean {
  return Math.abs(interval - period) <= period * REGULAR_TOLERANCE;
}

export function isSamePeriod(a: number, b: number): boolean {
  return Math.abs(a - b) <= MEDIAN_TOLERANCE * Math.min(a, b);
}

export function isShort(interval: number, period: number): boolean {
  return interval < period * SHORT_SHARE && period - interval >= SHORT_BY_NS_MIN;
}

/** Median of a few numbers, NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)];
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Whether a block has a cadence: most of its intervals lie near its own median. */
export function hasCadence(block: readonly number[], median: number): boolean {
  return regularCount(block, median) >= REGULAR_IN_BLOCK_MIN;
}

/** The period of a few intervals, NaN where they are not regular enough. */
export function periodOfFew(intervals: readonly number[]): number {
  const median = medianOf(intervals);
  return regularCount(intervals, median) >= intervals.length * REGULAR_SHARE_MIN ? median : Number.NaN;
}

function regularCount(intervals: readonly number[], period: number): number {
  return intervals.filter((interval) => isRegular(interval, period)).length;
}

/** Nearly all blocks have the same period. */
export function isSteady({
  steadyBlocks,
  unsteadyBlocks,
}: {
  readonly steadyBlocks: number;
  readonly unsteadyBlocks: number;
}): boolean {
  return steadyBlocks > 0 && unsteadyBlocks <= UNSTEADY_SHARE_MAX * (steadyBlocks + unsteadyBlocks);
}
