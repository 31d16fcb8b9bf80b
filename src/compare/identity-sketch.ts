import type { Nanoseconds } from '../units.js';

/** Hashes kept of a side: the smallest ones, so that both sides keep the same packets. */
const KEPT = 1 << 16;
/** Occurrences of one hash that are kept: content that comes again and again identifies nothing. */
const REPEATS_MAX = 8;
const REPEAT_COUNTERS = 1 << 16;
const REPEAT_COUNT_MAX = 64;

/** A packet of the sketch. */
export interface SketchedPacket {
  readonly hash: number;
  readonly timeNs: Nanoseconds;
  readonly lane: number;
  readonly timeToLive: number;
  readonly identification: number;
  /** Position in capture order. */
  readonly ordinal: number;
}

const FIELDS = 6;

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
  constructor(private readonly kept = KEPT) {
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
    this.length++;
    if (this.length * FIELDS >= values.length) this.compact();
  }

  /** Packets by hash, each in capture order; hashes that occur too often are left out. */
  packets(): Map<number, SketchedPacket[]> {
    const byHash = new Map<number, SketchedPacket[]>();
    for (let at = 0; at < this.length * FIELDS; at += FIELDS) {
      const packet = this.packetAt(at);
      const known = byHash.get(packet.hash);
      if (known) known.push(packet);
      else byHash.set(packet.hash, [packet]);
    }
    for (const [hash, packets] of byHash) if (packets.length > REPEATS_MAX) byHash.delete(hash);
    return byHash;
  }

  private packetAt(at: number): SketchedPacket {
    const { values } = this;
    return {
      hash: values[at],
      timeNs: values[at + 1],
      lane: values[at + 2],
      timeToLive: values[at + 3],
      identification: values[at + 4],
      ordinal: values[at + 5],
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
