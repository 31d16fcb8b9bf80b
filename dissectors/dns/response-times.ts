import { type Nanoseconds, NS_PER_MILLISECOND } from '../../src/units.js';

/** Buckets grow by this factor from 10 µs: a quantile is at most 10 % too high. */
const FACTOR = 1.1;
const SMALLEST_NS = 0.01 * NS_PER_MILLISECOND;
const BUCKETS = 180;

export const SLOW_MS = 100;
export const NEAR_SLOW_MS = 50;
/** No path and no cold cache takes that long: something times out. */
export const VERY_SLOW_SECONDS = 2;

/** BOSH DNS, systemd-resolved, dnsmasq on the host, node-local caches: on link-local and loopback addresses. */
export function isNear(address: string): boolean {
  return /^(169\.254\.|127\.|fe80:|::1$)/.test(address);
}

/** From which time on an answer of that server is slow. */
export function slowThresholdNs(address: string): Nanoseconds {
  return (isNear(address) ? NEAR_SLOW_MS : SLOW_MS) * NS_PER_MILLISECOND;
}

/** Distribution of response times in geometric buckets; 180 numbers whatever the count. */
export class ResponseTimes {
  count = 0;
  maxNs: Nanoseconds = 0;
  private readonly buckets = new Uint32Array(BUCKETS);

  add(ns: Nanoseconds): void {
    if (!(ns >= 0)) return;
    this.count++;
    this.maxNs = Math.max(this.maxNs, ns);
    this.buckets[bucketOf(ns)]++;
  }

  /** Upper edge of the bucket in which that share of the times ends (0.5: the median); NaN where there are none. */
  quantile(share: number): Nanoseconds {
    if (this.count === 0) return Number.NaN;
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.buckets[bucket];
      if (seen >= share * this.count) return Math.min(this.maxNs, SMALLEST_NS * FACTOR ** bucket);
    }
    return this.maxNs;
  }
}

function bucketOf(ns: Nanoseconds): number {
  if (ns <= SMALLEST_NS) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log(ns / SMALLEST_NS) / Math.log(FACTOR)));
}
