/** Bits of `ConnectionTable.seen`, per direction. */
export const SEEN_SYN = 0x0001;
export const SEEN_FIN = 0x0002;
export const SEEN_RST = 0x0004;
export const SEEN_ACK_ADVANCE = 0x0008;
/** `next` holds the next expected sequence number. */
export const HAS_NEXT = 0x0010;
/** `acknowledged` holds the highest number this direction has acknowledged. */
export const HAS_ACK = 0x0020;
/** `gapStart … gapEnd` was skipped, and nobody has acknowledged it yet. */
export const GAP_OPEN = 0x0040;
/** The peer acknowledged the gap although the capture does not hold it. */
export const GAP_ACKNOWLEDGED = 0x0080;
/** Lengths or numbers of this direction do not add up (fragments, rewritten numbers): no gaps are counted. */
export const UNRELIABLE = 0x0100;
/** This direction opened the connection: it sent the SYN, or got the SYN-ACK. */
export const IS_CLIENT = 0x0200;
/** Its SYN is in the capture. */
export const SENT_OPENING = 0x0400;

/*
 * While one of these is set, segments of the direction are looked at more closely (`WATCHED`).
 */
/** Got the SYN-ACK; its next segment completes the handshake. */
export const COMPLETES_HANDSHAKE = 0x1000;
/** Advertised a window of zero bytes, and not yet another. */
export const ZERO_WINDOW = 0x2000;
/** Set for both directions from an HTTP request to the first byte of its response. */
export const IN_TURN = 0x4000;
/** The peer sent a RST. */
export const PEER_RESET = 0x8000;
export const WATCHED = COMPLETES_HANDSHAKE | ZERO_WINDOW | IN_TURN | PEER_RESET;

const CAPACITY_START = 256;
const ADDRESS_WORDS = 4;

/**
 * State of open connections in growing columns: `slot` for what both directions share, `slot * 2 + direction` for the rest.
 * About 250 bytes a connection.
 */
export class ConnectionTable {
  next = new Uint32Array(CAPACITY_START * 2);
  acknowledged = new Uint32Array(CAPACITY_START * 2);
  gapStart = new Uint32Array(CAPACITY_START * 2);
  gapEnd = new Uint32Array(CAPACITY_START * 2);
  seen = new Uint16Array(CAPACITY_START * 2);
  /** As announced in the last SYN; 0 where none was. */
  maximumSegmentSize = new Uint16Array(CAPACITY_START * 2);
  segments = new Uint32Array(CAPACITY_START * 2);
  payloadBytes = new Float64Array(CAPACITY_START * 2);
  /** Segments with payload; the largest payload that was sent, and the largest that can have been acknowledged. */
  dataSegments = new Uint32Array(CAPACITY_START * 2);
  largestSent = new Uint32Array(CAPACITY_START * 2);
  largestAcknowledged = new Uint32Array(CAPACITY_START * 2);
  /** Time of the last segment with payload, new or repeated. */
  lastDataNs = new Float64Array(CAPACITY_START * 2);
  /** TTL of the SYN. */
  timeToLive = new Uint8Array(CAPACITY_START * 2);
  /** SYNs (SYN-ACKs) that this direction sent. */
  openings = new Uint8Array(CAPACITY_START * 2);
  /** ACKs of the peer that cover data of this direction which is not in the capture, and that data in bytes. */
  uncapturedAcks = new Uint32Array(CAPACITY_START * 2);
  uncapturedBytes = new Float64Array(CAPACITY_START * 2);
  /** Address of the low endpoint, then of the high one. */
  addresses = new Int32Array(CAPACITY_START * 2 * ADDRESS_WORDS);
  ports = new Uint16Array(CAPACITY_START * 2);
  stack = new Uint16Array(CAPACITY_START);
  segment = new Uint16Array(CAPACITY_START);
  firstFrame = new Float64Array(CAPACITY_START);
  firstNs = new Float64Array(CAPACITY_START);
  lastNs = new Float64Array(CAPACITY_START);
  /** Frame and time of the first SYN and of the last one; time of the first SYN-ACK; how long the client took to acknowledge it. */
  openedFrame = new Float64Array(CAPACITY_START);
  openedNs = new Float64Array(CAPACITY_START);
  reopenedFrame = new Float64Array(CAPACITY_START);
  reopenedNs = new Float64Array(CAPACITY_START);
  acceptedNs = new Float64Array(CAPACITY_START);
  clientHalfNs = new Float64Array(CAPACITY_START);
  private isOpen = new Uint8Array(CAPACITY_START);
  private readonly free: number[] = [];
  /** Slots ever used; those beyond are untouched. */
  private used = 0;

  get openCount(): number {
    return this.used - this.free.length;
  }

  /** An empty slot; times are NaN. */
  open(): number {
    const slot = this.free.pop() ?? this.used++;
    if (slot >= this.isOpen.length) this.grow();
    this.clear(slot);
    this.isOpen[slot] = 1;
    return slot;
  }

  close(slot: number): void {
    this.isOpen[slot] = 0;
    this.free.push(slot);
  }

  /** Empties the counters of both directions; the endpoints stay. */
  clear(slot: number): void {
    const from = slot * 2;
    this.seen.fill(0, from, from + 2);
    this.maximumSegmentSize.fill(0, from, from + 2);
    this.segments.fill(0, from, from + 2);
    this.payloadBytes.fill(0, from, from + 2);
    this.uncapturedAcks.fill(0, from, from + 2);
    this.uncapturedBytes.fill(0, from, from + 2);
    this.dataSegments.fill(0, from, from + 2);
    this.largestSent.fill(0, from, from + 2);
    this.largestAcknowledged.fill(0, from, from + 2);
    this.openings.fill(0, from, from + 2);
    this.lastDataNs.fill(Number.NaN, from, from + 2);
    this.openedNs[slot] = Number.NaN;
    this.acceptedNs[slot] = Number.NaN;
    this.clientHalfNs[slot] = Number.NaN;
  }

  *openSlots(): Iterable<number> {
    for (let slot = 0; slot < this.used; slot++) if (this.isOpen[slot] === 1) yield slot;
  }

  private grow(): void {
    const capacity = this.isOpen.length * 2;
    this.next = grown(this.next, capacity * 2);
    this.acknowledged = grown(this.acknowledged, capacity * 2);
    this.gapStart = grown(this.gapStart, capacity * 2);
    this.gapEnd = grown(this.gapEnd, capacity * 2);
    this.seen = grown(this.seen, capacity * 2);
    this.maximumSegmentSize = grown(this.maximumSegmentSize, capacity * 2);
    this.segments = grown(this.segments, capacity * 2);
    this.payloadBytes = grown(this.payloadBytes, capacity * 2);
    this.uncapturedAcks = grown(this.uncapturedAcks, capacity * 2);
    this.uncapturedBytes = grown(this.uncapturedBytes, capacity * 2);
    this.dataSegments = grown(this.dataSegments, capacity * 2);
    this.largestSent = grown(this.largestSent, capacity * 2);
    this.largestAcknowledged = grown(this.largestAcknowledged, capacity * 2);
    this.lastDataNs = grown(this.lastDataNs, capacity * 2);
    this.timeToLive = grown(this.timeToLive, capacity * 2);
    this.openings = grown(this.openings, capacity * 2);
    this.addresses = grown(this.addresses, capacity * 2 * ADDRESS_WORDS);
    this.ports = grown(this.ports, capacity * 2);
    this.stack = grown(this.stack, capacity);
    this.segment = grown(this.segment, capacity);
    this.firstFrame = grown(this.firstFrame, capacity);
    this.firstNs = grown(this.firstNs, capacity);
    this.lastNs = grown(this.lastNs, capacity);
    this.openedFrame = grown(this.openedFrame, capacity);
    this.openedNs = grown(this.openedNs, capacity);
    this.reopenedFrame = grown(this.reopenedFrame, capacity);
    this.reopenedNs = grown(this.reopenedNs, capacity);
    this.acceptedNs = grown(this.acceptedNs, capacity);
    this.clientHalfNs = grown(this.clientHalfNs, capacity);
    this.isOpen = grown(this.isOpen, capacity);
  }
}

type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

function grown<C extends Column>(column: C, length: number): C {
  const larger = new (column.constructor as new (length: number) => C)(length);
  larger.set(column);
  return larger;
}
