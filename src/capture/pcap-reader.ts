// Walks the records of a pcap file in place (draft-ietf-opsawg-pcap). Knows nothing of files or chunks.
import { addDamage, addInterface, countSkipped } from './capture-facts.js';
import type { CaptureFacts, CaptureInterface } from './capture-source.js';
import { MARK_INBOUND, MARK_OUTBOUND } from './frame-marks.js';
import { CHAIN_LENGTH, type PcapLayout, plausibleRecordCount } from './pcap-header.js';
import {
  type ReadWindow,
  type RecordWalker,
  WALK_AT_LIMIT,
  WALK_CUT,
  WALK_LOST,
  WALK_NEEDS_BYTES,
  WALK_SKIP,
  type WalkStop,
} from './read-window.js';
import { BACKWARD_STEP_NS, OUTLIER_NS, type SegmentClock } from './segment-clock.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                      Timestamp (Seconds)                      |
// |            Timestamp (Microseconds or nanoseconds)            |
// |                    Captured Packet Length                     |
// |                    Original Packet Length                     |
const SECONDS = 0;
const FRACTION = 4;
const FIRST_LENGTH = 8;
const SECOND_LENGTH = 12;
/** In the 24- and 28-byte headers of the patched libpcap. */
const PACKET_TYPE = 22;
const MODIFIED_HEADER_LENGTH = 24;

const SEARCH_LENGTH_MAX = 1 << 20;

export class PcapReader implements RecordWalker {
  readonly searchLengthMax = SEARCH_LENGTH_MAX;
  private readonly interfaceIndex: number;
  private baseSeconds = 0;
  private baseFractionNs = 0;
  private lastSeconds: number | null = null;

  constructor(
    private readonly layout: PcapLayout,
    private readonly facts: CaptureFacts,
    private readonly captureIndex: number,
    interfaces: CaptureInterface[],
    private readonly clock: SegmentClock,
  ) {
    facts.format = 'pcap';
    this.interfaceIndex = addInterface(facts, interfaces, {
      captureIndex,
      linkType: layout.linkType,
      snaplen: layout.snaplen,
      name: null,
      filter: null,
      received: null,
      dropped: null,
    });
  }

  walk(window: ReadWindow): WalkStop {
    const { view, end, rowLimit, frames } = window;
    if (frames === null) return WALK_NEEDS_BYTES;
    const { clock, facts, captureIndex, interfaceIndex } = this;
    const { littleEndian, recordHeaderLength, nsPerFraction, lengthOrder, fcsLength, linkType } = this.layout;
    const capturedMax = this.layout.capturedLengthMax;
    const capacity = window.bytes.length;
    let at = window.at;
    let row = window.rows;
    let number = facts.frames;
    let last = clock.last;
    let limit = clock.limit;
    let { baseSeconds, baseFractionNs } = this;
    for (;;) {
      const data = at + recordHeaderLength;
      if (data > end) return this.pause(window, at, row, number, last, WALK_NEEDS_BYTES);
      const seconds = view.getUint32(at + SECONDS, littleEndian);
      const fraction = view.getUint32(at + FRACTION, littleEndian);
      let captured = view.getUint32(at + FIRST_LENGTH, littleEndian);
      let original = view.getUint32(at + SECOND_LENGTH, littleEndian);
      if (lengthOrder !== 'captured-first' && (lengthOrder === 'original-first' || captured > original)) {
        const swapped = captured;
        captured = original;
        original = swapped;
      }
      if (captured > capturedMax || (captured === 0 && original === 0 && seconds === 0)) {
        this.pause(window, at, row, number, last, WALK_LOST);
        return this.lose(window, captured);
      }
      const next = data + captured;
      if (next > end) {
        this.pause(window, at, row, number, last, WALK_NEEDS_BYTES);
        return next - at > capacity ? this.skip(window, next - at) : WALK_NEEDS_BYTES;
      }
      if (row >= rowLimit) return this.pause(window, at, row, number, last, WALK_AT_LIMIT);
      if (original < captured) original = captured;
      if (fcsLength > 0 && original > fcsLength) {
        original -= fcsLength;
        if (captured > original) captured = original;
      }
      const time = (seconds - baseSeconds) * 1e9 + (fraction * nsPerFraction - baseFractionNs);
      frames.offset[row] = data;
      frames.capturedLength[row] = captured;
      frames.originalLength[row] = original;
      frames.timeNs[row] = time;
      number += 1;
      frames.number[row] = number;
      frames.linkType[row] = linkType;
      frames.capture[row] = captureIndex;
      frames.interfaceIndex[row] = interfaceIndex;
      frames.marks[row] =
        recordHeaderLength >= MODIFIED_HEADER_LENGTH ? directionOf(view.getUint8(at + PACKET_TYPE)) : 0;
      if (fraction * nsPerFraction >= 1e9) countSkipped(facts, 'fractions of a second of one second or more');
      at = next;
      row += 1;
      const step = time - last;
      if (step >= -BACKWARD_STEP_NS && step <= OUTLIER_NS && time <= limit) {
        last = time;
        continue;
      }
      this.pause(window, at, row, number, last, WALK_CUT);
      if (!clock.place(window, this, seconds, fraction, 0)) return WALK_CUT;
      this.lastSeconds = seconds;
      last = clock.last;
      limit = clock.limit;
      baseSeconds = this.baseSeconds;
      baseFractionNs = this.baseFractionNs;
    }
  }

  findRecord(bytes: Uint8Array, searchEnd: number, atEnd: boolean): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const near = Number.isNaN(this.clock.last) ? this.lastSeconds : this.secondsOf(this.clock.last);
    for (let at = 1; at < searchEnd; at += 1) {
      if (plausibleRecordCount(view, at, this.layout, near, atEnd) >= CHAIN_LENGTH) return at;
    }
    return -1;
  }

  rebase(baseNs: bigint): void {
    this.baseSeconds = Number(baseNs / 1_000_000_000n);
    this.baseFractionNs = Number(baseNs % 1_000_000_000n);
  }

  exactNs(seconds: number, fraction: number): bigint {
    return BigInt(seconds) * 1_000_000_000n + BigInt(fraction * this.layout.nsPerFraction);
  }

  relativeNs(seconds: number, fraction: number): number {
    return (seconds - this.baseSeconds) * 1e9 + (fraction * this.layout.nsPerFraction - this.baseFractionNs);
  }

  private secondsOf(timeNs: number): number {
    return this.baseSeconds + Math.floor((timeNs + this.baseFractionNs) / 1e9);
  }

  /** Leaves the loop: its local state goes back to where others see it. */
  private pause(
    window: ReadWindow,
    at: number,
    row: number,
    number: number,
    last: number,
    stop: WalkStop,
  ): WalkStop {
    window.at = at;
    window.rows = row;
    this.clock.last = last;
    this.facts.frames = number;
    this.facts.records = number;
    return stop;
  }

  private lose(window: ReadWindow, captured: number): WalkStop {
    window.lostOffset = window.fileOffset;
    window.lostReason =
      captured === 0
        ? 'zeros stand where a record should begin'
        : `a record claims a captured length of ${captured} bytes`;
    return WALK_LOST;
  }

  private skip(window: ReadWindow, length: number): WalkStop {
    const { facts } = this;
    const reason = `a record of ${length} bytes is larger than the read buffer of ${window.bytes.length} bytes`;
    addDamage(facts, window.fileOffset, reason);
    facts.frames += 1;
    facts.records = facts.frames;
    window.skipBytes = length;
    return WALK_SKIP;
  }
}

/** sll_pkttype of Linux: 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 from us. */
function directionOf(packetType: number): number {
  if (packetType === 4) return MARK_OUTBOUND;
  return packetType < 3 ? MARK_INBOUND : 0;
}
