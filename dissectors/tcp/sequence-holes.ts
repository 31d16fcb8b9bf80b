import type { Nanoseconds } from '../../src/units.js';

/** Holes kept; of more the oldest goes. */
const HOLES_KEPT = 16;

/**
 * Stretches of sequence numbers that were left out and may yet come, oldest first. Made and filled by every overtaken segment, so
 * they are numbers in arrays, not objects.
 */
export class SequenceHoles {
  private readonly from = new Int32Array(HOLES_KEPT);
  private readonly to = new Int32Array(HOLES_KEPT);
  private readonly openedNs = new Float64Array(HOLES_KEPT);
  private count = 0;

  /** Notes that `[from, to)` was left out. */
  add(from: number, to: number, openedNs: Nanoseconds): void {
    if (this.count === HOLES_KEPT) this.remove(0);
    this.from[this.count] = from;
    this.to[this.count] = to;
    this.openedNs[this.count] = openedNs;
    this.count++;
  }

  /** When the oldest hole that `[from, to)` fills, in part at least, was opened; undefined where it fills none. */
  fill(from: number, to: number): Nanoseconds | undefined {
    for (let at = 0; at < this.count; at++) {
      const holeFrom = this.from[at];
      const holeTo = this.to[at];
      if (((from - holeTo) | 0) >= 0 || ((to - holeFrom) | 0) <= 0) continue;
      const openedNs = this.openedNs[at];
      this.remove(at);
      if (((from - holeFrom) | 0) > 0) this.add(holeFrom, from, openedNs);
      if (((holeTo - to) | 0) > 0) this.add(to, holeTo, openedNs);
      return openedNs;
    }
    return undefined;
  }

  private remove(at: number): void {
    this.from.copyWithin(at, at + 1, this.count);
    this.to.copyWithin(at, at + 1, this.count);
    this.openedNs.copyWithin(at, at + 1, this.count);
    this.count--;
  }
}
