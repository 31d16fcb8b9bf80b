import { IDENTITY_FRAGMENT } from '../observe/engine-tables.js';
import { TCP_ACK, TCP_SYN } from '../wire/transport.js';
import type { ComparedPacket } from './compared-packet.js';
import type { Collectors } from './flow-pairs.js';
import type { Lane } from './lane-table.js';
import type { InnerRow } from './record-cursor.js';
import { SequenceRanges } from './sequence-ranges.js';
import type { Side } from './side.js';

const FLOWS_MAX = 1 << 16;
/** First fragments of a flow whose bytes are kept apart from those that arrived whole. */
const FRAGMENTS_KEPT = 4096;
const UNKNOWN = -2;
const NONE = -1;

/** One direction of a TCP connection inside a tunnel. */
interface Stream {
  /** The first byte that the receiver has not acknowledged yet; NaN before any acknowledgment. */
  acknowledged: number;
  initial: number;
  /** Bytes that the receiving capture holds. */
  readonly received: SequenceRanges;
  /** By identification of the packet around them, bytes of which it holds the first fragment. */
  readonly inFragments: Map<number, { readonly from: number; readonly length: number }>;
}

/**
 * TCP inside tunnels, at any depth: acknowledgments that either capture shows prove that a packet of the tunnel arrived
 * which the receiving capture lacks. Bounded: 65,536 streams, of each 256 ranges of bytes and 4,096 fragments.
 */
export class InnerSegments {
  /** By lane of each side the stream, NONE or UNKNOWN. */
  private readonly streamOf: Record<Side, Int32Array>;
  private readonly streams: Stream[] = [];
  private readonly byEnds = new Map<string, number>();
  /** What the first fragments that were sent hold, by channel and identification. */
  private readonly sentFragments = new Map<string, { stream: number; from: number; length: number }>();

  constructor(private readonly collectors: Collectors) {
    const unknown = (side: Side) => new Int32Array(collectors[side].lanes.flowCount * 2).fill(UNKNOWN);
    this.streamOf = { a: unknown('a'), b: unknown('b') };
  }

  /** The segment that a packet of a tunnel holds, in the order of time. */
  note(packet: ComparedPacket, row: InnerRow, isSender: boolean): void {
    const index = this.indexOf(packet.side, row.lane);
    if (index === NONE) return;
    if ((row.tcpFlags & TCP_ACK) !== 0) acknowledge(this.streams[index ^ 1], row.acknowledgment);
    const stream = this.streams[index];
    if (isSender && (row.tcpFlags & TCP_SYN) !== 0 && stream.initial !== row.offset)
      begin(stream, row.offset);
    if (row.length === 0) return;
    const isFragment = (packet.flags & IDENTITY_FRAGMENT) !== 0;
    if (!isSender) {
      if (isFragment && stream.inFragments.size < FRAGMENTS_KEPT)
        stream.inFragments.set(packet.identification, { from: row.offset, length: row.length });
      else stream.received.add(row.offset, row.length);
      return;
    }
    // What was acknowledged before it is sent proves nothing of this transmission.
    if (isReached(stream, row.offset + row.length)) return;
    const part = { stream: index, from: row.offset, length: row.length };
    if (isFragment) this.keep(packet, part);
    else packet.inner = part;
  }

  /** True where the receiver acknowledged what the packet holds, and its capture has it in no other packet. */
  wasAcknowledged(packet: ComparedPacket): boolean {
    const isFragment = (packet.flags & IDENTITY_FRAGMENT) !== 0;
    const part = isFragment ? this.sentFragments.get(keyOf(packet)) : packet.inner;
    if (!part) return false;
    const { acknowledged, received, inFragments } = this.streams[part.stream];
    if (Number.isNaN(acknowledged) || ((acknowledged - (part.from + part.length)) | 0) < 0) return false;
    if (received.holds(part.from, part.length)) return false;
    for (const [identification, { from, length }] of inFragments) {
      const covers = ((part.from - from) | 0) >= 0 && ((from + length - part.from - part.length) | 0) >= 0;
      if (covers && !(isFragment && identification === packet.identification)) return false;
    }
    return true;
  }

  private keep(packet: ComparedPacket, part: { stream: number; from: number; length: number }): void {
    if (this.sentFragments.size >= FRAGMENTS_KEPT) {
      const [oldest] = this.sentFragments.keys();
      this.sentFragments.delete(oldest);
    }
    this.sentFragments.set(keyOf(packet), part);
  }

  private indexOf(side: Side, lane: Lane): number {
    const known = this.streamOf[side][lane];
    if (known !== UNKNOWN) return known;
    const index = this.lookUp(side, lane);
    this.streamOf[side][lane] = index;
    return index;
  }

  private lookUp(side: Side, lane: Lane): number {
    const { lanes } = this.collectors[side];
    const { from, to, fromPort, toPort, stack } = lanes.ends(lane);
    const tunnel = lanes.tunnelOf(stack);
    const key = `${tunnel} ${from} ${fromPort} ${to} ${toPort}`;
    const known = this.byEnds.get(key);
    if (known !== undefined) return known;
    if (this.streams.length >= FLOWS_MAX) return NONE;
    const index = this.streams.length;
    this.streams.push(newStream(), newStream());
    this.byEnds.set(key, index);
    this.byEnds.set(`${tunnel} ${to} ${toPort} ${from} ${fromPort}`, index + 1);
    return index;
  }
}

function newStream(): Stream {
  return {
    acknowledged: Number.NaN,
    initial: Number.NaN,
    received: new SequenceRanges(),
    inFragments: new Map(),
  };
}

/** Another connection of the same ports. */
function begin(stream: Stream, initial: number): void {
  stream.initial = initial;
  stream.acknowledged = Number.NaN;
  stream.received.clear();
  stream.inFragments.clear();
}

function acknowledge(stream: Stream, number: number): void {
  if (Number.isNaN(stream.acknowledged) || ((number - stream.acknowledged) | 0) > 0)
    stream.acknowledged = number;
}

function isReached({ acknowledged }: Stream, end: number): boolean {
  return !Number.isNaN(acknowledged) && ((acknowledged - end) | 0) >= 0;
}

function keyOf({ channel, identification }: ComparedPacket): string {
  return `${channel} ${identification}`;
}
