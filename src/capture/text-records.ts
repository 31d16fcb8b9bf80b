// The packets of a text as records in memory, and the walker that reads them. A format of its own, since no capture
// file can hold a packet that is cut and has no time.
import { addDamage, countSkipped } from './capture-facts.js';
import type { CaptureFacts, CaptureInterface } from './capture-source.js';
import { MARK_NO_TIME } from './frame-marks.js';
import {
  type ReadWindow,
  type RecordWalker,
  WALK_AT_LIMIT,
  WALK_CUT,
  WALK_NEEDS_BYTES,
  WALK_SKIP,
  type WalkStop,
} from './read-window.js';
import type { SegmentClock } from './segment-clock.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                       Captured length                         |
// |                       Original length                         |
// |                          Seconds                              |
// |                        Nanoseconds                            |
// |   Index of the interface      |     Marks     |     Kind      |
const CAPTURED = 0;
const ORIGINAL = 4;
const SECONDS = 8;
const NANOSECONDS = 12;
const INTERFACE = 16;
const MARKS = 18;
const KIND = 19;
const HEADER_LENGTH = 20;
/** Packets of another clock follow; the record holds nothing. */
const KIND_SECTION = 1;

const NS_PER_SECOND = 1_000_000_000n;
const FIRST_ROOM = 65_536;

/** Grows as records are added: one stretch of memory, whatever the number of packets. */
export class TextRecords {
  private buffer = new Uint8Array(FIRST_ROOM);
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  beginSection(): void {
    const at = this.reserve(0);
    this.view.setUint8(at + KIND, KIND_SECTION);
  }

  add(
    packet: { timeNs: bigint | null; bytes: Uint8Array; originalLength?: number },
    interfaceIndex: number,
    marks: number,
  ): void {
    const { timeNs, bytes, originalLength = bytes.length } = packet;
    const at = this.reserve(bytes.length);
    const { view } = this;
    view.setUint32(at + CAPTURED, bytes.length);
    view.setUint32(at + ORIGINAL, Math.max(originalLength, bytes.length));
    if (timeNs !== null) {
      view.setUint32(at + SECONDS, Number((timeNs / NS_PER_SECOND) & 0xffff_ffffn));
      view.setUint32(at + NANOSECONDS, Number(timeNs % NS_PER_SECOND));
    }
    view.setUint16(at + INTERFACE, interfaceIndex);
    view.setUint8(at + MARKS, timeNs === null ? marks | MARK_NO_TIME : marks);
    this.buffer.set(bytes, at + HEADER_LENGTH);
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** @returns where a record of so many bytes begins; its header is zeros */
  private reserve(count: number): number {
    const at = this.length;
    this.length += HEADER_LENGTH + count;
    if (this.length > this.buffer.length) {
      const grown = new Uint8Array(Math.max(2 * this.buffer.length, this.length));
      grown.set(this.buffer);
      this.buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    return at;
  }
}

/** Walks the records in place. */
export class TextReader implements RecordWalker {
  readonly searchLengthMax = 0;
  private baseSeconds = 0;
  private baseNanoseconds = 0;

  constructor(
    private readonly facts: CaptureFacts,
    private readonly captureIndex: number,
    private readonly interfaces: readonly CaptureInterface[],
    private readonly clock: SegmentClock,
  ) {}

  walk(window: ReadWindow): WalkStop {
    const { view, end, frames } = window;
    if (frames === null) return WALK_NEEDS_BYTES;
    const { facts, clock } = this;
    for (;;) {
      const { at } = window;
      if (at + HEADER_LENGTH > end) return WALK_NEEDS_BYTES;
      if (view.getUint8(at + KIND) === KIND_SECTION) {
        if (!clock.breakAtSection(window, this)) return WALK_CUT;
        window.at = at + HEADER_LENGTH;
        continue;
      }
      const captured = view.getUint32(at + CAPTURED);
      const next = at + HEADER_LENGTH + captured;
      if (next > end)
        return next - at > window.bytes.length ? this.skip(window, next - at) : WALK_NEEDS_BYTES;
      if (window.rows >= window.rowLimit) return WALK_AT_LIMIT;
      const row = window.rows;
      const marks = view.getUint8(at + MARKS);
      const isTimed = (marks & MARK_NO_TIME) === 0;
      const interfaceIndex = view.getUint16(at + INTERFACE);
      const seconds = view.getUint32(at + SECONDS);
      const nanoseconds = view.getUint32(at + NANOSECONDS);
      window.rows = row + 1;
      window.at = next;
      facts.frames += 1;
      facts.records = facts.frames;
      frames.offset[row] = at + HEADER_LENGTH;
      frames.capturedLength[row] = captured;
      frames.originalLength[row] = view.getUint32(at + ORIGINAL);
      frames.timeNs[row] = isTimed ? this.relativeNs(seconds, nanoseconds) : Number.NaN;
      frames.number[row] = facts.frames;
      frames.linkType[row] = this.interfaces[interfaceIndex].linkType;
      frames.capture[row] = this.captureIndex;
      frames.interfaceIndex[row] = interfaceIndex;
      frames.marks[row] = marks;
      if (!isTimed) countSkipped(facts, 'times of packets (the text has none)');
      if (!clock.place(window, this, seconds, nanoseconds, 0)) return WALK_CUT;
    }
  }

  findRecord(): number {
    return -1;
  }

  rebase(baseNs: bigint): void {
    this.baseSeconds = Number(baseNs / NS_PER_SECOND);
    this.baseNanoseconds = Number(baseNs % NS_PER_SECOND);
  }

  exactNs(seconds: number, nanoseconds: number): bigint {
    return BigInt(seconds) * NS_PER_SECOND + BigInt(nanoseconds);
  }

  relativeNs(seconds: number, nanoseconds: number): number {
    return (seconds - this.baseSeconds) * 1e9 + (nanoseconds - this.baseNanoseconds);
  }

  private skip(window: ReadWindow, length: number): WalkStop {
    const { facts } = this;
    const reason = `a packet of ${length} bytes is larger than the read buffer of ${window.bytes.length} bytes`;
    addDamage(facts, window.fileOffset, reason);
    facts.frames += 1;
    facts.records = facts.frames;
    window.skipBytes = length;
    return WALK_SKIP;
  }
}
