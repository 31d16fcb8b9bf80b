import type { StreamFraming as Framing } from '../dissect/dissector.js';
import { PIECE_STREAM_END, PIECE_STREAM_START } from '../observe/engine-tables.js';
import { NS_PER_SECOND } from '../units.js';
import { partsNotHeld, readBehindGap } from './behind-gap.js';
import type { FlowRegistry } from './flow-registry.js';
import type { FlowStates } from './flow-states.js';
import type { Piece, PieceClock } from './piece.js';
import { AssembledStream, HELD_OVERHEAD_BYTES, type Held, type Segment } from './stream-state.js';

/** Bytes of one direction of a flow that may wait: for the rest of a message, and again behind a gap. */
const STREAM_BYTES_MAX = 65_536;
const BYTES_MAX = 16 << 20;
/** How long a gap may wait for a retransmission. */
const GAP_NS_MAX = 3 * NS_PER_SECOND;
/** Farther away than any receive window in use, a sequence number belongs to another connection of the same ports. */
const JUMP_BYTES_MAX = 16 << 20;

export interface StreamCounts {
  /** Handed to their dissector. */
  messages: number;
  /** Longer than 64 KiB: skipped. */
  oversize: number;
  /** Not whole in the capture: parts are missing or were cut. */
  incomplete: number;
  /** Gaps that were not filled in time. */
  gaps: number;
  /** Times that the start of a message had to be searched. */
  resynchronised: number;
  /** Bytes that were given up: behind a gap at the end of a time segment or of their flow. */
  abandonedBytes: number;
  /** Bytes that were given up because of the bound of 16 MiB in all. */
  refusedBytes: number;
}

/**
 * Orders the segments of TCP streams and cuts messages out of them. Retransmissions are ignored; a gap is passed over
 * after 3 s or 64 KiB behind it, and the next message is searched. Messages that are whole behind a gap are read when their
 * last byte comes, wherever in a segment they start, as nothing may come after them (a BGP NOTIFICATION): what waits at the
 * end are pieces of messages. A stream may be captured from its middle on.
 * Bounded: 64 KiB each for a message and behind a gap, a direction of a flow; 16 MiB in all, beyond which the stream
 * that waits longest loses its bytes.
 */
export class StreamAssembly {
  readonly counts: StreamCounts = {
    messages: 0,
    oversize: 0,
    incomplete: 0,
    gaps: 0,
    resynchronised: 0,
    abandonedBytes: 0,
    refusedBytes: 0,
  };
  private readonly flowStates: FlowStates<(AssembledStream | undefined)[]>;
  /** Streams that hold bytes, by when they began to, with how many. */
  private readonly holders = new Map<AssembledStream, number>();
  private totalBytes = 0;

  constructor(
    flows: FlowRegistry,
    private readonly clock: PieceClock,
  ) {
    this.flowStates = flows.trackStates((streams) => {
      for (const stream of streams) if (stream) this.abandon(stream);
    });
  }

  /** Takes a segment in; then ask `next` for messages until there is none, and call `settle`. */
  add(piece: Piece, framing: Framing): AssembledStream | null {
    const isStart = piece.kind === PIECE_STREAM_START;
    if (piece.wireLength === 0 && !isStart) {
      const known = this.flowStates.get(piece.flow)?.[piece.direction];
      if (known) known.endsAt = piece.identification;
      return known ?? null;
    }
    // SYN takes a sequence number of its own (RFC 9293, section 3.4).
    const sequence = (piece.identification + (isStart ? 1 : 0)) >>> 0;
    const stream = this.streamOf(piece, framing, sequence, isStart);
    if (piece.wireLength > 0)
      this.takeSegment(stream, { sequence, wireLength: piece.wireLength, bytes: piece.bytes });
    if (piece.kind === PIECE_STREAM_END) stream.endsAt = (sequence + piece.wireLength) >>> 0;
    return stream;
  }

  /** The next whole message, valid until the next call; null where more bytes are needed. */
  next(stream: AssembledStream): DataView | null {
    for (;;) {
      const early = stream.early.shift();
      if (early) {
        this.counts.messages++;
        return early;
      }
      const message = this.cutMessage(stream);
      if (message) {
        this.counts.messages++;
        return message;
      }
      if (stream.missing > 0) this.passOver(stream);
      else if (!this.takeHeld(stream)) return null;
    }
  }

  /** Makes what waits the stream's own, once its messages were taken. */
  settle(stream: AssembledStream): void {
    const isOver = stream.expected === stream.endsAt && stream.held.length === 0;
    if (isOver && stream.at < stream.end) this.counts.incomplete++;
    if (isOver || stream.at === stream.end) stream.clearPending();
    else if (stream.isBorrowed) {
      const rest = stream.pending.slice(stream.at, stream.end);
      stream.setPending(rest, rest.length, false);
    }
    this.account(stream);
    for (const oldest of this.holders.keys()) {
      if (this.totalBytes <= BYTES_MAX) break;
      this.counts.refusedBytes += oldest.waitingBytes;
      oldest.drop();
      this.account(oldest);
    }
  }

  endSegment(): void {
    this.flowStates.clear();
  }

  private streamOf(piece: Piece, framing: Framing, sequence: number, isStart: boolean): AssembledStream {
    let streams = this.flowStates.get(piece.flow);
    if (!streams) {
      streams = [undefined, undefined];
      this.flowStates.set(piece.flow, streams);
    }
    const known = streams[piece.direction];
    if (!known) {
      const stream = new AssembledStream(framing);
      stream.restart(sequence, isStart);
      streams[piece.direction] = stream;
      return stream;
    }
    const isOther = isStart
      ? known.start !== sequence
      : Math.abs(known.distanceTo(sequence)) > JUMP_BYTES_MAX;
    if (isOther) {
      this.abandon(known);
      known.restart(sequence, isStart);
    }
    return known;
  }

  private takeSegment(stream: AssembledStream, segment: Segment): void {
    for (const part of stream.held.length === 0 ? [segment] : partsNotHeld(stream, segment)) {
      if (stream.distanceTo(part.sequence) <= 0) this.append(stream, part);
      else this.hold(stream, part);
    }
  }

  /** Adds what is new in a segment that starts at or before what is due. */
  private append(stream: AssembledStream, { sequence, wireLength, bytes }: Segment): void {
    const seen = -stream.distanceTo(sequence);
    if (seen >= wireLength) return;
    stream.expected = (sequence + wireLength) >>> 0;
    if (seen < bytes.length) this.appendBytes(stream, seen === 0 ? bytes : bytes.subarray(seen));
    stream.missing = wireLength - Math.max(seen, bytes.length);
  }

  private appendBytes(stream: AssembledStream, bytes: Uint8Array): void {
    const waiting = stream.end - stream.at;
    if (waiting === 0) {
      stream.setPending(bytes, bytes.length, true);
      return;
    }
    const length = waiting + bytes.length;
    if (stream.isBorrowed || length > stream.pending.length) {
      const larger = new Uint8Array(Math.max(length, Math.min(length * 2, STREAM_BYTES_MAX)));
      larger.set(stream.pending.subarray(stream.at, stream.end));
      stream.setPending(larger, waiting, false);
    } else if (stream.end + bytes.length > stream.pending.length) {
      stream.pending.copyWithin(0, stream.at, stream.end);
      stream.at = 0;
      stream.end = waiting;
    }
    stream.pending.set(bytes, stream.end);
    stream.end += bytes.length;
  }

  /** Keeps a segment behind a gap, in order of sequence numbers; what is whole in it is read at once. */
  private hold(stream: AssembledStream, { sequence, wireLength, bytes }: Segment): void {
    const { held } = stream;
    const distance = stream.distanceTo(sequence);
    let at = held.length;
    while (at > 0 && stream.distanceTo(held[at - 1].sequence) > distance) at--;
    if (held.length === 0) stream.gapSinceNs = this.clock.nowNs;
    held.splice(at, 0, { sequence, wireLength, bytes: bytes.slice(), isRead: false });
    stream.heldBytes += bytes.length + HELD_OVERHEAD_BYTES;
    if (bytes.length === wireLength) readBehindGap(stream, at);
  }

  /** Moves the first segment that waits into line, if its gap is filled or has waited enough. */
  private takeHeld(stream: AssembledStream): boolean {
    const first = stream.held[0];
    if (!first) return false;
    const gap = stream.distanceTo(first.sequence);
    if (gap > 0) {
      const isOver =
        this.clock.nowNs - stream.gapSinceNs >= GAP_NS_MAX || stream.heldBytes > STREAM_BYTES_MAX;
      if (!isOver) return false;
      this.counts.gaps++;
      stream.expected = first.sequence;
      stream.missing = gap;
      return true;
    }
    stream.held.shift();
    stream.heldBytes -= first.bytes.length + HELD_OVERHEAD_BYTES;
    stream.gapSinceNs = this.clock.nowNs;
    if (first.isRead) this.passRead(stream, first);
    else this.append(stream, first);
    return true;
  }

  /** The next message starts behind a segment whose messages were read. */
  private passRead(stream: AssembledStream, { sequence, wireLength }: Held): void {
    const end = (sequence + wireLength) >>> 0;
    if (stream.distanceTo(end) <= 0) return;
    if (stream.at < stream.end && !stream.isSearching) this.counts.incomplete++;
    stream.clearPending();
    stream.expected = end;
    stream.toSkip = 0;
    stream.isSearching = false;
  }

  private cutMessage(stream: AssembledStream): DataView | null {
    for (;;) {
      const skipped = Math.min(stream.toSkip, stream.end - stream.at);
      stream.toSkip -= skipped;
      stream.at += skipped;
      const available = stream.end - stream.at;
      if (available === 0) return null;
      const length = stream.framing.messageLength(stream.view, stream.at, stream.end);
      if (length < 0) {
        this.search(stream);
        stream.at++;
      } else if (length === 0) {
        if (available < STREAM_BYTES_MAX) return null;
        this.search(stream);
        this.counts.oversize++;
        stream.at = stream.end;
      } else if (length > STREAM_BYTES_MAX) {
        // Where the start is only searched, so long a message is more likely a wrong start.
        stream.at += stream.isSearching ? 1 : 0;
        if (stream.isSearching) continue;
        this.counts.oversize++;
        stream.toSkip = length;
      } else {
        stream.isSearching = false;
        if (length > available) return null;
        stream.at += length;
        return new DataView(stream.view.buffer, stream.view.byteOffset + stream.at - length, length);
      }
    }
  }

  private search(stream: AssembledStream): void {
    if (stream.isSearching) return;
    stream.isSearching = true;
    this.counts.resynchronised++;
  }

  /** Passes over bytes that are not in the capture: to the end of the current message where its length is known. */
  private passOver(stream: AssembledStream): void {
    const { missing } = stream;
    const available = stream.end - stream.at;
    stream.missing = 0;
    if (stream.toSkip > 0) {
      if (stream.toSkip < missing) this.search(stream);
      stream.toSkip = Math.max(0, stream.toSkip - missing);
      return;
    }
    let rest = -1;
    if (available > 0 && !stream.isSearching) {
      this.counts.incomplete++;
      rest = stream.framing.messageLength(stream.view, stream.at, stream.end) - available - missing;
    }
    if (rest >= 0) stream.toSkip = rest;
    else this.search(stream);
    stream.at = stream.end;
  }

  private account(stream: AssembledStream): void {
    const before = this.holders.get(stream) ?? 0;
    const bytes = stream.ownBytes;
    this.totalBytes += bytes - before;
    if (bytes === 0) this.holders.delete(stream);
    else this.holders.set(stream, bytes);
  }

  private abandon(stream: AssembledStream): void {
    this.counts.abandonedBytes += stream.waitingBytes;
    stream.drop();
    this.account(stream);
  }
}
