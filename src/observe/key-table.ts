import type { Arena } from './arena.js';

/** Words of a key: enough for a flow (stack, protocol, two addresses, ports, discriminator). */
export const KEY_WORDS = 12;
/** Words from one key to the next in `KeyTable.words`: a cache line. */
export const KEY_STRIDE = 16;
/** After the key: its hash, and a word that is the owner's, 0 at first. */
const SUM = KEY_WORDS;
export const KEY_NOTE = KEY_WORDS + 1;
const CACHE_LINE_BYTES = 64;
/** Slots of an empty table; doubled as keys come. */
const SLOTS_START = 2048;

/**
 * Maps keys of KEY_WORDS 32-bit words to dense indices 0, 1, 2 … in order of first appearance.
 *
 * Open addressing over typed arrays. The hash is a sum of words times odd multipliers drawn from a seed that is random
 * per process, so that a capture cannot choose its collisions; being a sum, it can be adjusted when one word of
 * the key is replaced (a chunk's stack by the run's), instead of being computed anew.
 */
export class KeyTable {
  private count = 0;
  /** A record of KEY_STRIDE words a key. */
  readonly words: Int32Array;
  /**
   * Index of the key plus 1, and above it what fits of its hash, so that another key need not be looked at. 0: free, as
   * untouched memory is.
   */
  private readonly slots: Int32Array;
  private readonly indexMask: number;
  /** Of `slots` this many are in use, so that few keys stay in few cache lines. */
  private slotMask = 0;
  private slotShift = 0;
  private readonly multipliers: Int32Array;

  /**
   * `capacity`: a power of two; the table has twice as many slots and is never more than half full. In an arena all of the
   * table lies there, so that another thread goes on with it once it knows its length.
   */
  constructor(
    readonly capacity: number,
    seed: number,
    arena?: Arena,
  ) {
    this.multipliers = multipliersFrom(seed);
    const column = (length: number): Int32Array =>
      arena
        ? new Int32Array(arena.buffer, arena.take(length * 4, CACHE_LINE_BYTES), length)
        : new Int32Array(length);
    this.words = column(capacity * KEY_STRIDE);
    this.slots = column(capacity * 2);
    this.indexMask = capacity * 2 - 1;
    this.useSlots(this.slotsFor(0));
  }

  static byteLength(capacity: number): number {
    return capacity * (KEY_STRIDE + 2) * 4 + 2 * CACHE_LINE_BYTES;
  }

  get length(): number {
    return this.count;
  }

  get isFull(): boolean {
    return this.count >= this.capacity;
  }

  /** Index of the key, adding it if it is new; -1 if it is new and the table is full. */
  findOrAdd(key: Int32Array): number {
    return this.place(key, 0, key[0], this.sumAt(key, 0), true);
  }

  /** Index of the key, or -1. */
  find(key: Int32Array): number {
    return this.place(key, 0, key[0], this.sumAt(key, 0), false);
  }

  /**
   * As `findOrAdd`, for a key of another table with the same seed, its first word replaced.
   * @returns -1 if it is new and the table is full.
   */
  findOrAddFrom(other: KeyTable, index: number, firstWord: number): number {
    const at = index * KEY_STRIDE;
    const sum = (other.words[at + SUM] + Math.imul(firstWord - other.words[at], this.multipliers[0])) | 0;
    return this.place(other.words, at, firstWord, sum, true);
  }

  /** `isWhole`: also slots of keys that were added beyond `length`. */
  clear(isWhole = false): void {
    this.slots.fill(0, 0, isWhole ? this.slots.length : this.slotMask + 1);
    this.adopt(0);
  }

  /** Goes on with the keys that another thread left in the arena. */
  adopt(length: number): void {
    this.count = length;
    this.useSlots(this.slotsFor(length));
  }

  private slotsFor(length: number): number {
    let slotCount = Math.min(this.slots.length, SLOTS_START);
    while (slotCount < length * 2) slotCount *= 2;
    return slotCount;
  }

  private index(slotCount: number): void {
    this.slots.fill(0, 0, slotCount);
    this.useSlots(slotCount);
    for (let index = 0; index < this.count; index++) {
      const sum = this.words[index * KEY_STRIDE + SUM];
      let slot = this.slotOf(sum);
      while (this.slots[slot] !== 0) slot = (slot + 1) & this.slotMask;
      this.slots[slot] = this.entryOf(index, sum);
    }
  }

  private useSlots(slotCount: number): void {
    this.slotMask = slotCount - 1;
    this.slotShift = Math.clz32(this.slotMask);
  }

  /** Looks up the key whose words stand at `words[at]`, but for the first one. */
  private place(words: Int32Array, at: number, firstWord: number, sum: number, adds: boolean): number {
    let slot = this.slotOf(sum);
    for (;;) {
      const entry = this.slots[slot];
      if (entry === 0) return adds ? this.add(words, at, firstWord, sum, slot) : -1;
      if (((entry ^ sum) & ~this.indexMask) === 0) {
        const index = (entry & this.indexMask) - 1;
        if (this.equals(index, words, at, firstWord)) return index;
      }
      slot = (slot + 1) & this.slotMask;
    }
  }

  private add(words: Int32Array, at: number, firstWord: number, sum: number, slot: number): number {
    const index = this.count;
    if (index >= this.capacity) return -1;
    this.count = index + 1;
    this.slots[slot] = this.entryOf(index, sum);
    const to = index * KEY_STRIDE;
    this.words[to + SUM] = sum;
    this.words[to + KEY_NOTE] = 0;
    this.words[to] = firstWord;
    for (let word = 1; word < KEY_WORDS; word++) this.words[to + word] = words[at + word];
    if (this.count * 2 > this.slotMask + 1) this.index((this.slotMask + 1) * 2);
    return index;
  }

  private equals(index: number, words: Int32Array, at: number, firstWord: number): boolean {
    const own = this.words;
    const from = index * KEY_STRIDE;
    if (own[from] !== firstWord) return false;
    for (let word = 1; word < KEY_WORDS; word++) {
      if (own[from + word] !== words[at + word]) return false;
    }
    return true;
  }

  private entryOf(index: number, sum: number): number {
    return (sum & ~this.indexMask) | (index + 1);
  }

  private slotOf(sum: number): number {
    return Math.imul(sum ^ (sum >>> 16), 0x9e3779b1) >>> this.slotShift;
  }

  private sumAt(words: Int32Array, at: number): number {
    const by = this.multipliers;
    const head =
      Math.imul(words[at], by[0]) + Math.imul(words[at + 1], by[1]) + Math.imul(words[at + 2], by[2]);
    const low =
      Math.imul(words[at + 3], by[3]) + Math.imul(words[at + 4], by[4]) + Math.imul(words[at + 5], by[5]);
    const high =
      Math.imul(words[at + 6], by[6]) + Math.imul(words[at + 7], by[7]) + Math.imul(words[at + 8], by[8]);
    const tail =
      Math.imul(words[at + 9], by[9]) + Math.imul(words[at + 10], by[10]) + Math.imul(words[at + 11], by[11]);
    return ((head | 0) + (low | 0) + (high | 0) + (tail | 0)) | 0;
  }
}

/** Odd multipliers, one a word, by a small generator (splitmix32). */
function multipliersFrom(seed: number): Int32Array {
  let state = seed | 0;
  return Int32Array.from({ length: KEY_WORDS }, () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) | 1;
  });
}
