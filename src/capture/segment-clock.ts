// Decides for every frame which time segment it belongs to. Walkers hand over only the frames whose
// time is not an ordinary step from the last one, so nothing here runs for a frame of a quiet capture.

import { absoluteNs } from '../units.js';
import { countSkipped } from './capture-facts.js';
import type { CaptureFacts, TimeSegment } from './capture-source.js';
import { MARK_NO_TIME } from './frame-marks.js';
import type { ReadWindow, RecordWalker } from './read-window.js';

/** Back by more than this: another clock. Also the left edge of an ordinary step. */
export const BACKWARD_STEP_NS = 10e9;
/** A frame further than this off both neighbours is an outlier. Also the right edge of an ordinary step. */
export const OUTLIER_NS = 3600e9;
const FORWARD_STEP_NS = 86_400e9;
/** 2^53 ns are 104.2 days. */
const SPAN_NS = 100 * 86_400e9;
const SEGMENT_COUNT_MAX = 4096;
const TEN_YEARS_NS = BigInt(3653 * 86_400) * 1_000_000_000n;
const HELD_ROW_COUNT_MAX = 4;

/** Where the last file ended, for the file that may continue it. */
export interface SequenceEnd {
  readonly lastTimeNs: bigint;
  readonly segmentIndex: number;
}

interface OpenSegment extends TimeSegment {
  baseNs: bigint;
  clock: 'absolute' | 'relative';
}

type Verdict = 'accepted' | 'step-forward' | 'step-backward';
/** Where frames of another file or section begin. */
type Boundary = 'file' | 'section';

export class SegmentClock {
  /** Last time of the segment, or NaN where the next frame must be judged. */
  last = Number.NaN;
  /** Largest time that needs no judgement. */
  limit = Number.POSITIVE_INFINITY;
  segmentIndex: number;
  /** Row whose judgement waits for its next neighbour, or -1. */
  pendingRow = -1;
  /** True where the next frame lies beyond `stopAtNs` and waits. */
  paused = false;

  /** 'start' where the next frame opens the first segment; a boundary that it has yet to cross. */
  private breakBy: 'start' | Boundary | null;
  /** The boundary that the frame being judged, or the pending one, crosses: a step back there sets no clock. */
  private crossing: Boundary | null = null;
  private lastBeforeSection = Number.NaN;
  private hasBase = false;
  private exhausted = false;
  private stopAtNs: bigint | null = null;
  private lastBeforePending = Number.NaN;
  private verdict: Verdict | null = null;
  /** Raw times of the pending frame and of those not judged yet. */
  private pendingHigh = 0;
  private pendingLow = 0;
  private pendingInterface = 0;
  private unjudgedCount = 0;
  private readonly unjudgedHigh = new Float64Array(HELD_ROW_COUNT_MAX);
  private readonly unjudgedLow = new Float64Array(HELD_ROW_COUNT_MAX);
  private readonly unjudgedInterface = new Float64Array(HELD_ROW_COUNT_MAX);

  constructor(
    private sink: TimeSegment[],
    private readonly facts: CaptureFacts,
    private readonly captureIndex: number,
    private previousEnd: SequenceEnd | null,
  ) {
    this.segmentIndex = sink.length - 1;
    this.breakBy = sink.length === 0 ? 'start' : 'file';
  }

  /** The next frame is judged by itself (a section header was read): a section may have other interfaces. */
  breakAtSection(window: ReadWindow, walker: RecordWalker): boolean {
    if (!this.settle(window, walker)) return false;
    this.noteLastTime();
    if (this.breakBy === null) {
      this.breakBy = 'section';
      this.lastBeforeSection = this.last;
    }
    this.last = Number.NaN;
    return true;
  }

  /** Frames after this instant wait (`paused`) until `clearStop`. */
  stopAt(timeNs: bigint): void {
    this.stopAtNs = timeNs;
    this.refreshLimit();
  }

  clearStop(): void {
    this.stopAtNs = null;
    this.paused = false;
    this.refreshLimit();
  }

  /** From now on segments go to a list of their own, which starts with the current one. */
  detach(): TimeSegment[] {
    const own: TimeSegment[] = this.segmentIndex >= 0 ? [this.sink[this.segmentIndex]] : [];
    this.sink = own;
    this.segmentIndex = own.length - 1;
    return own;
  }

  get segments(): readonly TimeSegment[] {
    return this.sink;
  }

  /**
   * Places the row just written.
   * @returns false where it (or the pending row before it) cannot stay in this chunk: `window.cutRow`
   */
  place(window: ReadWindow, walker: RecordWalker, high: number, low: number, interfaceId: number): boolean {
    const row = window.rows - 1;
    if (this.pendingRow >= 0) {
      const pendingRow = this.pendingRow;
      this.judgePending(window, walker, timeOf(window, row));
      this.keepUnjudged(0, this.pendingHigh, this.pendingLow, this.pendingInterface);
      this.keepUnjudged(1, high, low, interfaceId);
      this.unjudgedCount = 2;
      return this.admitUnjudged(window, walker, pendingRow);
    }
    this.keepUnjudged(0, high, low, interfaceId);
    this.unjudgedCount = 1;
    return this.admitUnjudged(window, walker, row);
  }

  /** Judges a pending row without its next neighbour: at the end of a file or section. */
  settle(window: ReadWindow, walker: RecordWalker): boolean {
    if (this.pendingRow < 0) return true;
    const pendingRow = this.pendingRow;
    this.judgePending(window, walker, Number.NaN);
    this.keepUnjudged(0, this.pendingHigh, this.pendingLow, this.pendingInterface);
    this.unjudgedCount = 1;
    return this.admitUnjudged(window, walker, pendingRow);
  }

  /** Goes on with the rows that were cut from the last chunk; they are the last ones of the window. */
  resume(window: ReadWindow, walker: RecordWalker): boolean {
    return this.admitUnjudged(window, walker, window.rows - this.unjudgedCount);
  }

  /** The first `count` rows have left the window; a pending row moves up with the rest. */
  shiftRows(count: number): void {
    if (this.pendingRow >= 0) this.pendingRow -= count;
  }

  /** Writes the time of the last frame into the facts. */
  noteLastTime(): void {
    const last = this.pendingRow >= 0 ? this.lastBeforePending : this.last;
    if (!this.hasBase) return;
    const { baseNs } = this.sink[this.segmentIndex];
    this.facts.lastTimeNs = absoluteNs(baseNs, last) ?? this.facts.lastTimeNs;
  }

  /** What the next file needs to know to continue this one, or null where it cannot. */
  end(): SequenceEnd | null {
    const { lastTimeNs } = this.facts;
    if (!this.hasBase || lastTimeNs === null) return null;
    return { lastTimeNs, segmentIndex: this.segmentIndex };
  }

  private keepUnjudged(slot: number, high: number, low: number, interfaceId: number): void {
    this.unjudgedHigh[slot] = high;
    this.unjudgedLow[slot] = low;
    this.unjudgedInterface[slot] = interfaceId;
  }

  private admitUnjudged(window: ReadWindow, walker: RecordWalker, firstRow: number): boolean {
    let row = firstRow;
    while (this.unjudgedCount > 0) {
      const high = this.unjudgedHigh[0];
      const low = this.unjudgedLow[0];
      const interfaceId = this.unjudgedInterface[0];
      if (!this.admit(window, walker, row, high, low, interfaceId)) {
        window.cutRow = row;
        return false;
      }
      this.verdict = null;
      this.unjudgedCount -= 1;
      this.keepUnjudged(0, this.unjudgedHigh[1], this.unjudgedLow[1], this.unjudgedInterface[1]);
      row += 1;
    }
    return true;
  }

  /** Gives the pending row its verdict; `next` is the time of the frame after it, or NaN. */
  private judgePending(window: ReadWindow, walker: RecordWalker, next: number): void {
    const row = this.pendingRow;
    const time = walker.relativeNs(this.pendingHigh, this.pendingLow, this.pendingInterface);
    const before = this.lastBeforePending;
    this.pendingRow = -1;
    this.last = before;
    const above = time > Math.max(before, next) + OUTLIER_NS;
    const below = time < Math.min(before, next) - OUTLIER_NS;
    this.verdict = 'accepted';
    if (above || below) {
      markUntimed(window, row);
      countSkipped(this.facts, 'timestamps more than an hour off both neighbours');
    } else if (time - before > FORWARD_STEP_NS) {
      this.verdict = 'step-forward';
    } else if (time - before < -BACKWARD_STEP_NS) {
      this.verdict = 'step-backward';
    }
  }

  private admit(
    window: ReadWindow,
    walker: RecordWalker,
    row: number,
    high: number,
    low: number,
    interfaceId: number,
  ): boolean {
    if (Number.isNaN(timeOf(window, row))) return this.admitUntimed(row);
    if (this.exhausted) return this.dropTime(window, row);
    const exact = walker.exactNs(high, low, interfaceId);
    if (this.stopAtNs !== null && exact > this.stopAtNs) {
      this.paused = true;
      return false;
    }
    if (this.facts.firstTimeNs === null) this.facts.firstTimeNs = exact;
    this.crossBoundary(walker);
    const by = this.breakBy ?? this.reasonToOpen(window, walker, row, high, low, interfaceId);
    if (by === null) {
      if (this.pendingRow < 0) this.crossing = null;
      return true;
    }
    if (by === 'base') {
      this.setBase(walker, exact);
    } else {
      if (row > 0) return false;
      const reason = by === 'step-backward' ? (this.crossing ?? by) : by;
      if (!this.openSegment(reason)) return this.dropTime(window, row);
      this.setBase(walker, exact);
    }
    this.crossing = null;
    writeTime(window, row, 0);
    this.last = 0;
    return true;
  }

  /** Why the frame opens a segment, or null where it was taken (or made pending). */
  private reasonToOpen(
    window: ReadWindow,
    walker: RecordWalker,
    row: number,
    high: number,
    low: number,
    interfaceId: number,
  ): string | null {
    if (!this.hasBase) return 'base';
    const time = walker.relativeNs(high, low, interfaceId);
    writeTime(window, row, time);
    const step = time - this.last;
    if (this.verdict === 'step-forward' || this.verdict === 'step-backward') return this.verdict;
    if (this.verdict === null && (step > OUTLIER_NS || step < -OUTLIER_NS)) {
      this.pendingRow = row;
      this.pendingHigh = high;
      this.pendingLow = low;
      this.pendingInterface = interfaceId;
      this.lastBeforePending = this.last;
      this.last = Number.NaN;
      return null;
    }
    if (step < -BACKWARD_STEP_NS) return 'step-backward';
    if (time > SPAN_NS || time < -SPAN_NS) return 'span';
    this.last = time;
    return null;
  }

  private admitUntimed(row: number): boolean {
    if (this.breakBy !== 'start' || this.exhausted) return true;
    if (row > 0) return false;
    this.openSegment(this.breakBy);
    return true;
  }

  private dropTime(window: ReadWindow, row: number): boolean {
    markUntimed(window, row);
    countSkipped(this.facts, `times beyond the ${SEGMENT_COUNT_MAX}th time segment`);
    return true;
  }

  /** Goes on in the segment of the last file or section: a boundary by itself says nothing about the clock. */
  private crossBoundary(walker: RecordWalker): void {
    const boundary = this.breakBy;
    if (boundary === null || boundary === 'start') return;
    this.breakBy = null;
    this.crossing = boundary;
    if (boundary === 'file') this.adopt();
    else this.last = this.lastBeforeSection;
    if (!this.hasBase) return;
    walker.rebase(this.sink[this.segmentIndex].baseNs);
    this.refreshLimit();
  }

  private adopt(): void {
    const end = this.previousEnd;
    if (end === null) return;
    this.segmentIndex = end.segmentIndex;
    const { baseNs, clock } = this.sink[this.segmentIndex];
    this.facts.clock = clock;
    this.hasBase = true;
    this.last = Number(end.lastTimeNs - baseNs);
  }

  private openSegment(by: string): boolean {
    this.noteLastTime();
    this.breakBy = null;
    this.last = Number.NaN;
    this.hasBase = false;
    if (this.sink.length >= SEGMENT_COUNT_MAX) {
      this.exhausted = true;
      this.segmentIndex = this.sink.length - 1;
      return false;
    }
    const { captureIndex } = this;
    const opened: OpenSegment = { baseNs: 0n, captureIndex, clock: 'absolute', openedBy: by };
    this.sink.push(opened);
    this.segmentIndex = this.sink.length - 1;
    return true;
  }

  /** A segment that began with frames without time gets its base from the first that has one. */
  private setBase(walker: RecordWalker, baseNs: bigint): void {
    const segment: OpenSegment = this.sink[this.segmentIndex];
    segment.baseNs = baseNs;
    // No capture was taken before 1980: such a clock counts from an unknown start.
    segment.clock = baseNs < TEN_YEARS_NS ? 'relative' : 'absolute';
    if (this.facts.firstTimeNs === baseNs) this.facts.clock = segment.clock;
    this.hasBase = true;
    walker.rebase(baseNs);
    this.refreshLimit();
  }

  private refreshLimit(): void {
    this.limit = SPAN_NS;
    if (this.stopAtNs === null || !this.hasBase) return;
    const stop = Number(this.stopAtNs - this.sink[this.segmentIndex].baseNs);
    if (stop < this.limit) this.limit = stop;
  }
}

function timeOf(window: ReadWindow, row: number): number {
  return window.frames === null ? Number.NaN : window.frames.timeNs[row];
}

function writeTime(window: ReadWindow, row: number, time: number): void {
  if (window.frames !== null) window.frames.timeNs[row] = time;
}

function markUntimed(window: ReadWindow, row: number): void {
  if (window.frames === null) return;
  window.frames.timeNs[row] = Number.NaN;
  window.frames.marks[row] |= MARK_NO_TIME;
}
