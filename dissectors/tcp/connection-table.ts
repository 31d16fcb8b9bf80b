/** Bits of `ConnectionTable.seen`, per direction. */
export const SEEN_SYN = 0x0001;
export const SEEN_FIN = 0x0002;
export const SEEN_RST = 0x0004;
export const SEEN_ACK_ADVANCE = 0x0008;
/** `NEXT` holds the next expected sequence number. */
export const HAS_NEXT = 0x0010;
/** `ACKNOWLEDGED` holds the highest number this direction has acknowledged. */
export const HAS_ACK = 0x0020;
/** `GAP_START … GAP_END` was skipped, and nobody has acknowledged it yet. */
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

/*
 * Fields of a direction in `words`, side by side so that a segment touches one cache line.
 */
/** Next expected sequence number; highest number that this direction has acknowledged. */
export const NEXT = 0;
export const ACKNOWLEDGED = 1;
export const GAP_START = 2;
export const GAP_END = 3;
export const SEGMENTS = 4;
/** Segments with payload; the largest payload that was sent, and the largest that can have been acknowledged. */
export const DATA_SEGMENTS = 5;
export const LARGEST_SENT = 6;
export const LARGEST_ACKNOWLEDGED = 7;
const DIRECTION_WORDS = 8;

/*
 * Fields of a direction in `doubles`.
 */
export const PAYLOAD_BYTES = 0;
/** Time of the last segment with payload, new or repeated. */
export const LAST_DATA_NS = 1;
const DIRECTION_DOUBLES = 2;

/*
 * Fields of a connection in `moments`: frames, and nanoseconds from the base of the segment.
 */
export const FIRST_FRAME = 0;
export const FIRST_NS = 1;
export const LAST_NS = 2;
/** First SYN, last SYN, first SYN-ACK; how long the client took to acknowledge it. */
export const OPENED_FRAME = 3;
export const OPENED_NS = 4;
export const REOPENED_FRAME = 5;
export const REOPENED_NS = 6;
export const ACCEPTED_NS = 7;
export const CLIENT_HALF_NS = 8;
const CONNECTION_MOMENTS = 10;

export function wordAt(own: number, field: number): number {
  return own * DIRECTION_WORDS + field;
}

export function doubleAt(own: number, field: number): number {
  return own * DIRECTION_DOUBLES + field;
}

export function momentAt(slot: number, field: number): number {
  return slot * CONNECTION_MOMENTS + field;
}

/** Bits of `ConnectionTable.marks`: how the segments of a direction passed the capture point. */
export const PASSED_INBOUND = 0x1;
export const PASSED_OUTBOUND = 0x2;
/** Some checksum was left to the network card: the host that captured sent it. */
export const PASSED_UNFINISHED = 0x4;

const CAPACITY_START = 256;
const ADDRESS_WORDS = 4;

/**
 * State of open connections in growing columns: `slot` for what both directions share, `slot * 2 + direction` for the rest.
 * About 250 bytes a connection.
 */
export class ConnectionTable {
  words = new Uint32Array(CAPACITY_START * 2 * DIRECTION_WORDS);
  doubles = new Float64Array(CAPACITY_START * 2 * DIRECTION_DOUBLES);
  moments = new Float64Array(CAPACITY_START * CONNECTION_MOMENTS);
  seen = new Uint16Array(CAPACITY_START * 2);
  /** As announced in the last SYN; 0 where none was. */
  maximumSegmentSize = new Uint16Array(CAPACITY_START * 2);
  /** TTL of the SYN. */
  timeToLive = new Uint8Array(CAPACITY_START * 2);
  /** PASSED_ bits. */
  marks = new Uint8Array(CAPACITY_START * 2);
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
    const low = slot * 2;
    for (let own = low; own < low + 2; own++) {
      this.seen[own] = 0;
      this.maximumSegmentSize[own] = 0;
      this.openings[own] = 0;
      this.marks[own] = 0;
      this.uncapturedAcks[own] = 0;
      this.uncapturedBytes[own] = 0;
      for (let field = 0; field < DIRECTION_WORDS; field++) this.words[wordAt(own, field)] = 0;
      this.doubles[doubleAt(own, PAYLOAD_BYTES)] = 0;
      this.doubles[doubleAt(own, LAST_DATA_NS)] = Number.NaN;
    }
    this.moments[momentAt(slot, OPENED_NS)] = Number.NaN;
    this.moments[momentAt(slot, ACCEPTED_NS)] = Number.NaN;
    this.moments[momentAt(slot, CLIENT_HALF_NS)] = Number.NaN;
  }

  *openSlots(): Iterable<number> {
    for (let slot = 0; slot < this.used; slot++) if (this.isOpen[slot] === 1) yield slot;
  }

  private grow(): void {
    // Pages that nobody touched cost nothing, columns that wait for the garbage collector do.
    const capacity = this.isOpen.length * 4;
    this.words = grown(this.words, capacity * 2 * DIRECTION_WORDS);
    this.doubles = grown(this.doubles, capacity * 2 * DIRECTION_DOUBLES);
    this.moments = grown(this.moments, capacity * CONNECTION_MOMENTS);
    this.seen = grown(this.seen, capacity * 2);
    this.maximumSegmentSize = grown(this.maximumSegmentSize, capacity * 2);
    this.uncapturedAcks = grown(this.uncapturedAcks, capacity * 2);
    this.uncapturedBytes = grown(this.uncapturedBytes, capacity * 2);
    this.timeToLive = grown(this.timeToLive, capacity * 2);
    this.openings = grown(this.openings, capacity * 2);
    this.marks = grown(this.marks, capacity * 2);
    this.addresses = grown(this.addresses, capacity * 2 * ADDRESS_WORDS);
    this.ports = grown(this.ports, capacity * 2);
    this.stack = grown(this.stack, capacity);
    this.segment = grown(this.segment, capacity);
    this.isOpen = grown(this.isOpen, capacity);
  }
}

type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

function grown<C extends Column>(column: C, length: number): C {
  const larger = new (column.constructor as new (length: number) => C)(length);
  larger.set(column);
  return larger;
}
