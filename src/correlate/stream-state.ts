import type { StreamFraming as Framing } from '../dissect/dissector.js';
import type { Nanoseconds } from '../units.js';

/** What a segment that waits costs beside its bytes. */
export const HELD_OVERHEAD_BYTES = 64;
const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));

export interface Segment {
  readonly sequence: number;
  readonly wireLength: number;
  readonly bytes: Uint8Array;
}

/** A segment behind a gap, or a part of one. */
export interface Held extends Segment {
  /** Whole messages, which were read when it came; their bytes are not kept. */
  readonly isRead: boolean;
}

/** One direction of a TCP conversation. */
export class AssembledStream {
  /** Sequence number of the first byte, and of the next one that is due. */
  start = 0;
  expected = 0;
  /** True until the start of a message is known. */
  isSearching = true;
  /** Bytes to pass over until the next message starts. */
  toSkip = 0;
  /** Bytes on the wire that follow `pending` and are not in the capture. */
  missing = 0;
  /** Bytes in order, `[at, end)`, that are not yet cut into messages; borrowed from the current piece or own. */
  pending: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  at = 0;
  end = 0;
  isBorrowed = false;
  /** Segments behind a gap, by sequence number. */
  readonly held: Held[] = [];
  heldBytes = 0;
  /** Whole messages behind a gap that are read at once. */
  readonly early: DataView[] = [];
  gapSinceNs: Nanoseconds = 0;
  /** Sequence number of the FIN or RST, or -1. */
  endsAt = -1;

  constructor(readonly framing: Framing) {}

  /** Memory that the stream takes while none of its pieces is being read. */
  get ownBytes(): number {
    return this.heldBytes + (this.isBorrowed ? 0 : this.pending.length);
  }

  /** Payload that waits. */
  get waitingBytes(): number {
    return this.end - this.at + this.heldBytes - this.held.length * HELD_OVERHEAD_BYTES;
  }

  /** Another connection, or the first one: `isMessageStart` if it is seen from its SYN on. */
  restart(sequence: number, isMessageStart: boolean): void {
    this.drop();
    this.start = sequence;
    this.expected = sequence;
    this.isSearching = !isMessageStart;
    this.endsAt = -1;
  }

  /** Gives up what waits; the start of the next message is then unknown. */
  drop(): void {
    this.isSearching = true;
    this.toSkip = 0;
    this.missing = 0;
    this.clearPending();
    this.held.length = 0;
    this.heldBytes = 0;
    this.early.length = 0;
  }

  clearPending(): void {
    this.setPending(NO_BYTES, 0, false);
  }

  setPending(bytes: Uint8Array, end: number, isBorrowed: boolean): void {
    this.pending = bytes;
    this.view = bytes.length === 0 ? NO_VIEW : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.end = end;
    this.isBorrowed = isBorrowed;
  }

  /** Bytes between what is due and a sequence number; negative where it was already seen. */
  distanceTo(sequence: number): number {
    return (sequence - this.expected) | 0;
  }
}
