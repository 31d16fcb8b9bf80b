import { type Nanoseconds, NS_PER_MILLISECOND, type SegmentIndex } from '../../units.js';

/** Bins of a series: as many as a picture a screen wide can show. */
export const BINS = 192;
export const BIN_NS_MIN = 10 * NS_PER_MILLISECOND;

/** What becomes of two values where two bins become one. */
export type Fold = 'sum' | 'least' | 'largest';

const FOLDS: Readonly<Record<Fold, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  least: Math.min,
  largest: Math.max,
};

const EMPTY: Readonly<Record<Fold, number>> = {
  sum: 0,
  least: Number.POSITIVE_INFINITY,
  largest: Number.NEGATIVE_INFINITY,
};

/**
 * A series over the time of one segment in fixed space: BINS bins that count from the segment's base and double their width
 * whenever a time lies beyond the last one, so that all series of a width share their edges. The result does not depend on the
 * order of the values.
 */
export class TimeBins {
  binNs = BIN_NS_MIN;
  /** One more than the last bin that was asked for. */
  used = 0;
  readonly columns: readonly Float64Array[];

  constructor(
    readonly segment: SegmentIndex,
    private readonly folds: readonly Fold[],
  ) {
    this.columns = folds.map((fold) => new Float64Array(BINS).fill(EMPTY[fold]));
  }

  /** The bin of a time; -1 where there is none. Times before the base belong to the first. */
  binOf(timeNs: Nanoseconds): number {
    if (Number.isNaN(timeNs)) return -1;
    while (timeNs >= this.binNs * BINS) this.widen();
    const bin = timeNs <= 0 ? 0 : Math.floor(timeNs / this.binNs);
    if (bin >= this.used) this.used = bin + 1;
    return bin;
  }

  /** Makes every bin that wide or wider: a power of two times BIN_NS_MIN. */
  widenTo(binNs: Nanoseconds): void {
    while (this.binNs < binNs) this.widen();
  }

  /** Takes in another series of the same folds and segment. */
  add(other: TimeBins): void {
    this.widenTo(other.binNs);
    other.widenTo(this.binNs);
    for (const [index, fold] of this.folds.entries()) {
      const [own, more] = [this.columns[index], other.columns[index]];
      for (let bin = 0; bin < BINS; bin++) own[bin] = FOLDS[fold](own[bin], more[bin]);
    }
    this.used = Math.max(this.used, other.used);
  }

  private widen(): void {
    this.binNs *= 2;
    this.used = Math.ceil(this.used / 2);
    for (const [index, fold] of this.folds.entries()) {
      const column = this.columns[index];
      for (let bin = 0; bin < BINS; bin++) {
        const [a, b] = [2 * bin, 2 * bin + 1];
        column[bin] = b < BINS ? FOLDS[fold](column[a], column[b]) : EMPTY[fold];
      }
    }
  }
}
