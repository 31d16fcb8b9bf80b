import { ONE_WAY_PACKETS_MIN, SIZE_CLASS_BYTES, SIZE_CLASSES, type SizeClass } from './session.js';

const SIZE_CLASS_SHIFT = Math.log2(SIZE_CLASS_BYTES);

/** Lengths of the packets of one direction, and which lengths are answered. */
export class Sizes {
  private readonly packets = new Uint32Array(SIZE_CLASSES);
  private readonly answered = new Uint32Array(SIZE_CLASSES);
  /** Of the current run, from its tenth packet on: shorter runs cost nothing. */
  private readonly inRun = new Uint32Array(SIZE_CLASSES);
  private lastClass = 0;

  /** `runPackets`: packets of the run before this one. */
  count(length: number, runPackets: number): void {
    const at = Math.min(SIZE_CLASSES - 1, length >>> SIZE_CLASS_SHIFT);
    this.lastClass = at;
    this.packets[at]++;
    if (runPackets < ONE_WAY_PACKETS_MIN - 1) return;
    if (runPackets === ONE_WAY_PACKETS_MIN - 1) this.inRun.fill(0);
    this.inRun[at]++;
  }

  answer(): void {
    this.answered[this.lastClass]++;
  }

  list(): SizeClass[] {
    return Array.from(this.packets, (packets, at) => ({ packets, answered: this.answered[at] }));
  }

  runList(): number[] {
    return [...this.inRun];
  }
}
