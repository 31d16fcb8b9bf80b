import type { Nanoseconds } from '../../src/units.js';

/** Up to that many durations are kept as they are; beyond, only how many fell into each bucket. */
const EXACT_MAX = 32;
/** Buckets an octave: quantiles of many durations are right to about 5 %. */
const BUCKETS_PER_OCTAVE = 8;
/** Shared by all empty tallies; replaced, never written. */
const NO_DURATIONS: Nanoseconds[] = [];

/** Distribution of durations in bounded memory; what it says does not depend on the order in which they came. */
export class DurationTally {
  count = 0;
  sumNs = 0;
  minNs: Nanoseconds = Number.POSITIVE_INFINITY;
  maxNs: Nanoseconds = 0;
  /** Null once there are too many of them. */
  private exact: Nanoseconds[] | null = NO_DURATIONS;
  private buckets: Map<number, number> | null = null;

  /** NaN and negative durations (times that step back) are left out. */
  add(duration: Nanoseconds): void {
    if (!(duration >= 0)) return;
    this.count++;
    this.sumNs += duration;
    this.minNs = Math.min(this.minNs, duration);
    this.maxNs = Math.max(this.maxNs, duration);
    if (this.exact && this.exact.length < EXACT_MAX) {
      if (this.exact === NO_DURATIONS) this.exact = [duration];
      else this.exact.push(duration);
      return;
    }
    this.dissolve();
    this.addToBucket(bucketOf(duration), 1);
  }

  merge(other: DurationTally): void {
    if (other.count === 0) return;
    this.count += other.count;
    this.sumNs += other.sumNs;
    this.minNs = Math.min(this.minNs, other.minNs);
    this.maxNs = Math.max(this.maxNs, other.maxNs);
    if (this.exact && other.exact && this.exact.length + other.exact.length <= EXACT_MAX) {
      this.exact = [...this.exact, ...other.exact];
      return;
    }
    this.dissolve();
    if (other.exact) for (const duration of other.exact) this.addToBucket(bucketOf(duration), 1);
    for (const [bucket, count] of other.buckets ?? []) this.addToBucket(bucket, count);
  }

  /** The duration that a share of `share` does not exceed (nearest rank, so the lower median); 0 where there are none. */
  quantile(share: number): Nanoseconds {
    if (this.count === 0) return 0;
    const rank = Math.max(1, Math.ceil(share * this.count));
    if (this.exact) return [...this.exact].sort((a, b) => a - b)[rank - 1] ?? 0;
    let seen = 0;
    for (const [bucket, count] of [...(this.buckets ?? [])].sort(([a], [b]) => a - b)) {
      seen += count;
      if (seen >= rank) return Math.min(this.maxNs, Math.max(this.minNs, middleOf(bucket)));
    }
    return this.maxNs;
  }

  private dissolve(): void {
    if (!this.exact) return;
    for (const duration of this.exact) this.addToBucket(bucketOf(duration), 1);
    this.exact = null;
  }

  private addToBucket(bucket: number, count: number): void {
    this.buckets ??= new Map();
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + count);
  }
}

function bucketOf(duration: Nanoseconds): number {
  return Math.floor(Math.log2(Math.max(1, duration)) * BUCKETS_PER_OCTAVE);
}

function middleOf(bucket: number): Nanoseconds {
  return Math.round(2 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE));
}
