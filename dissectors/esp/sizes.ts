import { ONE_WAY_PACKETS_MIN, SIZE_CLASS_BYTES, SIZE_CLASSES, type SizeClass } from './session.js';

const SIZE_CLASS_SHIFT = Math.log2(SIZE_CLASS_BYTES);

/** Three counts by size class, side by side in one array, since there is one a direction of every pair of hosts. */
const ANSWERED = SIZE_CLASSES;
/** Of the current run, from its tenth packet on: shorter runs cost nothing. */
const IN_RUN = SIZE_CLASSES * 2;

/** Lengths of the packets of one direction, and which lengths are answered. */
export class Sizes {
  private readonly counts = new Uint32Array(SIZE_CLASSES * 3);
  private lastClass = 0;

  /** `runPackets`: packets of the run before this one. */
  count(length: number, runPackets: number): void {
    const { counts } = this;
    const at = Math.min(SIZE_CLASSES - 1, length >>> SIZE_CLASS_SHIFT);
    this.lastClass = at;
    counts[at]++;
    if (runPackets < ONE_WAY_PACKETS_MIN - 1) return;
    if (runPackets === ONE_WAY_PACKETS_MIN - 1) counts.fill(0, IN_RUN);
    counts[IN_RUN + at]++;
  }

  answer(): void {
    this.counts[ANSWERED + this.lastClass]++;
  }

  list(): SizeClass[] {
    return Array.from(this.counts.subarray(0, SIZE_CLASSES), (packets, at) => ({
      packets,
      answered: this.counts[ANSWERED + at],
    }));
  }

  runList(): number[] {
    return [...this.counts.subarray(IN_RUN)];
  }
}
