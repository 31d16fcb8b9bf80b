import type { Nanoseconds } from '../units.js';

/** Steps an octave: a quantile is right within 1.1 %. */
const STEPS = 64;
const OCTAVES = 42;

/** Delays of one direction; the extremes exact, the quantiles within about 1 %. 11 KiB. */
export class DelayHistogram {
  count = 0;
  minNs = Number.POSITIVE_INFINITY;
  maxNs = Number.NEGATIVE_INFINITY;
  private readonly counts = new Uint32Array(STEPS * OCTAVES);

  /** A negative delay (within the clock's uncertainty) counts as the smallest. */
  add(delayNs: Nanoseconds): void {
    this.count++;
    if (delayNs < this.minNs) this.minNs = delayNs;
    if (delayNs > this.maxNs) this.maxNs = delayNs;
    const step = delayNs <= 1 ? 0 : Math.floor(Math.log2(delayNs) * STEPS);
    this.counts[Math.min(step, this.counts.length - 1)]++;
  }

  /** The delay that a share `part` of all packets stays within; NaN without packets. */
  quantileNs(part: number): Nanoseconds {
    if (this.count === 0) return Number.NaN;
    const wanted = Math.max(1, Math.ceil(part * this.count));
    let passed = 0;
    for (let step = 0; step < this.counts.length; step++) {
      passed += this.counts[step];
      if (passed >= wanted) return Math.min(this.maxNs, Math.max(this.minNs, 2 ** ((step + 0.5) / STEPS)));
    }
    return this.maxNs;
  }
}
