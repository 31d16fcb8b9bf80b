import type { TimeSegment } from '../capture/capture-source.js';
import type { IdentitySink } from '../correlate/identity-sink.js';
import {
  IDENTITY_ARP,
  IDENTITY_DEPTH_MASK,
  IDENTITY_DEPTH_SHIFT,
  IDENTITY_FRAGMENT,
  IDENTITY_LEVEL_MASK,
  IDENTITY_OUTBOUND,
  LEVEL_BODY,
  LEVEL_FULL,
  LEVEL_SHAPE,
} from '../observe/engine-tables.js';
import type { Slot } from '../observe/slot.js';
import type { Nanoseconds } from '../units.js';
import { writeRows } from './identity-record.js';
import { IdentitySketch, SKETCH_KEPT } from './identity-sketch.js';
import { IdentityStore, type StoreBounds } from './identity-store.js';
import { LaneTable } from './lane-table.js';
import { SetBacks } from './set-backs.js';

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

  /** Flows of the rows of the current frame that are inside tunnels. */
  private readonly innerFlows: number[] = [];
  private innerCount = 0;
  /** Rows of the current round that become records, and the lane of each. */
  private rows = new Uint32Array(1024);
  private laneOfRow = new Int32Array(1024);

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

  /** Time of the calendar from which all times here are counted. */
  get baseNs(): bigint {
    return this.segments[0]?.baseNs ?? 0n;
  }

  /** Last frame of the side, any flow. */
  get lastNs(): Nanoseconds {
    return this.setBacks.latestNs;
  }

  take(slot: Slot, isCopy: Uint8Array | null): void {
    const baseNs = this.baseDistanceNs(slot.chunk.segment);
    this.lanes.begin(slot);
    const count = this.chooseRows(slot, isCopy, baseNs);
    this.writeRecords(slot, count, baseNs);
    this.sketchRows(slot, count, baseNs);
    this.recordCount += count;
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

  /**
   * Counts the packets of every lane, and writes the rows that become records into `rows`, with their `laneOfRow`.
   * @returns how many they are
   */
  private chooseRows(slot: Slot, isCopy: Uint8Array | null, baseNs: Nanoseconds): number {
    const { frame: frames, flow: flows, direction: directions, length } = slot.identities.rows;
    const { flags: flagsOf } = slot.identities;
    const { timeNs } = slot.chunk.frames;
    if (this.rows.length < length) {
      this.rows = new Uint32Array(length * 2);
      this.laneOfRow = new Int32Array(length * 2);
    }
    const { rows, laneOfRow, lanes } = this;
    let noted = slot.firstFrame;
    let count = 0;
    for (let row = 0; row < length; row++) {
      const index = frames[row];
      if (index >= noted) this.innerCount = 0;
      for (; noted <= index; noted++) this.noteFrame(timeNs[noted] + baseNs, count);
      if (flows[row] < 0 || (isCopy !== null && isCopy[index] === 1)) continue;
      const flags = flagsOf[row];
      const flow = lanes.flowOf(flows[row], (flags & IDENTITY_FRAGMENT) !== 0);
      if (flow < 0) continue;
      const lane = flow * 2 + directions[row];
      this.countLane(lane, flags, slot.protocols[index]);
      this.noteCarrier(flow, flags);
      rows[count] = row;
      laneOfRow[count] = lane;
      if (Number.isNaN(timeNs[index])) this.withoutTime++;
      else count++;
    }
    for (; noted < slot.nextFrame; noted++) this.noteFrame(timeNs[noted] + baseNs, count);
    return count;
  }

  private writeRecords(slot: Slot, count: number, baseNs: Nanoseconds): void {
    for (let from = 0; from < count; ) {
      const block = this.store.blockToFill();
      const to = Math.min(count, from + block.capacity - block.length);
      writeRows(block, slot, this.rows, this.laneOfRow, from, to, baseNs);
      from = to;
    }
  }

  /** Most packets are above the thresholds of the sketches, which is why these are asked first. */
  private sketchRows({ identities, chunk }: Slot, count: number, baseNs: Nanoseconds): void {
    const { rows, laneOfRow, recordCount, byContent, byPayload, byHeader, lanes } = this;
    const { shape: shapes, body, flags: flagsOf, length, identification, timeToLive } = identities;
    const { offset, acknowledgment } = identities;
    const { frame: frames } = identities.rows;
    for (let taken = 0; taken < count; taken++) {
      const row = rows[taken];
      const flags = flagsOf[row];
      const level = flags & IDENTITY_LEVEL_MASK;
      if (level < LEVEL_SHAPE) continue;
      const shape = shapes[row];
      const content = level >= LEVEL_BODY ? body[row] : Number.NaN;
      const lane = laneOfRow[taken];
      const timeNs = chunk.frames.timeNs[frames[row]] + baseNs;
      const ordinal = recordCount + taken;
      if (level >= LEVEL_BODY) {
        const hash = hashOf(body[row], shape);
        if (hash < byContent.threshold)
          byContent.add(hash, timeNs, lane, timeToLive[row], identification[row], ordinal, content);
        if (length[row] > 0 && lanes.isTcp(lane)) {
          const byData = hashOf(body[row], length[row]);
          if (byData < byPayload.threshold) {
            const hop = packHop(timeToLive[row], identification[row]);
            byPayload.add(byData, timeNs, lane, acknowledgment[row], offset[row], ordinal, hop);
          }
        }
      }
      if ((flags & IDENTITY_ARP) !== 0) continue;
      const hash = hashOf(shape, Math.imul(identification[row] + 1, 0x2c1b3c6d));
      if (hash < byHeader.threshold)
        byHeader.add(hash, timeNs, lane, timeToLive[row], identification[row], ordinal, content);
    }
  }

  private countLane(lane: number, flags: number, protocols: number): void {
    if (lane >= this.packets.length) this.growLanes(lane * 2);
    this.packets[lane]++;
    if ((flags & IDENTITY_OUTBOUND) !== 0) this.outbound[lane]++;
    const level = flags & IDENTITY_LEVEL_MASK;
    if (level < this.levels[lane]) this.levels[lane] = level;
    this.protocols[lane] |= protocols;
  }

  private growLanes(length: number): void {
    this.packets = grown(this.packets, length);
    this.outbound = grown(this.outbound, length);
    this.protocols = grown(this.protocols, length);
    const levels = new Uint8Array(length).fill(LEVEL_FULL);
    levels.set(this.levels);
    this.levels = levels;
  }

  /** Rows of inner packets come before the row of the packet that carries them. */
  private noteCarrier(flow: number, flags: number): void {
    if (flow >= this.carriers.length) {
      const carriers = new Int32Array(flow * 2).fill(-1);
      carriers.set(this.carriers);
      this.carriers = carriers;
    }
    if ((flags & (IDENTITY_DEPTH_MASK << IDENTITY_DEPTH_SHIFT)) !== 0) {
      this.innerFlows[this.innerCount++] = flow;
      return;
    }
    for (let inner = 0; inner < this.innerCount; inner++) this.carriers[this.innerFlows[inner]] = flow;
  }

  /** `taken`: records of the round before it. */
  private noteFrame(timeNs: Nanoseconds, taken: number): void {
    if (Number.isNaN(timeNs)) return;
    if (Number.isNaN(this.firstNs)) this.firstNs = timeNs;
    this.setBacks.note(timeNs, this.recordCount + taken);
  }

  private baseDistanceNs(segment: number): Nanoseconds {
    const base = this.segments[segment]?.baseNs ?? 0n;
    return Number(base - this.baseNs);
  }
}

/** Time to live and identification of an IP header in one number. */
function packHop(timeToLive: number, identification: number): number {
  return timeToLive * 2 ** 32 + identification;
}

export function hopOf(packed: number): { timeToLive: number; identification: number } {
  const timeToLive = Math.floor(packed / 2 ** 32);
  return { timeToLive, identification: packed - timeToLive * 2 ** 32 };
}

/** A whole number below 2^53 of two digests. */
function hashOf(low: number, high: number): number {
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
