import { type Nanoseconds, NS_PER_MILLISECOND } from '../units.js';
import type { ComparedPacket } from './compared-packet.js';

/** Sequence numbers are looked up in stretches of 16 KiB. */
const STRETCH_SHIFT = 14;
const STRETCHES = 2 ** (32 - STRETCH_SHIFT);
/** Clocks may be off by so much that a segment seems to arrive before it leaves. */
const EARLY_NS = 5 * NS_PER_MILLISECOND;

/** Bytes of a received segment that belong to a segment of the sender. */
interface Share {
  readonly piece: ComparedPacket;
  readonly from: number;
  readonly to: number;
}

/**
 * Segments of TCP that arrived, other than as they left: offload and retransmission cut the stream anew. Each byte that
 * arrived belongs to one transmission of it, the earlier ones to the earlier. Positions are 32-bit numbers that wrap.
 */
export class SegmentIndex {
  private readonly stretches = new Map<number, ComparedPacket[]>();
  /** Bytes of a segment that are known to belong to one of the sender, by segment. */
  private readonly taken = new Map<ComparedPacket, { from: number; to: number }[]>();

  add(packet: ComparedPacket): void {
    for (const key of keysOf(packet)) {
      const known = this.stretches.get(key);
      if (known) known.push(packet);
      else this.stretches.set(key, [packet]);
    }
  }

  remove(packet: ComparedPacket): void {
    this.taken.delete(packet);
    for (const key of keysOf(packet)) {
      const known = this.stretches.get(key);
      const at = known?.indexOf(packet) ?? -1;
      if (!known || at < 0) continue;
      if (known.length === 1) this.stretches.delete(key);
      else known.splice(at, 1);
    }
  }

  /** Segments without a partner that hold bytes of the packet, in order of arrival. */
  piecesOf(packet: ComparedPacket): ComparedPacket[] {
    const found = new Set<ComparedPacket>();
    for (const key of keysOf(packet)) {
      for (const piece of this.stretches.get(key) ?? []) {
        if (piece.partner === null && overlaps(piece, packet)) found.add(piece);
      }
    }
    return [...found].sort((a, b) => a.timeNs - b.timeNs);
  }

  /**
   * Gives the packet the bytes of it that arrived, and marks them as its own. `later`: transmissions of the same bytes
   * after it whose own bytes are still to be given out.
   * @returns when the last byte arrived; NaN where some did not.
   */
  claim(packet: ComparedPacket, later: readonly ComparedPacket[], leastNs: Nanoseconds): Nanoseconds {
    const pieces = this.piecesOf(packet).filter(({ timeNs }) => timeNs >= packet.timeNs - EARLY_NS);
    const after = later.filter((one) => overlaps(one, packet));
    const end = packet.offset + packet.length;
    const shares: Share[] = [];
    let isWhole = true;
    for (let at = packet.offset; ((end - at) | 0) > 0; ) {
      const piece = this.pieceAt(at, pieces, after, leastNs);
      if (piece) {
        const to = nearest(at, [piece.offset + piece.length, end, this.takenFrom(piece, at)]);
        shares.push({ piece, from: at, to });
        at = to;
      } else {
        isWhole = false;
        // The next byte at which the answer may be another one.
        const edges = [...pieces, ...after].flatMap(({ offset, length }) => [offset, offset + length]);
        at = nearest(at, [end, ...edges, ...pieces.flatMap((one) => this.takenEdges(one))]);
      }
    }
    for (const { piece, from, to } of shares) {
      piece.change = 'recut';
      const known = this.taken.get(piece);
      if (known) known.push({ from, to });
      else this.taken.set(piece, [{ from, to }]);
    }
    return isWhole ? Math.max(...shares.map(({ piece }) => piece.timeNs)) : Number.NaN;
  }

  /** True where those segments and `others` together hold all bytes of the packet, whosever they are. */
  holdAll(packet: ComparedPacket, others: readonly ComparedPacket[]): boolean {
    const pieces = [...this.piecesOf(packet), ...others];
    const end = packet.offset + packet.length;
    for (let at = packet.offset; ((end - at) | 0) > 0; ) {
      const position = at;
      const piece = pieces.find((one) => holds(one, position));
      if (!piece) return false;
      at = piece.offset + piece.length;
    }
    return true;
  }

  private pieceAt(
    position: number,
    pieces: readonly ComparedPacket[],
    later: readonly ComparedPacket[],
    leastNs: Nanoseconds,
  ): ComparedPacket | null {
    const copies = pieces.filter((one) => holds(one, position) && !this.isTaken(one, position));
    if (copies.length === 0) return null;
    const rivals = later.filter((one) => holds(one, position));
    if (copies.length > rivals.length) return copies[0];
    return copies[0].timeNs < rivals[0].timeNs + leastNs ? copies[0] : null;
  }

  private isTaken(piece: ComparedPacket, position: number): boolean {
    return (this.taken.get(piece) ?? []).some(
      ({ from, to }) => ((position - from) | 0) >= 0 && ((to - position) | 0) > 0,
    );
  }

  private takenEdges(piece: ComparedPacket): number[] {
    return (this.taken.get(piece) ?? []).flatMap(({ from, to }) => [from, to]);
  }

  /** Where in the piece, from a byte that is free on, the next one begins that is not. */
  private takenFrom(piece: ComparedPacket, position: number): number {
    const starts = (this.taken.get(piece) ?? []).map(({ from }) => from);
    return nearest(position, [piece.offset + piece.length, ...starts]);
  }
}

/** The first of the positions behind `at`. */
function nearest(at: number, positions: readonly number[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const position of positions) {
    const distance = (position - at) | 0;
    if (distance > 0 && distance < least) least = distance;
  }
  return (at + least) >>> 0;
}

function holds({ offset, length }: ComparedPacket, position: number): boolean {
  return ((position - offset) | 0) >= 0 && ((offset + length - position) | 0) > 0;
}

function overlaps(one: ComparedPacket, other: ComparedPacket): boolean {
  return (
    one.channel === other.channel &&
    ((one.offset + one.length - other.offset) | 0) > 0 &&
    ((other.offset + other.length - one.offset) | 0) > 0
  );
}

function keysOf({ channel, offset, length }: ComparedPacket): number[] {
  const keys: number[] = [];
  const first = Math.floor(offset / 2 ** STRETCH_SHIFT);
  const last = Math.floor((offset + length - 1) / 2 ** STRETCH_SHIFT);
  for (let stretch = first; stretch <= last; stretch++)
    keys.push(channel * STRETCHES + (stretch % STRETCHES));
  return keys;
}
