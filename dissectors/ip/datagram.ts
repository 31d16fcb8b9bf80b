import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds } from '../../src/units.js';

/** In which order the pieces of a datagram came: by rising offset, by falling offset, or neither. */
export type ArrivalOrder = 'ascending' | 'reversed' | 'mixed';

/** What a datagram lacks: nothing; the piece with the ports; pieces in between; all from some offset on. */
export type Lack = 'nothing' | 'first' | 'middle' | 'tail';

/** One fragment of a datagram. */
export interface Piece {
  /** Bytes `[start, end)` of the datagram's payload. */
  readonly start: number;
  readonly end: number;
  readonly isLast: boolean;
  readonly at: FrameRef;
}

export type PieceFit = 'new' | 'repeated' | 'overlapping' | 'refused';

/** Bytes of payload that an IP datagram can have: its total length is a 16-bit field. */
const PAYLOAD_MAX = 65_535;
/** 64 KiB over a link with an MTU of 280; a datagram in more pieces is not judged. */
const PIECES_MAX = 256;

/** A datagram that is being put together, by the ranges of its pieces, not their bytes. Bounded: PIECES_MAX pieces. */
export class OpenDatagram {
  /** By offset; they do not overlap. */
  private readonly pieces: Piece[] = [];
  private covered = 0;
  private isAscending = true;
  private isReversed = true;
  private newest: Piece | null = null;
  /** Bytes of the payload, known from the last piece; -1 before. */
  totalBytes = -1;
  sourcePort = 0;
  destinationPort = 0;
  /** Bytes of payload that the UDP header states; 0 where it is not there. */
  statedBytes = 0;
  last: FrameRef;
  repeated = 0;
  /** First piece that contradicts another one: overlaps in part, or ends the datagram elsewhere. */
  conflict: FrameRef | null = null;
  /** More pieces than are tracked, or beyond the largest datagram: what it lacks is unknown. */
  isUntracked = false;

  constructor(
    readonly identification: number,
    readonly first: FrameRef,
    /** Begun shortly after a complete datagram with the same identification: perhaps its repetition. */
    readonly isRepetition: boolean,
  ) {
    this.last = first;
  }

  get pieceCount(): number {
    return this.pieces.length;
  }

  get bytesSeen(): number {
    return this.covered;
  }

  get isComplete(): boolean {
    return this.totalBytes >= 0 && this.covered >= this.totalBytes;
  }

  /** All that the UDP header states is there, yet the last piece says that more follow: the sender has no more. */
  get isEndless(): boolean {
    const [first] = this.pieces;
    return (
      this.totalBytes < 0 && this.statedBytes > 0 && first?.start === 0 && this.covered >= this.statedBytes
    );
  }

  get spreadNs(): Nanoseconds {
    return this.last.timeNs - this.first.timeNs;
  }

  get order(): ArrivalOrder {
    if (this.isAscending) return 'ascending';
    return this.isReversed ? 'reversed' : 'mixed';
  }

  get lack(): Lack {
    if (this.isComplete) return 'nothing';
    if (this.pieces.length === 0 || this.pieces[0].start > 0) return 'first';
    return this.totalBytes >= 0 ? 'middle' : 'tail';
  }

  /** Takes a piece in. Of contradicting pieces the first one stays. */
  add(piece: Piece): PieceFit {
    this.last = piece.at;
    if (piece.end > PAYLOAD_MAX || this.pieces.length >= PIECES_MAX) {
      this.isUntracked = true;
      return 'refused';
    }
    if (this.holds(piece)) {
      this.repeated++;
      return 'repeated';
    }
    if (this.contradicts(piece)) {
      this.conflict ??= piece.at;
      return 'overlapping';
    }
    if (piece.isLast) this.totalBytes = piece.end;
    this.noteOrder(piece);
    let at = this.pieces.length;
    while (at > 0 && this.pieces[at - 1].start > piece.start) at--;
    this.pieces.splice(at, 0, piece);
    this.covered += piece.end - piece.start;
    return 'new';
  }

  /** Byte ranges that are missing, at most `limit` of them; the end of an unknown tail is null. */
  gaps(limit: number): { readonly from: number; readonly to: number | null }[] {
    const gaps: { from: number; to: number | null }[] = [];
    let at = 0;
    for (const { start, end } of this.pieces) {
      if (start > at) gaps.push({ from: at, to: start });
      at = end;
    }
    if (this.totalBytes < 0) gaps.push({ from: at, to: null });
    return gaps.slice(0, limit);
  }

  /** First pieces by offset, and the last one. */
  citedPieces(limit: number): Piece[] {
    if (this.pieces.length <= limit) return [...this.pieces];
    return [...this.pieces.slice(0, limit - 1), this.pieces[this.pieces.length - 1]];
  }

  /** Whether the piece is there already. */
  holds({ start, end }: Piece): boolean {
    return this.pieces.some((piece) => piece.start === start && piece.end === end);
  }

  /** Whether the piece cannot be of this datagram, as far as it is there. */
  contradicts(piece: Piece): boolean {
    if (piece.isLast && this.totalBytes >= 0 && piece.end !== this.totalBytes) return true;
    if (this.totalBytes >= 0 && piece.end > this.totalBytes) return true;
    return this.pieces.some(
      ({ start, end }) => (piece.start < end && start < piece.end) || (piece.isLast && end > piece.end),
    );
  }

  private noteOrder(piece: Piece): void {
    if (this.newest) {
      if (piece.start < this.newest.start) this.isAscending = false;
      else this.isReversed = false;
    }
    this.newest = piece;
  }
}
