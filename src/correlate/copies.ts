import type { Slot } from '../observe/slot.js';
import { type FrameId, frameId, type Nanoseconds, NS_PER_MILLISECOND, type SegmentIndex } from '../units.js';

/** Copies through local bridges arrive in under 1 ms; the margin is for busy hosts. */
const COPY_WINDOW_NS = 20 * NS_PER_MILLISECOND;
/** Share of doubled frames above which copies need no proof of a second tap. */
const DOUBLED_SHARE = 0.3;
/** Frames after which that share no longer changes. */
const SHARE_FRAMES_MAX = 10_000;
/**
 * Packets remembered; a power of two. Older ones are overwritten: copies follow each other within microseconds, and a
 * small table stays in the cache.
 */
const SEEN_CAPACITY = 1 << 11;
/** Taps that may show one packet alike; a packet that comes more often is sent more often. */
const EQUAL_TAPS_MAX = 4;
/** Words of a remembered packet, side by side so that looking one up touches one cache line. */
const SEEN_WORDS = 4;
const SEEN_LOW = 0;
const SEEN_HIGH = 1;
const SEEN_LINK = 2;
/** Interface index in the upper, TTL in the lower bits. */
const SEEN_TAP = 3;

export interface CopyPair {
  readonly original: FrameId;
  readonly copy: FrameId;
  readonly segment: SegmentIndex;
  readonly originalNs: Nanoseconds;
  readonly copyNs: Nanoseconds;
}

const PAIRS_KEPT = 10;

/**
 * Tells copies of a frame (a second tap saw the same packet) from duplicates on the network. A copy has an equal
 * fingerprint within 20 ms and proof of a second tap: other link-layer addresses or direction, another interface or
 * another TTL. Without proof it counts as a copy only while at least 30 % of the packets so far (of the first 10,000
 * frames) are doubled, and it is at most the fourth: a flood of equal packets is one packet there, and no copies.
 */
export class CopyDetector {
  /** Frames with an IP header. */
  frames = 0;
  copies = 0;
  /** Equal packets within the window without proof of a second tap. */
  repeats = 0;
  readonly pairs: CopyPair[] = [];

  private doubled = 0;
  private readonly words = new Int32Array(SEEN_CAPACITY * SEEN_WORDS);
  private readonly timeNs = new Float64Array(SEEN_CAPACITY).fill(Number.NEGATIVE_INFINITY);
  private readonly frame = new Float64Array(SEEN_CAPACITY);
  /** How often each was seen, up to 255. */
  private readonly transmissions = new Uint8Array(SEEN_CAPACITY);
  private isCopy = new Uint8Array(1024);

  /** Times of the next segment do not compare with what was seen. */
  endSegment(): void {
    this.timeNs.fill(Number.NEGATIVE_INFINITY);
  }

  /**
   * Looks at the frames of a round.
   * @returns by frame index, 1 for copies; null where there are none.
   */
  detect(slot: Slot): Uint8Array | null {
    const { fingerprints, chunk } = slot;
    const { frames } = chunk;
    if (this.isCopy.length < chunk.frameCount) this.isCopy = new Uint8Array(chunk.frameCount);
    let found = 0;
    for (let row = 0; row < fingerprints.rows.length; row++) {
      const index = fingerprints.rows.frame[row];
      this.frames++;
      const seen = fingerprints.low[row] & (SEEN_CAPACITY - 1);
      const timeNs = frames.timeNs[index];
      const isRepeat =
        this.words[seen * SEEN_WORDS + SEEN_LOW] === fingerprints.low[row] &&
        this.words[seen * SEEN_WORDS + SEEN_HIGH] === fingerprints.high[row] &&
        timeNs - this.timeNs[seen] <= COPY_WINDOW_NS;
      if (!isRepeat) {
        this.remember(slot, row, index, seen, timeNs);
        continue;
      }
      if (this.transmissions[seen] < 255) this.transmissions[seen]++;
      const isFlood = this.transmissions[seen] > EQUAL_TAPS_MAX;
      if (this.frames <= SHARE_FRAMES_MAX) this.countRepeat(this.transmissions[seen]);
      if (this.hasProof(slot, row, index, seen) || (!isFlood && this.isDoubledCapture())) {
        if (found === 0) this.isCopy.fill(0, 0, chunk.frameCount);
        found++;
        this.isCopy[index] = 1;
        this.noteCopy(slot, index, seen);
      } else {
        this.repeats++;
      }
    }
    return found > 0 ? this.isCopy : null;
  }

  /** What comes too often for copies was no copy before either. */
  private countRepeat(transmissions: number): void {
    if (transmissions <= EQUAL_TAPS_MAX) this.doubled++;
    else if (transmissions === EQUAL_TAPS_MAX + 1) this.doubled -= EQUAL_TAPS_MAX - 1;
  }

  private hasProof(slot: Slot, row: number, index: number, seen: number): boolean {
    const at = seen * SEEN_WORDS;
    return (
      this.words[at + SEEN_LINK] !== slot.fingerprints.link[row] ||
      this.words[at + SEEN_TAP] !== tapOf(slot, row, index)
    );
  }

  private isDoubledCapture(): boolean {
    return this.doubled >= Math.min(this.frames, SHARE_FRAMES_MAX) * DOUBLED_SHARE;
  }

  private remember(slot: Slot, row: number, index: number, seen: number, timeNs: Nanoseconds): void {
    const at = seen * SEEN_WORDS;
    this.words[at + SEEN_LOW] = slot.fingerprints.low[row];
    this.words[at + SEEN_HIGH] = slot.fingerprints.high[row];
    this.words[at + SEEN_LINK] = slot.fingerprints.link[row];
    this.words[at + SEEN_TAP] = tapOf(slot, row, index);
    this.timeNs[seen] = timeNs;
    this.transmissions[seen] = 1;
    this.frame[seen] = frameId(slot.chunk.frames.capture[index], slot.chunk.frames.number[index]);
  }

  private noteCopy({ chunk }: Slot, index: number, seen: number): void {
    this.copies++;
    if (this.pairs.length >= PAIRS_KEPT) return;
    const { capture, number, timeNs } = chunk.frames;
    this.pairs.push({
      original: this.frame[seen],
      copy: frameId(capture[index], number[index]),
      segment: chunk.segment,
      originalNs: this.timeNs[seen],
      copyNs: timeNs[index],
    });
  }
}

function tapOf(slot: Slot, row: number, index: number): number {
  return (slot.chunk.frames.interfaceIndex[index] << 8) | slot.fingerprints.timeToLive[row];
}
