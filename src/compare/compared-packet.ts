import { IDENTITY_TCP_FLAGS_SHIFT, LEVEL_BODY, LEVEL_FULL } from '../observe/engine-tables.js';
import type { Nanoseconds } from '../units.js';
import type { RecordBlock } from './identity-record.js';
import type { Lane } from './lane-table.js';
import type { Side } from './plan.js';

/** A packet as one side captured it, while it waits for the other side. */
export class ComparedPacket {
  /** On B's clock, whichever side it is of. */
  readonly timeNs: Nanoseconds;
  /** On its own side's clock, made to run on where that was set back, and as the capture states it. */
  readonly ownTimeNs: Nanoseconds;
  readonly statedTimeNs: Nanoseconds;
  readonly lane: Lane;
  readonly frame: number;
  readonly capture: number;
  readonly segment: number;
  shape: number;
  /** The digest of the channel's level. */
  digest: number;
  full: number;
  /** Digests of the payload alone, as far as both sides captured it: of its first 48 bytes, and of the rest. */
  readonly body: number;
  readonly rest: number;
  readonly identification: number;
  offset: number;
  readonly length: number;
  readonly networkLength: number;
  acknowledgment: number;
  readonly flags: number;
  readonly trafficClass: number;
  readonly options: number;
  readonly masked: number;
  readonly protocols: number;
  /** The same packet on the other side. */
  partner: ComparedPacket | null = null;
  /** How it arrived, where not as it left. */
  change: 'none' | 'recut' | 'modified' = 'none';
  /** Arrival of the last piece of a packet that was cut otherwise. */
  arrivedNs = Number.NaN;
  /** A segment of TCP whose bytes the receiver had acknowledged before it was sent. */
  isRepeated = false;
  bucket: Bucket | null = null;
  /** Position among the sender's packets of its channel. */
  ordinal = 0;
  /** Of TCP: how many connections of the same ports came before. */
  connection = 0;

  constructor(
    readonly side: Side,
    readonly channel: number,
    block: RecordBlock,
    record: number,
    level: number,
    timeNs: Nanoseconds,
    ownTimeNs: Nanoseconds,
  ) {
    this.timeNs = timeNs;
    this.ownTimeNs = ownTimeNs;
    this.statedTimeNs = block.timeNs(record);
    this.lane = block.lane(record);
    this.frame = block.frameNumber(record);
    this.capture = block.captureIndex(record);
    this.segment = block.segment(record);
    this.shape = block.shape(record);
    this.digest = block.digest(record, level);
    this.full = block.digest(record, LEVEL_FULL);
    this.body = level < LEVEL_BODY ? this.digest : block.digest(record, LEVEL_BODY);
    this.rest = level < LEVEL_FULL ? 0 : (this.full - this.body) | 0;
    this.identification = block.identification(record);
    this.offset = block.offset(record);
    this.length = block.payloadLength(record);
    this.networkLength = block.networkLength(record);
    this.acknowledgment = block.acknowledgment(record);
    this.flags = block.flags(record);
    this.trafficClass = block.trafficClass(record);
    this.options = block.options(record);
    this.masked = block.masked(record);
    this.protocols = block.protocols[record];
  }

  /** Changes the digests as if the transport header had another digest. */
  addToHeader(change: number, isInDigest: boolean): void {
    this.shape = (this.shape + change) | 0;
    this.full = (this.full + change) | 0;
    if (isInDigest) this.digest = (this.digest + change) | 0;
  }

  get tcpFlags(): number {
    return (this.flags >>> IDENTITY_TCP_FLAGS_SHIFT) & 0xff;
  }

  get isOpen(): boolean {
    return this.partner === null && this.change === 'none';
  }
}

/** Packets of one identity that are in flight or were so a moment ago. */
export interface Bucket {
  readonly key: number;
  /** Not yet found on the other side, in order; null where none is. */
  sent: ComparedPacket[] | null;
  received: ComparedPacket[] | null;
  sentCount: number;
  matched: number;
  alive: number;
}
