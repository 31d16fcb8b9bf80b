import type { TimeSegment } from '../capture/capture-source.js';
import type { IdentitySink } from '../correlate/identity-sink.js';
import { CLAIM_WEAK } from '../dissect/frame-context.js';
import {
  IDENTITY_ARP,
  IDENTITY_FRAGMENT,
  IDENTITY_LEVEL_MASK,
  LEVEL_BODY,
  LEVEL_FULL,
  LEVEL_SHAPE,
} from '../observe/engine-tables.js';
import type { Slot } from '../observe/slot.js';
import type { Nanoseconds } from '../units.js';
import { RECORD_WORDS, type RecordBlock } from './identity-record.js';
import { IdentitySketch, SKETCH_KEPT } from './identity-sketch.js';
import { IdentityStore, type StoreBounds } from './identity-store.js';
import { LaneTable } from './lane-table.js';
import { SetBacks } from './set-backs.js';

/** Protocols of the catalogue that a record can name, by bit. */
const PROTOCOLS_MAX = 32;

export interface CollectorBounds extends StoreBounds {
  /** Packets that each sketch keeps at least, once it is full. */
  readonly sketched?: number;
}

/**
 * Gathers the identities of one side while its captures are analysed. Times are those of the capture, from the base of
 * its first segment; where the clock was set back, `setBacks` says what makes them run on.
 */
export class IdentityCollector implements IdentitySink {
  readonly store: IdentityStore;
  readonly lanes: LaneTable;
  /** By content, and by transport header and identification. */
  readonly byContent: IdentitySketch;
  readonly byHeader: IdentitySketch;
  /** TCP data by payload alone, whatever a firewall made of the header; see `TcpPayloads`. */
  readonly byPayload: IdentitySketch;
  /** First frame of the side, any flow. */
  firstNs = Number.NaN;
  readonly setBacks = new SetBacks();
  /** By lane: packets, and the least that the capture holds of one (LEVEL_). */
  packets = new Uint32Array(2048);
  levels = new Uint8Array(2048).fill(LEVEL_FULL);
  /** By lane: packets marked as sent by the capturing host. */
  outbound = new Uint32Array(2048);
  /** By lane: protocols of the catalogue that its frames hold, as bits. */
  protocols = new Uint32Array(2048);
  /** By flow: a flow of the same frames outside the tunnel, or -1. */
  carriers = new Int32Array(1024).fill(-1);
  recordCount = 0;
  withoutTime = 0;

  private protocolsOfFrame = new Uint32Array(1024);
  private readonly innerFlows: number[] = [];
  private readonly place = { lane: 0, frame: 0, capture: 0, segment: 0 };
  private readonly digests = { shape: 0, head: 0, body: 0, full: 0 };

  /** `segments` grows while the source is read; index 0 is the base of all times here. */
  constructor(
    readonly seed: number,
    private readonly segments: readonly TimeSegment[],
    bounds: CollectorBounds = {},
  ) {
    this.store = new IdentityStore(bounds);
    this.byContent = new IdentitySketch(bounds.sketched);
    this.byHeader = new IdentitySketch((bounds.sketched ?? SKETCH_KEPT) / 4);
    this.byPayload = new IdentitySketch((bounds.sketched ?? SKETCH_KEPT) / 4);
    this.lanes = new LaneTable(seed);
  }

  /** Last frame of the side, any flow. */
  get lastNs(): Nanoseconds {
    return this.setBacks.latestNs;
  }

  take(slot: Slot, isCopy: Uint8Array | null): void {
    const baseNs = this.baseDistanceNs(slot.chunk.segment);
    let noted = slot.firstFrame;
    this.noteProtocols(slot);
    this.lanes.begin(slot);
    const { identities } = slot;
    let frame = -1;
    for (let row = 0; row < identities.rows.length; row++) {
      const index = identities.rows.frame[row];
      if (index !== frame) {
        frame = index;
        this.innerFlows.length = 0;
        for (; noted <= index; noted++) this.noteFrame(slot.chunk.frames.timeNs[noted] + baseNs);
      }
      if (isCopy !== null && isCopy[index] === 1) continue;
      this.takeRow(slot, row, index, baseNs);
    }
    for (; noted < slot.nextFrame; noted++) this.noteFrame(slot.chunk.frames.timeNs[noted] + baseNs);
  }

  /** No more frames will come. */
  end(): void {
    this.setBacks.end();
  }

  /** Time from the base of the record's own segment. */
  segmentTimeNs(segment: number, timeNs: Nanoseconds): Nanoseconds {
    return timeNs - this.baseDistanceNs(segment);
  }

  /** Where the records begin that `store.read` gives out, made to run on; NaN where that is the first of all. */
  cutNs(lastBlocks?: number): Nanoseconds {
    return this.store.cutNs(lastBlocks) + this.setBacks.shiftAt(this.store.firstOrdinal(lastBlocks));
  }

  private takeRow(slot: Slot, row: number, index: number, baseNs: Nanoseconds): void {
    const { identities, chunk } = slot;
    const { frames } = chunk;
    const flags = identities.flags[row];
    const local = identities.rows.flow[row];
    if (local < 0) return;
    const flow = this.lanes.flowOf(local, (flags & IDENTITY_FRAGMENT) !== 0);
    if (flow < 0) return;
    const lane = flow * 2 + identities.rows.direction[row];
    const level = flags & IDENTITY_LEVEL_MASK;
    this.countLane(lane, level, (flags & 0x1000) !== 0);
    this.protocols[lane] |= this.protocolsOfFrame[index];
    this.noteCarrier(flow, identities.rows.frame[row], flags);
    const timeNs = frames.timeNs[index] + baseNs;
    if (Number.isNaN(timeNs)) {
      this.withoutTime++;
      return;
    }
    const block = this.store.blockToFill();
    const record = block.length++;
    this.writeRecord(block, record, slot, row, index, lane, timeNs);
    this.sketch(block, record, level, lane, timeNs);
    this.recordCount++;
  }

  private writeRecord(
    block: RecordBlock,
    record: number,
    slot: Slot,
    row: number,
    index: number,
    lane: number,
    timeNs: Nanoseconds,
  ): void {
    const { identities, chunk } = slot;
    const { digests, place } = this;
    block.setTimeNs(record, timeNs);
    digests.shape = identities.shape[row];
    digests.head = identities.head[row];
    digests.body = identities.body[row];
    digests.full = identities.full[row];
    place.lane = lane;
    place.frame = chunk.frames.number[index];
    place.capture = chunk.frames.capture[index];
    place.segment = chunk.segment;
    block.write(record, digests, place);
    const at = record * RECORD_WORDS;
    const { words } = block;
    words[at + 9] = identities.networkLength[row];
    words[at + 10] = identities.offset[row];
    words[at + 11] = identities.length[row];
    words[at + 12] = identities.identification[row];
    words[at + 13] = identities.acknowledgment[row];
    words[at + 14] = identities.flags[row];
    words[at + 15] = identities.timeToLive[row] | (identities.trafficClass[row] << 8);
    words[at + 16] = identities.options[row];
    words[at + 17] = identities.masked[row];
    block.protocols[record] = this.protocolsOfFrame[index];
  }

  private sketch(block: RecordBlock, record: number, level: number, lane: number, timeNs: Nanoseconds): void {
    const { recordCount } = this;
    const hop = block.timeToLive(record);
    const identification = block.identification(record);
    const shape = block.shape(record);
    const content = level >= LEVEL_BODY ? block.digest(record, LEVEL_BODY) : Number.NaN;
    if (level >= LEVEL_BODY) {
      const hash = hashOf(content, shape);
      this.byContent.add(hash, timeNs, lane, hop, identification, recordCount, content);
    }
    if (level >= LEVEL_BODY && block.payloadLength(record) > 0 && this.lanes.isTcp(lane)) {
      const hash = hashOf(block.digest(record, LEVEL_BODY), block.payloadLength(record));
      const [sequence, acknowledgment] = [block.offset(record), block.acknowledgment(record)];
      this.byPayload.add(hash, timeNs, lane, acknowledgment, sequence, recordCount, content);
    }
    if (level >= LEVEL_SHAPE && (block.flags(record) & IDENTITY_ARP) === 0) {
      const hash = hashOf(shape, Math.imul(identification + 1, 0x2c1b3c6d));
      this.byHeader.add(hash, timeNs, lane, hop, identification, recordCount, content);
    }
  }

  private countLane(lane: number, level: number, isOutbound: boolean): void {
    if (lane >= this.packets.length) {
      const length = lane * 2;
      this.packets = grown(this.packets, length);
      this.outbound = grown(this.outbound, length);
      this.protocols = grown(this.protocols, length);
      const levels = new Uint8Array(length).fill(LEVEL_FULL);
      levels.set(this.levels);
      this.levels = levels;
    }
    this.packets[lane]++;
    if (isOutbound) this.outbound[lane]++;
    if (level < this.levels[lane]) this.levels[lane] = level;
  }

  /** Rows of inner packets come before the row of the packet that carries them. */
  private noteCarrier(flow: number, _frame: number, flags: number): void {
    if (flow >= this.carriers.length) {
      const carriers = new Int32Array(flow * 2).fill(-1);
      carriers.set(this.carriers);
      this.carriers = carriers;
    }
    if ((flags & 0x0f00) !== 0) {
      this.innerFlows.push(flow);
      return;
    }
    for (const inner of this.innerFlows) this.carriers[inner] = flow;
  }

  private noteFrame(timeNs: Nanoseconds): void {
    if (Number.isNaN(timeNs)) return;
    if (Number.isNaN(this.firstNs)) this.firstNs = timeNs;
    this.setBacks.note(timeNs, this.recordCount);
  }

  private baseDistanceNs(segment: number): Nanoseconds {
    const base = this.segments[segment]?.baseNs ?? 0n;
    return Number(base - (this.segments[0]?.baseNs ?? 0n));
  }

  private noteProtocols(slot: Slot): void {
    const { frameCount } = slot.chunk;
    if (this.protocolsOfFrame.length < frameCount) this.protocolsOfFrame = new Uint32Array(frameCount * 2);
    this.protocolsOfFrame.fill(0, slot.firstFrame, slot.nextFrame);
    const tables = Math.min(slot.tables.length, PROTOCOLS_MAX);
    for (let table = 0; table < tables; table++) {
      const { rows } = slot.tables[table];
      for (let row = 0; row < rows.length; row++) {
        if (rows.claim[row] !== CLAIM_WEAK && rows.frame[row] < frameCount)
          this.protocolsOfFrame[rows.frame[row]] |= 1 << table;
      }
    }
  }
}

/** A whole number below 2^53 of two digests. */
export function hashOf(low: number, high: number): number {
  let a = Math.imul(low ^ (high >>> 15), 0x2c1b3c6d);
  a = Math.imul(a ^ (a >>> 12) ^ high, 0x297a2d39);
  const b = Math.imul(high ^ (a >>> 15), 0x45d9f3b3);
  return ((b ^ (b >>> 16)) & 0x1f_ffff) * 2 ** 32 + ((a ^ (a >>> 13)) >>> 0);
}

function grown(column: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(column);
  return larger;
}
