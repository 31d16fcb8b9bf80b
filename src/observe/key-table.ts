import type { Arena } from './arena.js';

/** Words of a key: enough for a flow (stack, protocol, two addresses, ports, discriminator). */
export const KEY_WORDS = 12;
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
  length = 0;
  readonly words: Int32Array;
  /** The hash of each key, beside its words. */
  readonly sums: Int32Array;
  private readonly slots: Int32Array;
  /** Of `slots` this many are in use, so that few keys stay in few cache lines. */
  private slotMask = 0;
  private slotShift = 0;
  private readonly multipliers: Int32Array;
  /** False where the words were written on another thread and `slots` does not know them yet. */
  private isIndexed = true;

  /** `capacity`: a power of two; the table has twice as many slots and is never more than half full. */
  constructor(
    readonly capacity: number,
    seed: number,
    arena?: Arena,
  ) {
    this.multipliers = multipliersFrom(seed);
    this.words = arena
      ? new Int32Array(arena.buffer, arena.take(capacity * KEY_WORDS * 4), capacity * KEY_WORDS)
      : new Int32Array(capacity * KEY_WORDS);
    this.sums = arena
      ? new Int32Array(arena.buffer, arena.take(capacity * 4), capacity)
      : new Int32Array(capacity);
    this.slots = new Int32Array(capacity * 2);
    this.useSlots(Math.min(capacity * 2, SLOTS_START));
  }

  static byteLength(capacity: number): number {
    return capacity * (KEY_WORDS + 1) * 4;
  }

  get isFull(): boolean {
    return this.length >= this.capacity;
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
    const at = index * KEY_WORDS;
    const sum = (other.sums[index] + Math.imul(firstWord - other.words[at], this.multipliers[0])) | 0;
    return this.place(other.words, at, firstWord, sum, true);
  }

  clear(): void {
    if (this.length > 0 || !this.isIndexed) this.useSlots(Math.min(this.slots.length, SLOTS_START));
    this.length = 0;
    this.isIndexed = true;
  }

  /** Takes over keys that another thread wrote into `words`; call `reindex` before looking one up. */
  adopt(length: number): void {
    this.length = length;
    this.isIndexed = false;
  }

  /** Makes adopted keys findable. */
  reindex(): void {
    if (this.isIndexed) return;
    let slotCount = Math.min(this.slots.length, SLOTS_START);
    while (slotCount < this.length * 2) slotCount *= 2;
    this.index(slotCount);
    this.isIndexed = true;
  }

  private index(slotCount: number): void {
    this.useSlots(slotCount);
    for (let index = 0; index < this.length; index++) {
      let slot = this.slotOf(this.sums[index]);
      while (this.slots[slot] !== -1) slot = (slot + 1) & this.slotMask;
      this.slots[slot] = index;
    }
  }

  private useSlots(slotCount: number): void {
    this.slotMask = slotCount - 1;
    this.slotShift = Math.clz32(this.slotMask);
    this.slots.fill(-1, 0, slotCount);
  }

  /** Looks up the key whose words stand at `words[at]`, but for the first one. */
  private place(words: Int32Array, at: number, firstWord: number, sum: number, adds: boolean): number {
    let slot = this.slotOf(sum);
    for (;;) {
      const index = this.slots[slot];
      if (index === -1) return adds ? this.add(words, at, firstWord, sum, slot) : -1;
      if (this.sums[index] === sum && this.equals(index, words, at, firstWord)) return index;
      slot = (slot + 1) & this.slotMask;
    }
  }

  private add(words: Int32Array, at: number, firstWord: number, sum: number, slot: number): number {
    const index = this.length;
    if (index >= this.capacity) return -1;
    this.length = index + 1;
    this.slots[slot] = index;
    this.sums[index] = sum;
    const to = index * KEY_WORDS;
    this.words[to] = firstWord;
    for (let word = 1; word < KEY_WORDS; word++) this.words[to + word] = words[at + word];
    if (this.length * 2 > this.slotMask + 1) this.index((this.slotMask + 1) * 2);
    return index;
  }

  private equals(index: number, words: Int32Array, at: number, firstWord: number): boolean {
    const own = this.words;
    const from = index * KEY_WORDS;
    if (own[from] !== firstWord) return false;
    for (let word = 1; word < KEY_WORDS; word++) {
      if (own[from + word] !== words[at + word]) return false;
    }
    return true;
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
