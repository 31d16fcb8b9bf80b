import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, NS_PER_SECOND } from '../../src/units.js';
import { type ArrivalOrder, type Lack, OpenDatagram, type Piece } from './datagram.js';
import type { FragmentStream, LedgerEntry } from './fragment-stream.js';

/** Linux gives an incomplete IPv4 datagram up after 30 s, an IPv6 one after 60 s (RFC 8200, section 4.5). */
const REASSEMBLY_NS: Nanoseconds = 60 * NS_PER_SECOND;
/** The shorter of the two. */
const WAITING_NS: Nanoseconds = 30 * NS_PER_SECOND;
/** Copies and retransmissions by the link come at once; later, the identification is in use again. */
const REPETITION_NS: Nanoseconds = NS_PER_SECOND;
/** Incomplete or contradictory datagrams kept one by one: that many first and that many last ones. */
const ENTRIES_KEPT = 32;
const CITED_PIECES_MAX = 4;
const GAPS_KEPT = 4;
const SPREAD_BUCKETS = 64;

type StreamFacts = Pick<
  FragmentStream,
  'segment' | 'stack' | 'family' | 'protocol' | 'source' | 'destination'
>;

/** What only the first fragment of a datagram tells; 0 where it does not. */
export interface Opening {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly statedBytes: number;
}

/** Keeps the fragments of one stream until their datagrams are complete or given up. */
export class StreamLedger {
  private readonly open = new Map<number, OpenDatagram>();
  /** Complete datagrams by identification, with their last frame. */
  private readonly done = new Map<number, FrameRef>();
  private last: FrameRef;
  private fragments = 0;
  private nonFirst = 0;
  private readonly closed = new Closed();

  constructor(
    private readonly facts: StreamFacts,
    readonly first: FrameRef,
  ) {
    this.last = first;
  }

  get openCount(): number {
    return this.open.size;
  }

  get lastFrame(): number {
    return this.last.frame;
  }

  /** `opening`: what the first fragment of a datagram tells; read only where the piece is one. */
  add(identification: number, piece: Piece, opening: Opening): void {
    const { at } = piece;
    this.last = at;
    this.fragments++;
    if (piece.start > 0) this.nonFirst++;
    let datagram = this.open.get(identification);
    if (datagram && isAnother(datagram, piece)) {
      this.closed.add(datagram);
      datagram = undefined;
    }
    if (!datagram) {
      const doneAt = this.done.get(identification);
      const isRepetition = doneAt !== undefined && at.timeNs - doneAt.timeNs <= REPETITION_NS;
      datagram = new OpenDatagram(identification, at, isRepetition);
      this.open.set(identification, datagram);
    }
    datagram.add(piece);
    if (piece.start === 0) {
      datagram.sourcePort = opening.sourcePort;
      datagram.destinationPort = opening.destinationPort;
      datagram.statedBytes = opening.statedBytes;
    }
    if (datagram.isComplete) {
      this.closed.add(datagram);
      this.open.delete(identification);
      this.done.set(identification, at);
    }
  }

  /** Frees what can no longer complete. */
  giveUp(nowNs: Nanoseconds): void {
    for (const [identification, datagram] of this.open) {
      if (nowNs - datagram.first.timeNs > REASSEMBLY_NS) this.close(identification, datagram);
    }
    for (const [identification, { timeNs }] of this.done) {
      if (!(nowNs - timeNs <= REPETITION_NS)) this.done.delete(identification);
    }
  }

  /** Gives up datagrams that began before `frame`. */
  giveUpBefore(frame: number): void {
    for (const [identification, datagram] of this.open) {
      if (datagram.first.frame < frame) this.close(identification, datagram);
    }
  }

  openSince(): number[] {
    return [...this.open.values()].map(({ first }) => first.frame);
  }

  private close(identification: number, datagram: OpenDatagram): void {
    this.open.delete(identification);
    this.closed.add(datagram);
  }

  /** What is known so far; may be asked at any time. */
  describe(): FragmentStream {
    const closed = this.closed.copy();
    for (const datagram of this.open.values()) closed.add(datagram);
    return {
      ...this.facts,
      first: this.first,
      last: this.last,
      fragments: this.fragments,
      nonFirst: this.nonFirst,
      repeated: closed.repeated,
      complete: closed.complete,
      arrival: closed.arrival,
      largestComplete: closed.largestComplete,
      usualSpreadNs: closed.usualSpreadNs(),
      lastComplete: closed.lastComplete,
      reversed: closed.reversed.entries(),
      incompleteCount: closed.incompleteCount,
      incomplete: closed.incomplete.entries(),
      conflictingCount: closed.conflictingCount,
      conflicting: closed.conflicting.entries(),
      endlessCount: closed.endlessCount,
      untracked: closed.untracked,
    };
  }
}

/** Whether a piece with the identification of an open datagram belongs to a later one: identifications are used again. */
function isAnother(datagram: OpenDatagram, piece: Piece): boolean {
  const ageNs = piece.at.timeNs - datagram.first.timeNs;
  if (ageNs > REASSEMBLY_NS) return true;
  // A receiver that still waits takes a piece that comes again for the same datagram.
  if (datagram.holds(piece)) return ageNs > WAITING_NS;
  return piece.at.timeNs - datagram.last.timeNs > REPETITION_NS && datagram.contradicts(piece);
}

/** Sums over the datagrams of a stream that are complete or given up. */
class Closed {
  complete = 0;
  repeated = 0;
  untracked = 0;
  arrival: Record<ArrivalOrder, number> = { ascending: 0, reversed: 0, mixed: 0 };
  largestComplete = 0;
  lastComplete: FrameRef | null = null;
  incompleteCount: Record<Exclude<Lack, 'nothing'>, number> = { first: 0, middle: 0, tail: 0 };
  conflictingCount = 0;
  endlessCount = 0;
  incomplete = new KeptEntries(ENTRIES_KEPT);
  conflicting = new KeptEntries(ENTRIES_KEPT);
  reversed = new KeptEntries(1);
  /** Complete datagrams by the power of two that their spread stays below, in nanoseconds. */
  private spreads: number[] = new Array<number>(SPREAD_BUCKETS).fill(0);

  add(datagram: OpenDatagram): void {
    const { lack } = datagram;
    this.repeated += datagram.repeated;
    if (datagram.conflict) {
      this.conflictingCount++;
      this.conflicting.add(datagram);
    } else if (datagram.isEndless) {
      this.endlessCount++;
    } else if (datagram.isUntracked) {
      this.untracked++;
    } else if (lack === 'nothing') {
      this.addComplete(datagram);
    } else if (datagram.isRepetition) {
      this.repeated += datagram.pieceCount;
    } else {
      this.incompleteCount[lack]++;
      this.incomplete.add(datagram);
    }
  }

  private addComplete(datagram: OpenDatagram): void {
    this.complete++;
    this.arrival[datagram.order]++;
    this.largestComplete = Math.max(this.largestComplete, datagram.totalBytes);
    this.lastComplete = datagram.last;
    if (datagram.order === 'reversed') this.reversed.add(datagram);
    const { spreadNs } = datagram;
    if (!(spreadNs >= 0)) return;
    const bucket = Math.min(SPREAD_BUCKETS - 1, Math.ceil(Math.log2(Math.max(1, spreadNs))));
    this.spreads[bucket]++;
  }

  usualSpreadNs(): Nanoseconds {
    let left = this.spreads.reduce((sum, count) => sum + count, 0) / 2;
    for (let bucket = 0; bucket < this.spreads.length; bucket++) {
      left -= this.spreads[bucket];
      if (left <= 0 && this.spreads[bucket] > 0) return 2 ** bucket;
    }
    return Number.NaN;
  }

  copy(): Closed {
    return Object.assign(new Closed(), this, {
      arrival: { ...this.arrival },
      incompleteCount: { ...this.incompleteCount },
      incomplete: this.incomplete.copy(),
      conflicting: this.conflicting.copy(),
      reversed: this.reversed.copy(),
      spreads: [...this.spreads],
    });
  }
}

/** The first and the last `limit` datagrams of a kind. */
class KeptEntries {
  private first: LedgerEntry[] = [];
  private last: LedgerEntry[] = [];

  constructor(private readonly limit: number) {}

  add(datagram: OpenDatagram): void {
    const entry = entryOf(datagram);
    if (this.first.length < this.limit) {
      this.first.push(entry);
      return;
    }
    this.last.push(entry);
    if (this.last.length > this.limit) this.last.shift();
  }

  entries(): LedgerEntry[] {
    return [...this.first, ...this.last].sort((a, b) => a.first.frame - b.first.frame);
  }

  copy(): KeptEntries {
    const copy = new KeptEntries(this.limit);
    copy.first = [...this.first];
    copy.last = [...this.last];
    return copy;
  }
}

function entryOf(datagram: OpenDatagram): LedgerEntry {
  return {
    identification: datagram.identification,
    lack: datagram.lack,
    sourcePort: datagram.sourcePort,
    destinationPort: datagram.destinationPort,
    first: datagram.first,
    last: datagram.last,
    pieces: datagram.pieceCount,
    bytesSeen: datagram.bytesSeen,
    totalBytes: datagram.totalBytes < 0 ? null : datagram.totalBytes,
    gaps: datagram.gaps(GAPS_KEPT),
    cited: datagram.citedPieces(CITED_PIECES_MAX),
    order: datagram.order,
    conflict: datagram.conflict,
  };
}
