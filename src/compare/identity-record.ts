import type { Slot } from '../observe/slot.js';
import type { Nanoseconds } from '../units.js';

/*
 * What is kept of a packet until it is compared: 18 words of 32 bits. The first two are the time as a double.
 */
const RECORD_WORDS = 18;
const SHAPE = 2;
const HEAD = 3;
const BODY = 4;
const FULL = 5;
/** Index of the flow in the side's table, times two, plus the direction on it. */
const LANE = 6;
const FRAME = 7;
/** Capture index in the upper, time segment in the lower 16 bits. */
const PLACE = 8;
const NETWORK_LENGTH = 9;
const OFFSET = 10;
const LENGTH = 11;
const IDENTIFICATION = 12;
const ACKNOWLEDGMENT = 13;
const FLAGS = 14;
/** TTL, then traffic class. */
const HOP = 15;
const OPTIONS = 16;
const MASKED = 17;

/** Records of one block, as typed arrays over the same memory. */
export class RecordBlock {
  readonly words: Int32Array;
  readonly times: Float64Array;
  /** One bit a protocol of the catalogue, by record. */
  readonly protocols: Uint32Array;
  readonly bytes: Uint8Array;
  length = 0;

  constructor(readonly capacity: number) {
    const buffer = new ArrayBuffer(RecordBlock.byteLength(capacity));
    this.words = new Int32Array(buffer, 0, capacity * RECORD_WORDS);
    this.times = new Float64Array(buffer, 0, (capacity * RECORD_WORDS) / 2);
    this.protocols = new Uint32Array(buffer, capacity * RECORD_WORDS * 4, capacity);
    this.bytes = new Uint8Array(buffer);
  }

  static byteLength(capacity: number): number {
    return capacity * (RECORD_WORDS + 1) * 4;
  }

  get isFull(): boolean {
    return this.length >= this.capacity;
  }

  timeNs(record: number): Nanoseconds {
    return this.times[(record * RECORD_WORDS) / 2];
  }

  setTimeNs(record: number, timeNs: Nanoseconds): void {
    this.times[(record * RECORD_WORDS) / 2] = timeNs;
  }

  shape(record: number): number {
    return this.words[record * RECORD_WORDS + SHAPE];
  }

  /** The digest of that LEVEL_; 0 below LEVEL_HEAD. */
  digest(record: number, level: number): number {
    return level < 2 ? 0 : this.words[record * RECORD_WORDS + HEAD + level - 2];
  }

  lane(record: number): number {
    return this.words[record * RECORD_WORDS + LANE];
  }

  frameNumber(record: number): number {
    return this.words[record * RECORD_WORDS + FRAME] >>> 0;
  }

  captureIndex(record: number): number {
    return this.words[record * RECORD_WORDS + PLACE] >>> 16;
  }

  segment(record: number): number {
    return this.words[record * RECORD_WORDS + PLACE] & 0xffff;
  }

  networkLength(record: number): number {
    return this.words[record * RECORD_WORDS + NETWORK_LENGTH] >>> 0;
  }

  offset(record: number): number {
    return this.words[record * RECORD_WORDS + OFFSET] >>> 0;
  }

  payloadLength(record: number): number {
    return this.words[record * RECORD_WORDS + LENGTH] >>> 0;
  }

  identification(record: number): number {
    return this.words[record * RECORD_WORDS + IDENTIFICATION] >>> 0;
  }

  acknowledgment(record: number): number {
    return this.words[record * RECORD_WORDS + ACKNOWLEDGMENT] >>> 0;
  }

  flags(record: number): number {
    return this.words[record * RECORD_WORDS + FLAGS];
  }

  timeToLive(record: number): number {
    return this.words[record * RECORD_WORDS + HOP] & 0xff;
  }

  trafficClass(record: number): number {
    return (this.words[record * RECORD_WORDS + HOP] >> 8) & 0xff;
  }

  /** What the options of a TCP segment add to its digests. */
  options(record: number): number {
    return this.words[record * RECORD_WORDS + OPTIONS];
  }

  /** Digest of what is in no other digest. */
  masked(record: number): number {
    return this.words[record * RECORD_WORDS + MASKED];
  }
}

/** Appends the rows `rows[from … to)` of the slot's identities, whose lanes stand in `lanes`; there must be room. */
export function writeRows(
  block: RecordBlock,
  { identities, chunk, protocols }: Slot,
  rows: Uint32Array,
  lanes: Int32Array,
  from: number,
  to: number,
  baseNs: Nanoseconds,
): void {
  const { words, times, protocols: protocolsOf } = block;
  const { shape, head, body, full, networkLength, offset, length, identification } = identities;
  const { acknowledgment, flags, timeToLive, trafficClass, options, masked } = identities;
  const { frame: frames } = identities.rows;
  const { timeNs, number, capture } = chunk.frames;
  const { segment } = chunk;
  let record = block.length;
  let at = record * RECORD_WORDS;
  for (let taken = from; taken < to; taken++, record++, at += RECORD_WORDS) {
    const row = rows[taken];
    const frame = frames[row];
    times[at >> 1] = timeNs[frame] + baseNs;
    words[at + SHAPE] = shape[row];
    words[at + HEAD] = head[row];
    words[at + BODY] = body[row];
    words[at + FULL] = full[row];
    words[at + LANE] = lanes[taken];
    words[at + FRAME] = number[frame];
    words[at + PLACE] = (capture[frame] << 16) | segment;
    words[at + NETWORK_LENGTH] = networkLength[row];
    words[at + OFFSET] = offset[row];
    words[at + LENGTH] = length[row];
    words[at + IDENTIFICATION] = identification[row];
    words[at + ACKNOWLEDGMENT] = acknowledgment[row];
    words[at + FLAGS] = flags[row];
    words[at + HOP] = timeToLive[row] | (trafficClass[row] << 8);
    words[at + OPTIONS] = options[row];
    words[at + MASKED] = masked[row];
    protocolsOf[record] = protocols[frame];
  }
  block.length = record;
}
