import { describe, expect, it } from 'vitest';
import { columnNames, columnsOf, numberedColumns } from './numbered-columns.js';

describe('numbered columns', () => {
  it('have the names of their places', () => {
    expect(columnNames('word', 3)).toEqual(['word0', 'word1', 'word2']);
    expect(numberedColumns('word', 2, 'i32')).toEqual({ word0: 'i32', word1: 'i32' });
  });

  it('are found in order', () => {
    const table = { word1: Int32Array.of(7), word0: Int32Array.of(5) };
    expect(columnsOf(table, 'word', 2).map(([first]) => first)).toEqual([5, 7]);
  });
});
