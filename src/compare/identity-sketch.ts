import type { Nanoseconds } from '../units.js';

/** Packets kept of a side: the smallest ones, so that both sides keep the same packets. */
export const SKETCH_KEPT = 1 << 16;
/** Occurrences of one hash that are kept: content that comes again and again identifies nothing. */
const REPEATS_MAX = 8;
/** A power of two. */
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
    // As the remainder, without a division of doubles.
    const counter = hash & (REPEAT_COUNTERS - 1);
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
    const others = other.byHash(limit);
    for (const [hash, own] of this.byHash(limit)) {
      const found = others.get(hash);
      if (found === undefined || found.length !== own.length || own.length > REPEATS_MAX) continue;
      visit(this.packetsOf(own), other.packetsOf(found));
    }
  }

  /** Positions of the packets with each hash below `limit`, in the order of capture. */
  private byHash(limit: number): Map<number, number[]> {
    const { values } = this;
    const positions = new Map<number, number[]>();
    for (let packet = 0; packet < this.length; packet++) {
      const hash = values[packet * FIELDS];
      if (hash >= limit) continue;
      const known = positions.get(hash);
      if (known) known.push(packet);
      else positions.set(hash, [packet]);
    }
    return positions;
  }

  private packetsOf(positions: readonly number[]): SketchedPacket[] {
    return positions.map((position) => this.packetAt(position * FIELDS));
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
    const cut = nthSmallest(hashes, this.kept);
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

/** What stands at index `nth` once `values` are sorted; changes their order. */
function nthSmallest(values: Float64Array, nth: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let left = low;
    let right = high;
    while (left <= right) {
      while (values[left] < pivot) left++;
      while (values[right] > pivot) right--;
      if (left > right) break;
      const value = values[left];
      values[left++] = values[right];
      values[right--] = value;
    }
    if (nth <= right) high = right;
    else if (nth >= left) low = left;
    else break;
  }
  return values[nth];
}
