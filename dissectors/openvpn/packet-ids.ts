import {
  type FrameId,
  type Nanoseconds,
  NS_PER_MILLISECOND,
  NS_PER_SECOND,
  type SegmentIndex,
} from '../../src/units.js';
import type { PacketIdCounts, PacketIdGap } from './session.js';

/** Ids below the highest one that are remembered one by one; a power of two. */
const WINDOW = 2048;
const WINDOW_MASK = WINDOW - 1;
/** Gaps kept one by one: the first half of them, and the largest. */
const GAPS_KEPT = 32;
const FIRST_GAPS_KEPT = 16;
/** A first id this low, this far behind: the sender counts anew. */
const RESTART_ID_MAX = 16;
const RESTART_DISTANCE = 32;
/** A step that would have taken a rate this many times the mean is a jump of the sender. */
const JUMP_RATE_FACTOR = 20;
const JUMP_MIN = 1024;
/** Steps that must be small before the four bytes are taken for packet ids, and how many may not. */
const PROOF_STEPS = 10;
const SMALL_STEP_MAX = 4096;
const MISFITS_MAX = 2;

/**
 * Ids of one key in one direction. Exact as long as late packets come within WINDOW of the highest id. What looks like
 * a new start or a jump of the sender is no loss. Bounded: 256 bytes of window, GAPS_KEPT gaps.
 */
class PacketIdTracker {
  highest = 0;
  distinct = 0;
  missing = 0;
  duplicates = 0;
  reordered = 0;
  gapCount = 0;
  readonly gaps: PacketIdGap[] = [];
  /** Small steps forward or back, and others. */
  steps = 0;
  misfits = 0;
  private readonly window = new Uint32Array(WINDOW / 32);
  private reach = 0;
  private startNs: Nanoseconds = Number.NaN;
  private lastNs: Nanoseconds = Number.NaN;
  private lastFrame: FrameId = 0;

  constructor(private readonly segment: SegmentIndex) {}

  observe(id: number, ns: Nanoseconds, frame: FrameId): void {
    if (this.distinct === 0) {
      this.startNs = ns;
      this.begin(id);
    } else {
      const delta = id - this.highest;
      if (delta !== 0 && Math.abs(delta) <= SMALL_STEP_MAX) this.steps++;
      else this.misfits++;
      if (delta > 0) this.advance(id, delta, ns, frame);
      else this.observeOld(id, -delta);
    }
    this.lastNs = ns;
    this.lastFrame = frame;
  }

  private begin(id: number): void {
    this.window.fill(0);
    this.highest = id;
    this.distinct++;
    this.reach = 0;
    this.mark(id);
  }

  private advance(id: number, delta: number, ns: Nanoseconds, frame: FrameId): void {
    if (delta > JUMP_MIN && this.isJump(delta, ns)) return this.begin(id);
    if (delta >= WINDOW) this.window.fill(0);
    else for (let step = 1; step <= delta; step++) this.clear(this.highest + step);
    if (delta > 1) this.noteGap(delta - 1, ns, frame);
    this.highest = id;
    this.reach += delta;
    this.distinct++;
    this.mark(id);
  }

  /** Unknown times count as a jump: loss is claimed only where it is certain. */
  private isJump(delta: number, ns: Nanoseconds): boolean {
    const elapsed = Math.max(this.lastNs - this.startNs, NS_PER_SECOND);
    const rate = this.distinct / elapsed;
    return !(delta / Math.max(ns - this.lastNs, NS_PER_MILLISECOND) <= JUMP_RATE_FACTOR * rate);
  }

  private noteGap(length: number, ns: Nanoseconds, frame: FrameId): void {
    this.missing += length;
    this.gapCount++;
    const { segment } = this;
    const gap: PacketIdGap = {
      packetId: this.highest + 1,
      length,
      missing: length,
      before: { frame: this.lastFrame, timeNs: this.lastNs, segment },
      after: { frame, timeNs: ns, segment },
    };
    if (this.gaps.length < GAPS_KEPT) {
      this.gaps.push(gap);
      return;
    }
    let smallest = FIRST_GAPS_KEPT;
    for (let at = smallest + 1; at < GAPS_KEPT; at++) {
      if (this.gaps[at].missing < this.gaps[smallest].missing) smallest = at;
    }
    if (this.gaps[smallest].missing >= gap.missing) return;
    this.gaps.splice(smallest, 1);
    this.gaps.push(gap);
  }

  private observeOld(id: number, distance: number): void {
    const isMarked = distance < WINDOW && this.isMarked(id);
    const isNewStart = id <= RESTART_ID_MAX && distance >= RESTART_DISTANCE && !isMarked;
    if (isNewStart && distance > this.reach) return this.begin(id);
    if (distance >= WINDOW) {
      if (id <= RESTART_ID_MAX) this.begin(id);
      return;
    }
    if (isMarked) {
      this.duplicates++;
      return;
    }
    this.mark(id);
    this.distinct++;
    this.reordered++;
    if (distance > this.reach) {
      this.missing += distance - this.reach - 1;
      this.reach = distance;
      return;
    }
    this.missing--;
    for (let at = this.gaps.length - 1; at >= 0; at--) {
      const gap = this.gaps[at];
      if (id < gap.packetId || id >= gap.packetId + gap.length) continue;
      gap.missing--;
      if (gap.missing === 0) this.gaps.splice(at, 1);
      return;
    }
  }

  private mark(id: number): void {
    this.window[(id & WINDOW_MASK) >>> 5] |= 1 << (id & 31);
  }

  private clear(id: number): void {
    this.window[(id & WINDOW_MASK) >>> 5] &= ~(1 << (id & 31));
  }

  private isMarked(id: number): boolean {
    return (this.window[(id & WINDOW_MASK) >>> 5] & (1 << (id & 31))) !== 0;
  }

  /** Whether the numbers behave as packet ids do. */
  get isProven(): boolean {
    return this.steps >= PROOF_STEPS && this.misfits * PROOF_STEPS <= this.steps;
  }

  get isRefuted(): boolean {
    return this.misfits > MISFITS_MAX && this.misfits * PROOF_STEPS > this.steps;
  }
}

/**
 * Packet ids of one direction, key by key: whether they can be read at all shows in the first packets. The ids of
 * AEAD ciphers are the first four bytes, those with an epoch the low four of eight; of other ciphers, neither counts up.
 */
export class PacketIdReader {
  private short: PacketIdTracker | null;
  private long: PacketIdTracker | null;
  private epoch = -1;

  constructor(
    private readonly segment: SegmentIndex,
    readonly keyId: number,
    /** Version 2 of data: epochs exist there only. */
    mayHaveEpochs: boolean,
  ) {
    this.short = new PacketIdTracker(segment);
    this.long = mayHaveEpochs ? new PacketIdTracker(segment) : null;
  }

  observe(head: number, tail: number, ns: Nanoseconds, frame: FrameId): void {
    const { short, long } = this;
    if (short) {
      short.observe(head, ns, frame);
      if (short.isRefuted) this.short = null;
      else if (short.isProven) this.long = null;
    }
    if (!long || this.long === null) return;
    // Epoch in the upper 16 bits, and a counter that starts anew with each.
    if (head & 0xffff || head === 0) this.long = null;
    else if (head !== this.epoch) {
      const isFirst = this.epoch < 0;
      this.epoch = head;
      if (!isFirst && !long.isProven) this.long = new PacketIdTracker(this.segment);
    }
    if (this.long) {
      this.long.observe(tail, ns, frame);
      if (this.long.isRefuted) this.long = null;
    }
  }

  /** The ids, once they are proven to be such. */
  get proven(): PacketIdTracker | null {
    if (this.short?.isProven) return this.short;
    return this.long?.isProven ? this.long : null;
  }

  get hasEpochs(): boolean {
    return !this.short?.isProven && this.long?.isProven === true;
  }

  /** Neither reading is possible any more: the ids are encrypted. */
  get isHidden(): boolean {
    return this.short === null && this.long === null;
  }
}

/** Sum over the keys of a direction; null without any that could be read. */
export function sumPacketIds(readers: readonly PacketIdReader[]): PacketIdCounts | null {
  const trackers = readers.flatMap(({ proven }) => (proven ? [proven] : []));
  if (trackers.length === 0) return null;
  const sum = (count: (tracker: PacketIdTracker) => number): number =>
    trackers.reduce((total, tracker) => total + count(tracker), 0);
  return {
    distinct: sum(({ distinct }) => distinct),
    missing: sum(({ missing }) => missing),
    duplicates: sum(({ duplicates }) => duplicates),
    reordered: sum(({ reordered }) => reordered),
    gapCount: sum(({ gapCount }) => gapCount),
    gaps: trackers
      .flatMap(({ gaps }) => gaps.map((gap) => ({ ...gap })))
      .sort((a, b) => a.after.frame - b.after.frame),
    hasEpochs: readers.some(({ hasEpochs }) => hasEpochs),
  };
}
