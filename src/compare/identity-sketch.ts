import type { Nanoseconds } from '../units.js';

/** Packets kept of a side: the smallest ones, so that both sides keep the same packets. */
export const SKETCH_KEPT = 1 << 16;
/** Occurrences of one hash that are kept: content that comes again and again identifies nothing. */
const REPEATS_MAX = 8;
const REPEAT_COUNTERS = 1 << 16;
const REPEAT_COUNT_MAX = 64;

/** A packet of the sketch. */
export interface SketchedPacket {
  readonly timeNs: Nanoseconds;
  readonly lane: number;
  readonly timeToLive: number;
  /** Digest of the beginning of its payload; NaN where the capture holds less. */
  readonly content: number;
  readonly identification: number;
  /** Position in capture order. */
  readonly ordinal: number;
}

const FIELDS = 7;

/**
 * The packets of a side whose identity hash is among the smallest (bottom-k sketch): a sample of the same packets on both
 * sides, whatever else each side holds. Bounded: twice `kept` packets.
 */
export class IdentitySketch {
  private readonly values: Float64Array;
  private length = 0;
  private ceiling = Number.POSITIVE_INFINITY;
  private readonly repeats = new Uint8Array(REPEAT_COUNTERS);

  /** Both sides may keep a different number: what only one of them keeps is left out. */
  constructor(private readonly kept = SKETCH_KEPT) {
    this.values = new Float64Array(kept * 2 * FIELDS);
  }

  /** Above this hash the sketch has forgotten packets. */
  get threshold(): number {
    return this.ceiling;
  }

  /** `hash`: a whole number below 2^53. */
  add(
    hash: number,
    timeNs: Nanoseconds,
    lane: number,
    timeToLive: number,
    identification: number,
    ordinal: number,
    content: number,
  ): void {
    if (hash >= this.ceiling) return;
    const counter = hash % REPEAT_COUNTERS;
    if (this.repeats[counter] >= REPEAT_COUNT_MAX) return;
    this.repeats[counter]++;
    const at = this.length * FIELDS;
    const { values } = this;
    values[at] = hash;
    values[at + 1] = timeNs;
    values[at + 2] = lane;
    values[at + 3] = timeToLive;
    values[at + 4] = identification;
    values[at + 5] = ordinal;
    values[at + 6] = content;
    this.length++;
    if (this.length * FIELDS >= values.length) this.compact();
  }

  /**
   * Calls `visit` for every hash that both sketches hold completely and equally often, with its packets in capture order;
   * hashes that occur too often are left out.
   */
  joinWith(
    other: IdentitySketch,
    visit: (own: readonly SketchedPacket[], others: readonly SketchedPacket[]) => void,
  ): void {
    const limit = Math.min(this.ceiling, other.ceiling);
    const [own, others] = [this.byHash(), other.byHash()];
    let at = 0;
    for (let from = 0; from < own.length; ) {
      const hash = this.values[own[from] * FIELDS];
      if (hash >= limit) return;
      const to = this.endOf(own, from, hash);
      while (at < others.length && other.values[others[at] * FIELDS] < hash) at++;
      const end = other.endOf(others, at, hash);
      if (to - from === end - at && to - from <= REPEATS_MAX) {
        visit(this.packetsOf(own.subarray(from, to)), other.packetsOf(others.subarray(at, end)));
      }
      from = to;
      at = end;
    }
  }

  /** Positions in order of hash, then of capture. */
  private byHash(): Uint32Array {
    const { values } = this;
    const order = Uint32Array.from({ length: this.length }, (_, index) => index);
    return order.sort((a, b) => values[a * FIELDS] - values[b * FIELDS] || a - b);
  }

  private endOf(order: Uint32Array, from: number, hash: number): number {
    let to = from;
    while (to < order.length && this.values[order[to] * FIELDS] === hash) to++;
    return to;
  }

  private packetsOf(positions: Uint32Array): SketchedPacket[] {
    return Array.from(positions, (position) => this.packetAt(position * FIELDS));
  }

  private packetAt(at: number): SketchedPacket {
    const { values } = this;
    return {
      timeNs: values[at + 1],
      lane: values[at + 2],
      timeToLive: values[at + 3],
      identification: values[at + 4],
      ordinal: values[at + 5],
      content: values[at + 6],
    };
  }

  private compact(): void {
    const { values } = this;
    const hashes = new Float64Array(this.length);
    for (let packet = 0; packet < this.length; packet++) hashes[packet] = values[packet * FIELDS];
    hashes.sort();
    const cut = hashes[this.kept];
    let kept = 0;
    for (let packet = 0; packet < this.length; packet++) {
      if (values[packet * FIELDS] >= cut) continue;
      for (let field = 0; field < FIELDS; field++)
        values[kept * FIELDS + field] = values[packet * FIELDS + field];
      kept++;
    }
    this.length = kept;
    this.ceiling = cut;
    this.repeats.fill(0);
  }
}
