import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { DESTINATION_PORT, SOURCE_PORT, UDP_HEADER_LENGTH } from '../wire/transport.js';
import type { FlowRegistry } from './flow-registry.js';
import type { FlowStates } from './flow-states.js';
import { datagramOfPiece, type Siblings } from './fragmented-datagram.js';
import type { Piece, PieceClock } from './piece.js';

const DATAGRAM_BYTES_MAX = 65_536;
/** Fragment offsets count in units of 8 bytes (RFC 791, section 3.1). */
const UNIT = 8;
const OPEN_MAX = 4096;
const BYTES_MAX = 16 << 20;
const BUFFER_BYTES_MIN = 2048;
/** How long a datagram may stay incomplete: the reassembly time of Linux and most routers. */
const OPEN_NS_MAX = 30 * NS_PER_SECOND;
/**
 * For how long late duplicates of a finished datagram are known as such. Short, because a busy pair uses its 65,536
 * identifications up within seconds.
 */
const FINISHED_NS_MAX = NS_PER_SECOND;

export interface DatagramCounts {
  /** Put together and read. */
  completed: number;
  /** Owned by nobody who reads datagrams put together; their bytes are not kept. */
  unclaimed: number;
  /** Complete, but the capture or PIECE_BYTES_MAX cut a fragment. */
  cut: number;
  /** Fragments that contradict each other, or a UDP header that contradicts the datagram. */
  malformed: number;
  /** Not complete after 30 s, at the end of their time segment, or when their flow was evicted. */
  abandoned: number;
  /** Given up because of a bound, and the bytes that they held. */
  refused: number;
  refusedBytes: number;
}

class Datagram {
  bytes: Uint8Array = new Uint8Array(BUFFER_BYTES_MIN);
  /** One bit a unit. */
  isReceived: Uint8Array = new Uint8Array(DATAGRAM_BYTES_MAX / UNIT / 8);
  receivedUnits = 0;
  /** Length of the datagram, or -1 before its last fragment was seen. */
  length = -1;
  end = 0;
  isCut = false;
  isFinished = false;
  finishedNs: Nanoseconds = 0;

  constructor(
    readonly siblings: Siblings<Datagram>,
    readonly key: number,
    readonly firstNs: Nanoseconds,
  ) {}

  get isComplete(): boolean {
    return this.length >= 0 && this.receivedUnits === Math.ceil(this.length / UNIT);
  }

  get heldBytes(): number {
    return this.bytes.length + this.isReceived.length;
  }

  /** Takes what is new in a fragment; the first bytes to arrive stay. False where it contradicts what is known. */
  add(piece: Piece): boolean {
    // All fragments but the last are multiples of 8 long; hosts cut the remainder.
    const length = piece.hasMore ? piece.wireLength - (piece.wireLength % UNIT) : piece.wireLength;
    const end = piece.offset + length;
    if (end > DATAGRAM_BYTES_MAX || (this.length >= 0 && end > this.length)) return false;
    if (!piece.hasMore) {
      if (end < this.end || (this.length >= 0 && this.length !== end)) return false;
      this.length = end;
    }
    this.end = Math.max(this.end, end);
    this.reserve(end);
    for (let at = 0; at < length; at += UNIT) this.addUnit(piece, at, Math.min(at + UNIT, length));
    return true;
  }

  private addUnit(piece: Piece, from: number, to: number): void {
    const unit = (piece.offset + from) / UNIT;
    const bit = 1 << (unit & 7);
    if ((this.isReceived[unit >> 3] & bit) !== 0) return;
    this.isReceived[unit >> 3] |= bit;
    this.receivedUnits++;
    if (to > piece.bytes.length) this.isCut = true;
    for (let at = from; at < to && at < piece.bytes.length; at++)
      this.bytes[piece.offset + at] = piece.bytes[at];
  }

  private reserve(end: number): void {
    if (end <= this.bytes.length) return;
    let length = this.bytes.length;
    while (length < end) length *= 2;
    const larger = new Uint8Array(length);
    larger.set(this.bytes);
    this.bytes = larger;
  }
}

/**
 * Puts UDP datagrams together from IP fragments in any order. Bounded: 64 KiB a datagram, 4,096 open datagrams and
 * 16 MiB in all, beyond which the one that began first is given up; 30 s of capture time.
 */
export class DatagramAssembly {
  readonly counts: DatagramCounts = {
    completed: 0,
    unclaimed: 0,
    cut: 0,
    malformed: 0,
    abandoned: 0,
    refused: 0,
    refusedBytes: 0,
  };
  private readonly flowStates: FlowStates<Siblings<Datagram>>;
  /** In order of their first fragment, and of their end. */
  private readonly open = new Set<Datagram>();
  private readonly finished = new Set<Datagram>();
  private heldBytes = 0;

  /** `wants` tells whether anybody reads datagrams of these ports when they are put together. */
  constructor(
    flows: FlowRegistry,
    private readonly clock: PieceClock,
    private readonly wants: (sourcePort: number, destinationPort: number) => boolean,
  ) {
    this.flowStates = flows.trackStates((datagrams) => {
      for (const datagram of datagrams.values()) this.forget(datagram);
    });
  }

  /** Datagrams that still wait for fragments. */
  get openCount(): number {
    return this.open.size;
  }

  /** The UDP datagram, header included, that the fragment completes; else null. */
  add(piece: Piece): Uint8Array | null {
    this.expire();
    const datagram = this.datagramOf(piece);
    if (datagram.isFinished) return null;
    const held = datagram.heldBytes;
    const fits = datagram.add(piece);
    this.heldBytes += datagram.heldBytes - held;
    if (!fits) {
      this.counts.malformed++;
      this.finish(datagram);
      return null;
    }
    if (piece.offset === 0 && !this.isWanted(piece.bytes)) {
      this.counts.unclaimed++;
      this.finish(datagram);
      return null;
    }
    if (!datagram.isComplete) {
      this.keepWithinBounds();
      return null;
    }
    const bytes = datagram.bytes.subarray(0, datagram.length);
    const { isCut } = datagram;
    this.finish(datagram);
    if (!isCut) return bytes;
    this.counts.cut++;
    return null;
  }

  endSegment(): void {
    this.flowStates.clear();
  }

  private datagramOf(piece: Piece): Datagram {
    return datagramOfPiece(this.flowStates, piece, (siblings, key) => {
      const datagram = new Datagram(siblings, key, this.clock.nowNs);
      this.open.add(datagram);
      this.heldBytes += datagram.heldBytes;
      return datagram;
    });
  }

  private isWanted(bytes: Uint8Array): boolean {
    // Without its ports the first fragment cannot be judged; the cut shows when the datagram is complete.
    if (bytes.length < UDP_HEADER_LENGTH) return true;
    return this.wants(portAt(bytes, SOURCE_PORT), portAt(bytes, DESTINATION_PORT));
  }

  private expire(): void {
    const { nowNs } = this.clock;
    for (const datagram of this.open) {
      if (!(nowNs - datagram.firstNs > OPEN_NS_MAX)) break;
      this.forget(datagram);
    }
    for (const datagram of this.finished) {
      if (!(nowNs - datagram.finishedNs > FINISHED_NS_MAX)) break;
      this.forget(datagram);
    }
  }

  private keepWithinBounds(): void {
    for (const datagram of this.open) {
      if (this.open.size <= OPEN_MAX && this.heldBytes <= BYTES_MAX) return;
      this.counts.refused++;
      this.counts.refusedBytes += datagram.receivedUnits * UNIT;
      this.finish(datagram);
    }
  }

  /** Frees the bytes and keeps the name, so that what still arrives of the datagram does not open it again. */
  private finish(datagram: Datagram): void {
    this.heldBytes -= datagram.heldBytes;
    this.open.delete(datagram);
    datagram.isFinished = true;
    datagram.bytes = NO_BYTES;
    datagram.isReceived = NO_BYTES;
    datagram.finishedNs = this.clock.nowNs;
    this.finished.add(datagram);
    for (const oldest of this.finished) {
      if (this.finished.size <= OPEN_MAX) break;
      this.forget(oldest);
    }
  }

  private forget(datagram: Datagram): void {
    datagram.siblings.delete(datagram.key);
    if (datagram.isFinished) {
      this.finished.delete(datagram);
      return;
    }
    this.counts.abandoned++;
    this.heldBytes -= datagram.heldBytes;
    this.open.delete(datagram);
  }
}

const NO_BYTES = new Uint8Array(0);

function portAt(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}
