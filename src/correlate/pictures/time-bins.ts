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
 * A series over the time of one segment in bounded space: at most BINS bins that count from the segment's base and double their
 * width whenever a time lies beyond the last one, so that all series of a width share their edges. Only the stretch from the
 * first value to the last one is held. The result does not depend on the order of the values.
 */
export class TimeBins {
  binNs = BIN_NS_MIN;
  /** Columns that `folds` say what becomes of; read them after `binOf`, which may replace them. */
  columns: Float64Array[];
  /** Number of the bin that index 0 of the columns is. */
  first = 0;
  /** Columns that are in use: one more than the last index that was asked for. */
  used = 0;

  constructor(
    readonly segment: SegmentIndex,
    private readonly folds: readonly Fold[],
  ) {
    this.columns = folds.map(() => new Float64Array(0));
  }

  /** The index in the columns of the bin of a time; -1 where there is none. Times before the base belong to the first. */
  binOf(timeNs: Nanoseconds): number {
    if (Number.isNaN(timeNs)) return -1;
    while (timeNs >= this.binNs * BINS) this.widen();
    const bin = timeNs <= 0 ? 0 : Math.floor(timeNs / this.binNs);
    const index = bin - this.first;
    if (index >= 0 && index < this.used) return index;
    return this.extendTo(bin);
  }

  /** Makes every bin that wide or wider: a power of two times BIN_NS_MIN. */
  widenTo(binNs: Nanoseconds): void {
    while (this.binNs < binNs) this.widen();
  }

  /** Takes in another series of the same folds and segment. */
  add(other: TimeBins): void {
    this.widenTo(other.binNs);
    other.widenTo(this.binNs);
    for (let from = 0; from < other.used; from++) {
      const to = this.extendTo(other.first + from);
      for (const [index, fold] of this.folds.entries()) {
        const own = this.columns[index];
        own[to] = FOLDS[fold](own[to], other.columns[index][from]);
      }
    }
  }

  private extendTo(bin: number): number {
    const first = this.used === 0 ? bin : Math.min(this.first, bin);
    const used = Math.max(this.first + this.used, bin + 1) - first;
    if (first < this.first || used > this.columns[0].length) {
      const room = Math.min(BINS - first, Math.max(4, 2 * used));
      this.columns = this.columns.map((column, index) => {
        const wider = new Float64Array(room).fill(EMPTY[this.folds[index]]);
        wider.set(column.subarray(0, this.used), this.used === 0 ? 0 : this.first - first);
        return wider;
      });
    }
    this.first = first;
    this.used = used;
    return bin - first;
  }

  private widen(): void {
    this.binNs *= 2;
    if (this.used === 0) return;
    const { first, used } = this;
    this.first = first >> 1;
    this.used = ((first + used - 1) >> 1) - this.first + 1;
    for (const [index, fold] of this.folds.entries()) {
      const column = this.columns[index];
      const old = column.slice(0, used);
      column.fill(EMPTY[fold]);
      for (let at = 0; at < used; at++) {
        const to = ((first + at) >> 1) - this.first;
        column[to] = FOLDS[fold](column[to], old[at]);
      }
    }
  }
}
