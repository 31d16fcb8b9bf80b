import type { Arena } from './arena.js';

/** Words of a key: enough for a flow (stack, protocol, two addresses, ports, discriminator). */
export const KEY_WORDS = 12;

/**
 * Maps keys of KEY_WORDS 32-bit words to dense indices 0, 1, 2 … in order of first appearance.
 * Open addressing over typed arrays, seeded per process so that a capture cannot choose its collisions.
 */
export class KeyTable {
  length = 0;
  readonly words: Int32Array;
  private readonly slots: Int32Array;
  private readonly slotMask: number;
  /** False where the words were written on another thread and `slots` does not know them yet. */
  private isIndexed = true;

  /** `capacity`: a power of two; the table has twice as many slots and is never more than half full. */
  constructor(
    readonly capacity: number,
    private readonly seed: number,
    arena?: Arena,
  ) {
    const slotCount = capacity * 2;
    this.slotMask = slotCount - 1;
    this.words = arena
      ? new Int32Array(arena.buffer, arena.take(capacity * KEY_WORDS * 4), capacity * KEY_WORDS)
      : new Int32Array(capacity * KEY_WORDS);
    this.slots = new Int32Array(slotCount).fill(-1);
  }

  static byteLength(capacity: number): number {
    return capacity * KEY_WORDS * 4;
  }

  get isFull(): boolean {
    return this.length >= this.capacity;
  }

  /** Index of the key, adding it if it is new; -1 if it is new and the table is full. */
  findOrAdd(key: Int32Array): number {
    let slot = this.hashAt(key, 0) & this.slotMask;
    for (;;) {
      const index = this.slots[slot];
      if (index === -1) return this.add(key, slot);
      if (this.equals(index, key)) return index;
      slot = (slot + 1) & this.slotMask;
    }
  }

  /** Index of the key, or -1. */
  find(key: Int32Array): number {
    let slot = this.hashAt(key, 0) & this.slotMask;
    for (;;) {
      const index = this.slots[slot];
      if (index === -1 || this.equals(index, key)) return index;
      slot = (slot + 1) & this.slotMask;
    }
  }

  clear(): void {
    if (this.length > 0 || !this.isIndexed) this.slots.fill(-1);
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
    this.slots.fill(-1);
    for (let index = 0; index < this.length; index++) {
      let slot = this.hashAt(this.words, index * KEY_WORDS) & this.slotMask;
      while (this.slots[slot] !== -1) slot = (slot + 1) & this.slotMask;
      this.slots[slot] = index;
    }
    this.isIndexed = true;
  }

  private add(key: Int32Array, slot: number): number {
    const index = this.length;
    if (index >= this.capacity) return -1;
    this.length = index + 1;
    this.slots[slot] = index;
    const at = index * KEY_WORDS;
    for (let word = 0; word < KEY_WORDS; word++) this.words[at + word] = key[word];
    return index;
  }

  private equals(index: number, key: Int32Array): boolean {
    const at = index * KEY_WORDS;
    const words = this.words;
    for (let word = 0; word < KEY_WORDS; word++) {
      if (words[at + word] !== key[word]) return false;
    }
    return true;
  }

  private hashAt(words: Int32Array, at: number): number {
    let hash = this.seed;
    for (let word = 0; word < KEY_WORDS; word++) {
      hash = Math.imul(hash ^ words[at + word], 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }
}
