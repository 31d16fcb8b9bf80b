import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEY_WORDS, KeyTable } from './key-table.js';

const keyOf = (first: number, last = 0): Int32Array => {
  const key = new Int32Array(KEY_WORDS);
  key[0] = first;
  key[KEY_WORDS - 1] = last;
  return key;
};

describe('KeyTable', () => {
  it('numbers keys in order of first appearance, whatever the seed', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: 200 }), fc.integer(), (values, seed) => {
        const table = new KeyTable(256, seed);
        const order = [...new Set(values)];
        for (const value of values) expect(table.findOrAdd(keyOf(value))).toBe(order.indexOf(value));
        expect(table.length).toBe(order.length);
      }),
    );
  });

  it('refuses new keys when full, and still finds the known ones', () => {
    const table = new KeyTable(4, 7);
    for (let value = 0; value < 4; value++) table.findOrAdd(keyOf(value));
    expect(table.isFull).toBe(true);
    expect(table.findOrAdd(keyOf(99))).toBe(-1);
    expect(table.findOrAdd(keyOf(2))).toBe(2);
    expect(table.find(keyOf(99))).toBe(-1);
  });

  it('tells keys that differ in any one word', () => {
    const table = new KeyTable(16, 1);
    for (let word = 0; word < KEY_WORDS; word++) {
      const key = new Int32Array(KEY_WORDS);
      key[word] = 1;
      expect(table.findOrAdd(key)).toBe(word);
    }
  });

  it('forgets everything when cleared', () => {
    const table = new KeyTable(4, 3);
    table.findOrAdd(keyOf(5));
    table.clear();
    expect(table.find(keyOf(5))).toBe(-1);
    expect(table.findOrAdd(keyOf(6))).toBe(0);
  });
});
