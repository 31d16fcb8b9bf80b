import { describe, expect, it } from 'vitest';
import { IdentityStore, type StoreBounds } from './identity-store.js';

const PER_BLOCK = 4096;

/** A store of records that hold their own number as time. */
function filled(blocks: number, rest: number, bounds: StoreBounds): IdentityStore {
  const store = new IdentityStore(bounds);
  for (let record = 0; record < blocks * PER_BLOCK + rest; record++) {
    const block = store.blockToFill();
    block.setTimeNs(block.length++, record);
  }
  return store;
}

function times(store: IdentityStore, lastBlocks?: number): number[] {
  const list: number[] = [];
  for (const block of store.read(lastBlocks)) {
    for (let record = 0; record < block.length; record++) list.push(block.timeNs(record));
  }
  return list;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

describe('records of one side', () => {
  it('come back in order, from memory and from the file, as often as they are read', () => {
    const store = filled(7, 5, { inMemory: 2 });
    for (let time = 0; time < 2; time++) expect(times(store)).toEqual(range(0, 7 * PER_BLOCK + 5));
    expect(store.forgotten).toBe(0);
    expect(store.cutNs()).toBeNaN();
    store.close();
  });

  it('give way where they are bounded: the oldest, and counted', () => {
    const store = filled(9, 5, { inMemory: 2, inFile: 3 });
    const first = 4 * PER_BLOCK;
    expect(times(store)).toEqual(range(first, 9 * PER_BLOCK + 5));
    expect(store.forgotten).toBe(first);
    expect(store.cutNs()).toBe(first);
    store.close();
  });

  it('can be read from a block near the end on', () => {
    const store = filled(9, 5, { inMemory: 2, inFile: 3 });
    for (const [last, from] of [
      [1, 9],
      [2, 8],
      [4, 6],
      [100, 4],
    ] as const) {
      expect(times(store, last)).toEqual(range(from * PER_BLOCK, 9 * PER_BLOCK + 5));
      expect(store.cutNs(last)).toBe(from * PER_BLOCK);
    }
    store.close();
  });
});
