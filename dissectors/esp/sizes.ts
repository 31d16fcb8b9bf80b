import { ONE_WAY_PACKETS_MIN, SIZE_CLASS_BYTES, SIZE_CLASSES, type SizeClass } from './session.js';

const SIZE_CLASS_SHIFT = Math.log2(SIZE_CLASS_BYTES);

/** Three counts by size class, side by side in one array, since there is one a direction of every pair of hosts. */
const ANSWERED = SIZE_CLASSES;
/** Of the current run, from its tenth packet on: shorter runs cost nothing. */
const IN_RUN = SIZE_CLASSES * 2;

/** What is kept of a packet while there are few: its class, and this bit where it was answered. */
const WAS_ANSWERED = 64;

/**
 * Lengths of the packets of one direction, and which lengths are answered. Fewer than ONE_WAY_PACKETS_MIN are kept one by one:
 * nobody asks for their counts, and most pairs of a scan or of a large site never get further within a capture.
 */
export class Sizes {
  private counts: Uint32Array | null = null;
  private readonly few: number[] = [];
  private lastClass = 0;

  /** `runPackets`: packets of the run before this one. */
  count(length: number, runPackets: number): void {
    const at = Math.min(SIZE_CLASSES - 1, length >>> SIZE_CLASS_SHIFT);
    this.lastClass = at;
    if (this.counts === null && this.few.length < ONE_WAY_PACKETS_MIN - 1) {
      this.few.push(at);
      return;
    }
    const counts = this.counts ?? this.beginCounts();
    counts[at]++;
    if (runPackets < ONE_WAY_PACKETS_MIN - 1) return;
    if (runPackets === ONE_WAY_PACKETS_MIN - 1) counts.fill(0, IN_RUN);
    counts[IN_RUN + at]++;
  }

  answer(): void {
    if (this.counts !== null) this.counts[ANSWERED + this.lastClass]++;
    else this.few[this.few.length - 1] |= WAS_ANSWERED;
  }

  list(): SizeClass[] {
    const counts = this.counts ?? this.countFew();
    return Array.from(counts.subarray(0, SIZE_CLASSES), (packets, at) => ({
      packets,
      answered: counts[ANSWERED + at],
    }));
  }

  /** Of a run of at least ONE_WAY_PACKETS_MIN packets. */
  runList(): number[] {
    return [...(this.counts ?? this.countFew()).subarray(IN_RUN)];
  }

  private beginCounts(): Uint32Array {
    this.counts = this.countFew();
    this.few.length = 0;
    return this.counts;
  }

  private countFew(): Uint32Array {
    const counts = new Uint32Array(SIZE_CLASSES * 3);
    for (const one of this.few) {
      const at = one & (WAS_ANSWERED - 1);
      counts[at]++;
      if (one !== at) counts[ANSWERED + at]++;
    }
    return counts;
  }
}
