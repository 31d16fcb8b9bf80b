import { IDENTITY_TCP_FLAGS_SHIFT, LEVEL_BODY, LEVEL_FULL } from '../observe/engine-tables.js';
import type { Nanoseconds } from '../units.js';
import type { RecordBlock } from './identity-record.js';
import type { Lane } from './lane-table.js';
import type { Side } from './side.js';

export interface InnerPart {
  readonly stream: number;
  readonly from: number;
  readonly length: number;
}

/**
 * A packet as one side captured it, while it waits for the other side. Most are used again for other packets, so fields
 * that may exceed 31 bits begin as doubles: their kind is never to change.
 */
export class ComparedPacket {
  side: Side = 'a';
  channel = 0;
  /** On B's clock, whichever side it is of. */
  timeNs: Nanoseconds = Number.NaN;
  /** On its own side's clock, made to run on where that was set back, and as the capture states it. */
  ownTimeNs: Nanoseconds = Number.NaN;
  statedTimeNs: Nanoseconds = Number.NaN;
  lane: Lane = 0;
  frame = 0;
  capture = 0;
  segment = 0;
  shape = 0;
  /** The digest of the channel's level. */
  digest = 0;
  full = 0;
  /** Digests of the payload alone, as far as both sides captured it: of its first 48 bytes, and of the rest. */
  body = 0;
  rest = 0;
  identification = 0;
  offset = Number.NaN;
  length = 0;
  networkLength = 0;
  acknowledgment = Number.NaN;
  flags = 0;
  trafficClass = 0;
  options = 0;
  masked = 0;
  protocols = 0;
  /** The same packet on the other side. */
  partner: ComparedPacket | null = null;
  /** How it arrived, where not as it left. */
  change: 'none' | 'recut' | 'modified' = 'none';
  /** Arrival of the last piece of a packet that was cut otherwise. */
  arrivedNs = Number.NaN;
  /** A segment of TCP whose bytes the receiver had acknowledged before it was sent. */
  isRepeated = false;
  /** Bytes of a stream of TCP inside the tunnel that the packet belongs to, which nobody acknowledged before it was sent. */
  inner: InnerPart | null = null;
  bucket: Bucket | null = null;
  /** In the ring of its bucket. */
  nextEqual: ComparedPacket | null = null;
  /** Position among the sender's packets of its channel. */
  ordinal = 0;
  /** Of TCP: how many connections of the same ports came before. */
  connection = 0;
  isSettled = false;
  /** Something may refer to it after it is settled: never to be used again for another packet. */
  isHeld = false;
  /** It arrived without a partner, and is among those in which one is looked for. */
  isIndexed = false;

  /** Becomes a packet that nothing is known of but its record. */
  read(
    side: Side,
    channel: number,
    block: RecordBlock,
    record: number,
    level: number,
    timeNs: Nanoseconds,
    ownTimeNs: Nanoseconds,
  ): void {
    this.side = side;
    this.channel = channel;
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
    this.isRepeated = false;
    this.inner = null;
    this.ordinal = 0;
    this.connection = 0;
    this.isSettled = false;
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

/** Packets of one identity that are in flight or were so a moment ago. Used again for another identity afterwards. */
export class Bucket {
  channel = 0;
  shape = 0;
  digest = 0;
  /** 0 where the path gives packets other identifications. */
  identification = 0;
  hash = 0;
  /** The next one of the same row of the table. */
  next: Bucket | null = null;
  /** Not yet found on the other side: the last one of each ring, null where none is. */
  sent: ComparedPacket | null = null;
  received: ComparedPacket | null = null;
  sentCount = 0;
  matched = 0;
  alive = 0;
}

/** Packets that nothing refers to any more. Bounded as the packets that wait are. */
export class SparePackets {
  private readonly packets: ComparedPacket[] = [];

  take(): ComparedPacket {
    return this.packets.pop() ?? new ComparedPacket();
  }

  /** A packet that is no part of a pair, or is taken out of it, and in no bucket. */
  put(packet: ComparedPacket): void {
    packet.partner = null;
    this.packets.push(packet);
  }
}
