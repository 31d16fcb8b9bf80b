import { isNonEmpty, type NonEmpty } from '../moment.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';

/** A packet that was seen on both sides. */
export interface ClockSample {
  /** On A's clock. */
  readonly timeNs: Nanoseconds;
  /** Clock of B at its arrival or departure there, minus clock of A. */
  readonly differenceNs: Nanoseconds;
  /** True for packets from A to B. */
  readonly isForward: boolean;
}

/** A stretch of A's time in which one line fits: B's clock minus A's is `offsetNs + slope * (time - atNs)`. */
export interface ClockPiece {
  readonly fromNs: Nanoseconds;
  /** Of its last sample. */
  readonly toNs: Nanoseconds;
  readonly atNs: Nanoseconds;
  readonly offsetNs: Nanoseconds;
  readonly slope: number;
  /** Half of the best round trip: the offset is known no better, as asymmetry of the path cannot be seen. Null if one-way. */
  readonly halfWidthNs: Nanoseconds | null;
  readonly forwardSamples: number;
  readonly backwardSamples: number;
}

export interface ClockStep {
  readonly timeNs: Nanoseconds;
  readonly stepNs: Nanoseconds;
}

/** Bins whose best packets stand for all others: those that waited in no queue. */
const BINS = 1024;
/** Crystals are within 100 ppm, virtual machines without NTP a little worse. */
const SLOPE_MAX = 500e-6;
/** Samples that share a clock may contradict each other by the resolution of the two captures. */
const TOLERANCE_NS = 2_000;
const PIECES_MAX = 16;
/** Samples a direction below which a slope is noise. */
const SLOPE_SAMPLES_MIN = 8;
const SLOPE_SPAN_NS = 5 * NS_PER_SECOND;
const SEARCH_ROUNDS = 64;

/** Best samples of one direction, in order of time: the least differences forward, the largest backward. */
interface Envelope {
  readonly times: number[];
  readonly differences: number[];
  readonly count: number;
}

/**
 * Clock of B against clock of A. Packets from A to B arrive late, so each bounds the offset from above; packets from B
 * to A bound it from below. The line that stays clear of both by the widest margin is the clock: its slope is the skew.
 * Where no line fits, the clock has stepped.
 */
export class ClockModel {
  constructor(readonly pieces: NonEmpty<ClockPiece>) {}

  /** A clock that somebody else knows. */
  static fixed(offsetNs: Nanoseconds): ClockModel {
    return new ClockModel([
      {
        fromNs: Number.NEGATIVE_INFINITY,
        toNs: Number.POSITIVE_INFINITY,
        atNs: 0,
        offsetNs,
        slope: 0,
        halfWidthNs: 0,
        forwardSamples: 0,
        backwardSamples: 0,
      },
    ]);
  }

  /** Null where there are no samples. `samples` in any order. */
  static fit(samples: readonly ClockSample[]): ClockModel | null {
    const ordered = [...samples].sort((a, b) => a.timeNs - b.timeNs);
    const ends: number[] = [];
    for (let from = 0; from < ordered.length; from = ends[ends.length - 1]) {
      ends.push(ends.length + 1 < PIECES_MAX ? longestFit(ordered, from) : ordered.length);
    }
    const pieces = piecesOf(ordered, movedBack(ordered, ends));
    return isNonEmpty(pieces) ? new ClockModel(pieces) : null;
  }

  get isTwoWay(): boolean {
    return this.pieces.every(({ halfWidthNs }) => halfWidthNs !== null);
  }

  /**
   * B's clock minus A's at that time of A. Between the last sample before a step and the first one after it, it is the
   * lower one of both: no packet is to be taken for one that lies far ahead.
   */
  offsetAt(timeNs: Nanoseconds): Nanoseconds {
    const { pieces } = this;
    let index = 0;
    while (index + 1 < pieces.length && pieces[index + 1].fromNs <= timeNs) index++;
    const offsetNs = offsetOn(pieces[index], timeNs);
    if (index + 1 === pieces.length || timeNs <= pieces[index].toNs) return offsetNs;
    return Math.min(offsetNs, offsetOn(pieces[index + 1], timeNs));
  }

  pieceAt(timeNs: Nanoseconds): ClockPiece {
    const { pieces } = this;
    let piece = pieces[0];
    for (let index = 1; index < pieces.length && pieces[index].fromNs <= timeNs; index++)
      piece = pieces[index];
    return piece;
  }

  /** The time of A at that time of B. */
  timeOfA(timeNs: Nanoseconds): Nanoseconds {
    const { pieces } = this;
    for (let index = pieces.length - 1; index > 0; index--) {
      const before = pieces[index - 1];
      const ofA = timeOn(pieces[index], timeNs);
      const isBetween = ofA > before.toNs && timeOn(before, timeNs) > before.toNs;
      if (ofA >= pieces[index].fromNs || isBetween) return ofA;
    }
    return timeOn(pieces[0], timeNs);
  }

  /**
   * True between the last sample before a step and the first one after it, of a step of more than `leastNs`: which of
   * both clocks a packet has there is not known.
   */
  isStepping(timeNs: Nanoseconds, leastNs: Nanoseconds): boolean {
    return this.steps.some(
      ({ stepNs }, index) =>
        Math.abs(stepNs) > leastNs &&
        timeNs > this.pieces[index].toNs &&
        timeNs < this.pieces[index + 1].fromNs,
    );
  }

  get halfWidthNs(): Nanoseconds | null {
    const widths = this.pieces.map(({ halfWidthNs }) => halfWidthNs);
    return widths.reduce<number | null>((a, b) => (a === null || b === null ? null : Math.max(a, b)), 0);
  }

  get steps(): ClockStep[] {
    return this.pieces.slice(1).map((piece, index) => {
      const before = this.pieces[index];
      const atNs = piece.fromNs;
      return {
        timeNs: atNs,
        stepNs: offsetOn(piece, atNs) - offsetOn(before, atNs),
      };
    });
  }
}

function offsetOn({ offsetNs, slope, atNs }: ClockPiece, timeNs: Nanoseconds): Nanoseconds {
  return offsetNs + slope * (timeNs - atNs);
}

/** The time of A at which B's clock shows `timeNs`. */
function timeOn({ offsetNs, slope, atNs }: ClockPiece, timeNs: Nanoseconds): Nanoseconds {
  return (timeNs - offsetNs + slope * atNs) / (1 + slope);
}

/** End of the longest stretch from `from` on that one line fits. */
function longestFit(ordered: readonly ClockSample[], from: number): number {
  const fits = (to: number): boolean => {
    const [forward, backward] = envelopesOf(ordered.slice(from, to));
    return forward.count === 0 || backward.count === 0 || widest(forward, backward).width >= -TOLERANCE_NS;
  };
  if (fits(ordered.length)) return ordered.length;
  let fitting = from + 1;
  let failing = ordered.length;
  while (failing - fitting > 1) {
    const middle = (fitting + failing) >> 1;
    if (fits(middle)) fitting = middle;
    else failing = middle;
  }
  return fitting;
}

function piecesOf(ordered: readonly ClockSample[], ends: readonly number[]): ClockPiece[] {
  return ends.map((end, index) => pieceOf(ordered.slice(ends[index - 1] ?? 0, end), index === 0));
}

/**
 * A late packet contradicts no line: a step shows only by the next packet of the other direction. What came before that
 * one and lies nearer to the line after the step belongs to it.
 */
function movedBack(ordered: readonly ClockSample[], ends: readonly number[]): number[] {
  const pieces = piecesOf(ordered, ends);
  return ends.map((end, index) => {
    const after = pieces[index + 1];
    if (!after) return end;
    const first = (ends[index - 1] ?? 0) + 1;
    let moved = end;
    while (moved > first && isNearer(ordered[moved - 1], after, pieces[index])) moved--;
    return moved;
  });
}

function isNearer({ timeNs, differenceNs }: ClockSample, to: ClockPiece, than: ClockPiece): boolean {
  return Math.abs(differenceNs - offsetOn(to, timeNs)) < Math.abs(differenceNs - offsetOn(than, timeNs));
}

function pieceOf(samples: readonly ClockSample[], isFirst: boolean): ClockPiece {
  const [forward, backward] = envelopesOf(samples);
  const firstNs = samples[0].timeNs;
  const atNs = (firstNs + samples[samples.length - 1].timeNs) / 2;
  const place = {
    fromNs: isFirst ? Number.NEGATIVE_INFINITY : firstNs,
    toNs: samples[samples.length - 1].timeNs,
    atNs,
    forwardSamples: forward.count,
    backwardSamples: backward.count,
  };
  if (forward.count > 0 && backward.count > 0) {
    const { slope, width, middle } = widest(forward, backward);
    return { ...place, offsetNs: middle + slope * atNs, slope, halfWidthNs: Math.max(0, width / 2) };
  }
  const isForward = forward.count > 0;
  const only = isForward ? forward : backward;
  const sign = isForward ? 1 : -1;
  const slope = oneWaySlope(only, sign);
  const level = edge(only, slope, sign);
  return { ...place, offsetNs: level + slope * atNs, slope, halfWidthNs: null };
}

/** The least of forward and the largest of backward differences in each of BINS stretches of time. */
function envelopesOf(samples: readonly ClockSample[]): [Envelope, Envelope] {
  const firstNs = samples[0].timeNs;
  const span = samples[samples.length - 1].timeNs - firstNs;
  const width = span > 0 ? span / BINS : 1;
  const best = [new Map<number, ClockSample>(), new Map<number, ClockSample>()];
  const counts = [0, 0];
  for (const sample of samples) {
    const way = sample.isForward ? 0 : 1;
    counts[way]++;
    const bin = Math.floor((sample.timeNs - firstNs) / width);
    const known = best[way].get(bin);
    const isBetter =
      known === undefined ||
      (sample.isForward
        ? sample.differenceNs < known.differenceNs
        : sample.differenceNs > known.differenceNs);
    if (isBetter) best[way].set(bin, sample);
  }
  const envelope = (way: number): Envelope => ({
    times: [...best[way].values()].map(({ timeNs }) => timeNs),
    differences: [...best[way].values()].map(({ differenceNs }) => differenceNs),
    count: counts[way],
  });
  return [envelope(0), envelope(1)];
}

/** Where a line of that slope touches the envelope (at time 0): the least of forward (sign 1), the largest of backward (-1). */
function edge({ times, differences }: Envelope, slope: number, sign: number): number {
  let best = sign * Number.POSITIVE_INFINITY;
  for (let index = 0; index < times.length; index++) {
    const level = differences[index] - slope * times[index];
    if (sign * level < sign * best) best = level;
  }
  return best;
}

/** The slope at which the corridor between both envelopes is widest: a concave function, so a ternary search finds it. */
function widest(forward: Envelope, backward: Envelope): { slope: number; width: number; middle: number } {
  const at = (slope: number) => {
    const above = edge(forward, slope, 1);
    const below = edge(backward, slope, -1);
    return { slope, width: above - below, middle: (above + below) / 2 };
  };
  const level = at(0);
  const few = forward.count < SLOPE_SAMPLES_MIN || backward.count < SLOPE_SAMPLES_MIN;
  const isShort = spanOf(forward) < SLOPE_SPAN_NS || spanOf(backward) < SLOPE_SPAN_NS;
  if ((few || isShort) && level.width >= -TOLERANCE_NS) return level;
  let low = -SLOPE_MAX;
  let high = SLOPE_MAX;
  for (let round = 0; round < SEARCH_ROUNDS; round++) {
    const left = low + (high - low) / 3;
    const right = high - (high - low) / 3;
    if (at(left).width < at(right).width) low = left;
    else high = right;
  }
  const best = at((low + high) / 2);
  return best.width > level.width ? best : level;
}

/** One direction: the edge of the hull nearest to all points (Moon, Skelly, Towsley 1999): the least sum of distances. */
function oneWaySlope(only: Envelope, sign: number): number {
  if (only.count < SLOPE_SAMPLES_MIN || spanOf(only) < SLOPE_SPAN_NS) return 0;
  const { times, differences } = only;
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const meanDifference = differences.reduce((sum, one) => sum + one, 0) / times.length;
  // The line that stays on one side of all points and is highest (lowest) at the mean time: concave in the slope.
  const at = (slope: number): number => sign * (edge(only, slope, sign) + slope * mean - meanDifference);
  let low = -SLOPE_MAX;
  let high = SLOPE_MAX;
  for (let round = 0; round < SEARCH_ROUNDS; round++) {
    const left = low + (high - low) / 3;
    const right = high - (high - low) / 3;
    if (at(left) < at(right)) low = left;
    else high = right;
  }
  const slope = (low + high) / 2;
  // At the end of the search it is no clock but a queue that fills or empties.
  return Math.abs(slope) > SLOPE_MAX * 0.9 ? 0 : slope;
}

function spanOf({ times }: Envelope): number {
  if (times.length === 0) return 0;
  let least = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (const time of times) {
    if (time < least) least = time;
    if (time > largest) largest = time;
  }
  return largest - least;
}
