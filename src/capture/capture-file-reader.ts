// Fills chunks from one file: brings its bytes into the chunk's own memory, lets the walker of its format
// write rows, and carries over what a chunk cannot take. Knows the order of bytes, not of files.
import type { ByteFeed } from './byte-feed.js';
import { NOTHING_YET } from './byte-source.js';
import { addDamage, countSkipped } from './capture-facts.js';
import type { CaptureFacts } from './capture-source.js';
import { type FrameChunk, type FrameIndex, frameIndexByteLength, frameIndexOver } from './chunk.js';
import {
  copyRow,
  ReadWindow,
  type RecordWalker,
  WALK_AT_LIMIT,
  WALK_CUT,
  WALK_LOST,
  WALK_NEEDS_BYTES,
  WALK_SKIP,
} from './read-window.js';
import type { SegmentClock } from './segment-clock.js';

/** Read in steps, so that little is left over when the rows of a chunk are full. */
const READ_STEP = 256 * 1024;
/** A search looks at this much at a time, and as much again behind it to check what it finds. */
const SEARCH_STEP = 1 << 20;
/** A row waiting for its neighbour, that neighbour, and one held back until it is known not to be the last. */
const HELD_ROW_COUNT_MAX = 3;

/** Fewest rows a chunk's frame index must have. */
const CHUNK_FRAME_COUNT_MIN = HELD_ROW_COUNT_MAX + 1;

export class CaptureFileReader {
  /** True when every frame of the file has been given out. */
  ended = false;
  /** True where the input was stopped on purpose: a record that it cut is then no damage. */
  tailMayBeCut = false;
  private readonly window = new ReadWindow();
  private readonly heldRows: FrameIndex;
  private heldRowCount = 0;
  /** Bytes at the front of the feed that belong to the held rows. */
  private heldByteCount = 0;
  private rowBudget = 0;
  private skipBytes = 0;
  private searching = false;
  private searchedBytes = 0;
  private atEnd = false;
  /** A read that was waited for ended the chunk. */
  private flushed = false;
  private faultNoted = false;

  constructor(
    readonly facts: CaptureFacts,
    readonly clock: SegmentClock,
    private readonly walker: RecordWalker,
    private readonly feed: ByteFeed,
    fileOffset: number,
  ) {
    this.window.fileBase = fileOffset;
    const bytes = new ArrayBuffer(frameIndexByteLength(CHUNK_FRAME_COUNT_MIN));
    this.heldRows = frameIndexOver(bytes, 0, CHUNK_FRAME_COUNT_MIN);
  }

  /** True where the next frame lies beyond the instant the clock was told to stop at. */
  get paused(): boolean {
    return this.clock.paused;
  }

  get consumedBytes(): number {
    return this.feed.source.consumedBytes;
  }

  /**
   * Writes the next frames, at most `rowBudget`, into the chunk; none at the end and while paused.
   * Chunks handed to one reader must be of one size.
   */
  fill(chunk: FrameChunk, rowBudget: number): void | Promise<void> {
    chunk.frameCount = 0;
    chunk.endsEpoch = false;
    if (this.ended || this.paused) return;
    this.rowBudget = rowBudget;
    this.flushed = false;
    const { window } = this;
    window.open(chunk, Math.min(chunk.frames.timeNs.length, rowBudget + HELD_ROW_COUNT_MAX - 1));
    this.restoreHeld(chunk.frames);
    if (!this.clock.resume(window, this.walker)) {
      this.emit(chunk, window.cutRow);
      return;
    }
    return this.run(chunk);
  }

  close(): void {
    this.ended = true;
    this.feed.close();
  }

  private run(chunk: FrameChunk): void | Promise<void> {
    for (;;) {
      const step = this.advance(chunk);
      if (step === true) return;
      if (step !== false) return step.then(() => (this.flushed ? undefined : this.run(chunk)));
    }
  }

  /** One step; true when the chunk is done. */
  private advance(chunk: FrameChunk): boolean | Promise<void> {
    const { window } = this;
    if (this.searching) return this.search();
    if (this.skipBytes > 0) return this.skip();
    switch (this.walker.walk(window)) {
      case WALK_AT_LIMIT:
        return this.emit(chunk, window.rows);
      case WALK_CUT:
        return this.emit(chunk, window.cutRow);
      case WALK_LOST:
        this.unreadFrom(window.at);
        this.searching = true;
        this.searchedBytes = 0;
        return false;
      case WALK_SKIP:
        this.skipBytes = window.skipBytes;
        this.unreadFrom(window.at);
        return false;
      case WALK_NEEDS_BYTES:
        return this.readMore(chunk);
    }
  }

  private readMore(chunk: FrameChunk): boolean | Promise<void> {
    const { window, feed, clock } = this;
    if (this.atEnd || feed.ended) return this.finish(chunk);
    if (window.end === window.bytes.length) {
      const settledRows = clock.pendingRow >= 0 ? clock.pendingRow : window.rows;
      // Whether more frames follow is not known, so the last row waits, if it can.
      if (settledRows > 0) return this.emit(chunk, Math.max(1, Math.min(settledRows, window.rows - 1)));
      if (window.rows === 0 && window.at > 0) return this.moveToFront();
      if (clock.settle(window, this.walker)) return false;
      return this.emit(chunk, window.cutRow);
    }
    const to = Math.min(window.bytes.length, window.end + READ_STEP);
    const count = feed.readInto(window.bytes, window.end, to);
    if (typeof count !== 'number') return this.awaitRead(chunk, count);
    if (count === NOTHING_YET) return this.emit(chunk, window.rows);
    this.noteRead(count);
    return false;
  }

  /** Gives out the rows there are where nothing comes; the chunk then no longer waits, and `run` ends. */
  private async awaitRead(chunk: FrameChunk, pending: Promise<number>): Promise<void> {
    const count = await pending;
    if (count === NOTHING_YET) this.flushed = this.emit(chunk, this.window.rows);
    else this.noteRead(count);
  }

  private noteRead(count: number): void {
    this.window.end += count;
    this.facts.bytes = Math.max(this.facts.bytes, this.window.fileBase + this.window.end);
  }

  /** The file ends at the window's end: what is left over is no whole record. */
  private finish(chunk: FrameChunk): boolean {
    const { window, clock, facts } = this;
    const { fault } = this.feed.source;
    this.atEnd = true;
    if (window.at < window.end) {
      const left = window.end - window.at;
      if (this.tailMayBeCut) countSkipped(facts, 'record cut off where the capture was stopped');
      else addDamage(facts, window.fileOffset, `the file ends inside a record, ${left} bytes into it`, true);
      window.end = window.at;
    }
    if (fault !== null && !this.faultNoted) addDamage(facts, window.fileOffset, fault);
    this.faultNoted = true;
    if (!clock.settle(window, this.walker)) return this.emit(chunk, window.cutRow);
    return this.emit(chunk, window.rows);
  }

  /** Gives out the first `count` rows and holds the others for the next chunk. */
  private emit(chunk: FrameChunk, count: number): boolean {
    const { clock } = this;
    const emitted = Math.min(count, this.rowBudget, clock.pendingRow >= 0 ? clock.pendingRow : count);
    chunk.frameCount = emitted;
    chunk.segment = clock.segmentIndex;
    this.holdFrom(chunk.frames, emitted);
    clock.noteLastTime();
    this.ended = this.atEnd && this.heldRowCount === 0;
    return true;
  }

  private holdFrom(frames: FrameIndex, firstRow: number): void {
    const { window } = this;
    this.heldRowCount = window.rows - firstRow;
    const from = this.heldRowCount > 0 ? frames.offset[firstRow] : window.at;
    for (let held = 0; held < this.heldRowCount; held += 1) {
      copyRow(frames, firstRow + held, this.heldRows, held);
      this.heldRows.offset[held] -= from;
    }
    this.clock.shiftRows(firstRow);
    this.heldByteCount = window.at - from;
    this.feed.unread(window.bytes, from, window.end);
    window.fileBase += from;
  }

  private restoreHeld(frames: FrameIndex): void {
    const { window } = this;
    for (let held = 0; held < this.heldRowCount; held += 1) copyRow(this.heldRows, held, frames, held);
    window.rows = this.heldRowCount;
    // These bytes were put back into the feed, so they come at once.
    if (this.heldByteCount > 0) this.feed.readInto(window.bytes, 0, this.heldByteCount);
    window.at = window.end = this.heldByteCount;
  }

  private moveToFront(): boolean {
    const { window } = this;
    window.bytes.copyWithin(0, window.at, window.end);
    window.fileBase += window.at;
    window.end -= window.at;
    window.at = 0;
    return false;
  }

  /** Hands the bytes from `at` on back to the feed, which can look further ahead than a chunk. */
  private unreadFrom(at: number): void {
    const { window } = this;
    this.feed.unread(window.bytes, at, window.end);
    window.end = at;
  }

  /** Passes over the rest of a record that is not read. */
  private skip(): boolean | Promise<void> {
    const { feed } = this;
    const dropped = feed.discardHeld(this.skipBytes);
    this.skipBytes -= dropped;
    this.moveFileBase(dropped);
    if (this.skipBytes === 0) return false;
    if (feed.ended) {
      addDamage(
        this.facts,
        this.window.fileOffset,
        `the file ends inside a record, ${this.skipBytes} bytes short`,
        true,
      );
      this.skipBytes = 0;
      return false;
    }
    const waiting = feed.ensure(Math.min(this.skipBytes, SEARCH_STEP));
    return waiting ?? false;
  }

  /** Looks for the next plausible record behind damage. */
  private search(): boolean | Promise<void> {
    const { window, feed, walker } = this;
    const waiting = feed.ensure(2 * SEARCH_STEP);
    if (waiting !== undefined) return waiting;
    const bytes = feed.heldBytes();
    const searchEnd = Math.min(bytes.length, SEARCH_STEP);
    const found = walker.findRecord(bytes, searchEnd, feed.sourceEnded);
    const passed = found >= 0 ? found : searchEnd;
    const ends =
      found < 0 && (passed === bytes.length || this.searchedBytes + passed >= walker.searchLengthMax);
    this.searchedBytes += passed;
    // The byte before the next step is searched from is the last one of this.
    feed.discardHeld(found >= 0 || ends ? passed : passed - 1);
    this.moveFileBase(found >= 0 || ends ? passed : passed - 1);
    if (found < 0 && !ends) return false;
    this.searching = false;
    if (ends) {
      addDamage(this.facts, window.lostOffset, `${window.lostReason}; nothing after it could be read`);
      this.atEnd = true;
    } else {
      const resumed = window.fileOffset;
      addDamage(this.facts, window.lostOffset, `${window.lostReason}; reading goes on at byte ${resumed}`);
    }
    return false;
  }

  private moveFileBase(count: number): void {
    this.window.fileBase += count;
    this.facts.bytes = Math.max(this.facts.bytes, this.window.fileOffset);
  }
}
