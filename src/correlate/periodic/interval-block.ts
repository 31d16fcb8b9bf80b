import type { FrameId, Nanoseconds } from '../../units.js';
import { BLOCK_INTERVALS } from './cadence.js';

/** Numbers kept of an interval: its length, the frame that ended it, other datagrams meanwhile of this side and of the other. */
const WORDS = 4;
const FRAME = 1;
const OWN = 2;
const REVERSE = 3;

/** An interval with the frames around it. */
export interface LongInterval {
  readonly beforeNs: Nanoseconds;
  readonly beforeFrame: FrameId;
  readonly afterNs: Nanoseconds;
  readonly afterFrame: FrameId;
  /** Other datagrams of the flow meanwhile, of this side and of the other. */
  readonly own: number;
  readonly reverse: number;
}

/** Up to ten intervals one after the other, in one array of numbers: millions of flows never get beyond their first. */
export class IntervalBlock {
  private readonly words: number[] = [];

  constructor(
    readonly startNs: Nanoseconds,
    readonly startFrame: FrameId,
  ) {}

  get length(): number {
    return this.words.length / WORDS;
  }

  get isFull(): boolean {
    return this.words.length === BLOCK_INTERVALS * WORDS;
  }

  push(interval: Nanoseconds, frame: FrameId, own: number, reverse: number): void {
    this.words.push(interval, frame, own, reverse);
  }

  intervals(): number[] {
    return this.words.filter((_, index) => index % WORDS === 0);
  }

  /** Intervals of at least `shortestNs`, each with the number of intervals that follow it in the block. */
  longIntervals(shortestNs: Nanoseconds): { readonly long: LongInterval; readonly following: number }[] {
    const { words } = this;
    const found: { long: LongInterval; following: number }[] = [];
    let beforeNs = this.startNs;
    let beforeFrame = this.startFrame;
    for (let at = 0; at < words.length; at += WORDS) {
      const afterNs = beforeNs + words[at];
      const afterFrame = words[at + FRAME];
      if (words[at] >= shortestNs) {
        const [own, reverse] = [words[at + OWN], words[at + REVERSE]];
        const long = { beforeNs, beforeFrame, afterNs, afterFrame, own, reverse };
        found.push({ long, following: (words.length - at) / WORDS - 1 });
      }
      beforeNs = afterNs;
      beforeFrame = afterFrame;
    }
    return found;
  }
}
