// The packets of a text as records, and the walker that reads them. A format of its own, since no capture
// file can hold a packet that is cut and has no time.
import type { ByteSource } from './byte-source.js';
import { addDamage, addInterface, countSkipped } from './capture-facts.js';
import type { CaptureFacts, CaptureInterface } from './capture-source.js';
import { MARK_IN_WORDS, MARK_INBOUND, MARK_NO_TIME, MARK_OUTBOUND } from './frame-marks.js';
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
import type { TextPacket, TextSection } from './text-capture.js';

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
const ROOM = 4096;
/** Room for the interfaces that a text names; further names share the last. */
const INTERFACE_COUNT_MAX = 1000;

/**
 * The packets of sections as records, each made when it is read: they are never in memory all at once. What is known of
 * packets and of what was left out is noted in the facts on the way.
 */
export class TextRecordSource implements ByteSource {
  readonly fault = null;
  private readonly records: Iterator<Uint8Array>;
  private record: Uint8Array = new Uint8Array(0);
  private at = 0;

  constructor(
    sections: readonly TextSection[],
    /** Those of the text, for progress. */
    readonly consumedBytes: number,
    private readonly facts: CaptureFacts,
    private readonly captureIndex: number,
    private readonly interfaces: CaptureInterface[],
  ) {
    this.records = this.recordsOf(sections);
  }

  readInto(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to) {
      if (this.at === this.record.length) {
        const next = this.records.next();
        if (next.done === true) break;
        this.record = next.value;
        this.at = 0;
      }
      const count = Math.min(to - at, this.record.length - this.at);
      bytes.set(this.record.subarray(this.at, this.at + count), at);
      this.at += count;
      at += count;
    }
    return at - from;
  }

  close(): void {}

  /** One stretch of memory, written anew for each record. */
  private *recordsOf(sections: readonly TextSection[]): Generator<Uint8Array> {
    const { facts } = this;
    let buffer = new Uint8Array(ROOM);
    for (const section of sections) {
      const known = new Map<string, number>();
      buffer.fill(0, 0, HEADER_LENGTH);
      buffer[KIND] = KIND_SECTION;
      yield buffer.subarray(0, HEADER_LENGTH);
      for (const packet of section.packets) {
        if (packet.isInWords === true) facts.packetsInWords++;
        if (packet.isListed === true) facts.packetsInLists++;
        const length = HEADER_LENGTH + packet.bytes.length;
        if (length > buffer.length) buffer = new Uint8Array(length);
        writeRecord(buffer, packet, this.interfaceOf(packet, known));
        yield buffer.subarray(0, length);
      }
      facts.fragmentsUntold += section.fragmentsUntold ?? 0;
      for (const [what, count] of section.leftOut) if (count > 0) countSkipped(facts, what, count);
    }
  }

  private interfaceOf({ linkType, interfaceName = null }: TextPacket, known: Map<string, number>): number {
    const key = `${linkType} ${interfaceName ?? ''}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const { captureIndex, facts, interfaces } = this;
    const index =
      interfaces.length >= INTERFACE_COUNT_MAX && interfaces.at(-1)?.linkType === linkType
        ? interfaces.length - 1
        : addInterface(facts, interfaces, {
            captureIndex,
            linkType,
            snaplen: 0,
            name: interfaceName,
            filter: null,
            received: null,
            dropped: null,
          });
    known.set(key, index);
    return index;
  }
}

function writeRecord(buffer: Uint8Array, packet: TextPacket, interfaceIndex: number): void {
  const { timeNs, bytes, originalLength = bytes.length, direction = null, isInWords = false } = packet;
  const view = new DataView(buffer.buffer);
  const marks =
    (direction === 'in' ? MARK_INBOUND : direction === 'out' ? MARK_OUTBOUND : 0) |
    (isInWords ? MARK_IN_WORDS : 0);
  buffer.fill(0, 0, HEADER_LENGTH);
  view.setUint32(CAPTURED, bytes.length);
  view.setUint32(ORIGINAL, Math.max(originalLength, bytes.length));
  if (timeNs !== null) {
    view.setUint32(SECONDS, Number((timeNs / NS_PER_SECOND) & 0xffff_ffffn));
    view.setUint32(NANOSECONDS, Number(timeNs % NS_PER_SECOND));
  }
  view.setUint16(INTERFACE, interfaceIndex);
  view.setUint8(MARKS, timeNs === null ? marks | MARK_NO_TIME : marks);
  buffer.set(bytes, HEADER_LENGTH);
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
    addDamage(facts, facts.bytes, reason);
    facts.frames += 1;
    facts.records = facts.frames;
    window.skipBytes = length;
    return WALK_SKIP;
  }
}
