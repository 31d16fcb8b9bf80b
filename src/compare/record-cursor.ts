import {
  IDENTITY_DEPTH_MASK,
  IDENTITY_DEPTH_SHIFT,
  IDENTITY_FRAGMENT,
  IDENTITY_LEVEL_MASK,
  IDENTITY_TCP_FLAGS_SHIFT,
  LEVEL_NONE,
} from '../observe/engine-tables.js';
import type { Nanoseconds } from '../units.js';
import type { ComparedPacket } from './compared-packet.js';
import type { Collectors } from './flow-pairs.js';
import type { RecordBlock } from './identity-record.js';
import type { LaneTable } from './lane-table.js';
import type { Plan } from './plan.js';
import type { SetBacks } from './set-backs.js';
import type { Side } from './side.js';

const WAITING_LEAST = 1 << 12;
const INSIDE_TUNNEL = IDENTITY_DEPTH_MASK << IDENTITY_DEPTH_SHIFT;

/** First in, first out: a ring that doubles when it is full. */
export class Waiting {
  private packets: (ComparedPacket | null)[] = new Array<ComparedPacket | null>(WAITING_LEAST).fill(null);
  private mask = WAITING_LEAST - 1;
  private head = 0;
  length = 0;
  /** Of the first packet; infinite where there is none. Asked far more often than the packet itself. */
  firstNs: Nanoseconds = Number.POSITIVE_INFINITY;

  get first(): ComparedPacket | null {
    return this.packets[this.head];
  }

  push(packet: ComparedPacket): void {
    if (this.length > this.mask) this.grow();
    if (this.length === 0) this.firstNs = packet.timeNs;
    this.packets[(this.head + this.length) & this.mask] = packet;
    this.length++;
  }

  *all(): IterableIterator<ComparedPacket> {
    for (let index = 0; index < this.length; index++) {
      const packet = this.packets[(this.head + index) & this.mask];
      if (packet) yield packet;
    }
  }

  /** Of one that is not empty. */
  shift(): void {
    this.packets[this.head] = null;
    this.head = (this.head + 1) & this.mask;
    this.length--;
    this.firstNs = this.first?.timeNs ?? Number.POSITIVE_INFINITY;
  }

  private grow(): void {
    const { packets } = this;
    const grown = new Array<ComparedPacket | null>(packets.length * 2).fill(null);
    for (let index = 0; index < this.length; index++) grown[index] = packets[(this.head + index) & this.mask];
    this.packets = grown;
    this.mask = grown.length - 1;
    this.head = 0;
  }
}

/** A TCP segment inside a tunnel, as one record says. */
export interface InnerRow {
  lane: number;
  offset: number;
  length: number;
  acknowledgment: number;
  tcpFlags: number;
}

/** The records of a side that belong to a channel, one after the other, those before `sinceNs` left out. */
export class Cursor {
  block: RecordBlock;
  record = -1;
  isAtEnd = false;
  /** What the innermost segment of a frame says; records of inner packets come before that of the one around them. */
  private readonly innerRow: InnerRow = { lane: 0, offset: 0, length: 0, acknowledgment: 0, tcpFlags: 0 };
  private innerFrame = -1;
  private readonly blocks: Iterator<RecordBlock>;
  private readonly setBacks: SetBacks;
  private readonly lanes: LaneTable;
  private ordinal: number;
  /** What makes times run on up to the record `shiftedTo`. */
  private shiftNs: Nanoseconds = 0;
  private shiftedTo = -1;

  constructor(
    readonly side: Side,
    collectors: Collectors,
    private readonly plan: Plan,
    lastBlocks = Number.POSITIVE_INFINITY,
    private readonly sinceNs: Nanoseconds = Number.NEGATIVE_INFINITY,
  ) {
    const { store, setBacks, lanes } = collectors[side];
    this.lanes = lanes;
    this.setBacks = setBacks;
    this.ordinal = store.firstOrdinal(lastBlocks) - 1;
    this.blocks = store.read(lastBlocks);
    this.block = this.blocks.next().value;
    this.advance();
  }

  /** Made to run on where the clock was set back. */
  get timeNs(): Nanoseconds {
    return this.block.timeNs(this.record) + this.shiftNs;
  }

  get channel(): number {
    return this.plan.channelOf[this.side].at(this.block.lane(this.record), this.timeNs);
  }

  /** The TCP segment inside the packet at which the cursor stands, where another record shows one. */
  get inner(): InnerRow | null {
    const { block, record } = this;
    if (this.innerFrame !== block.frameNumber(record)) return null;
    return (block.flags(record) & INSIDE_TUNNEL) === 0 ? this.innerRow : null;
  }

  advance(): void {
    const channels = this.plan.channelOf[this.side];
    for (;;) {
      this.record++;
      this.ordinal++;
      if (this.ordinal > this.shiftedTo) this.nextShift();
      while (this.record >= this.block.length) {
        const next = this.blocks.next();
        if (next.done === true) {
          this.isAtEnd = true;
          return;
        }
        this.block = next.value;
        this.record = 0;
      }
      if (channels.has(this.block.lane(this.record)) && this.timeNs >= this.sinceNs) return;
      if ((this.block.flags(this.record) & INSIDE_TUNNEL) !== 0) this.noteInner();
    }
  }

  private noteInner(): void {
    const { block, record, innerRow } = this;
    const frame = block.frameNumber(record);
    const lane = block.lane(record);
    if (frame === this.innerFrame || !this.lanes.isTcp(lane)) return;
    const flags = block.flags(record);
    if ((flags & IDENTITY_LEVEL_MASK) === LEVEL_NONE || (flags & IDENTITY_FRAGMENT) !== 0) return;
    this.innerFrame = frame;
    innerRow.lane = lane;
    innerRow.offset = block.offset(record);
    innerRow.length = block.payloadLength(record);
    innerRow.acknowledgment = block.acknowledgment(record);
    innerRow.tcpFlags = (flags >>> IDENTITY_TCP_FLAGS_SHIFT) & 0xff;
  }

  private nextShift(): void {
    this.shiftNs = this.setBacks.shiftAt(this.ordinal);
    const next = this.setBacks.all.find(({ ordinal }) => ordinal > this.ordinal);
    this.shiftedTo = next === undefined ? Number.POSITIVE_INFINITY : next.ordinal - 1;
  }
}
