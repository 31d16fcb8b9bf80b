import { setFlagsFromString } from 'node:v8';
import { expect, it } from 'vitest';
import { Arena } from './arena.js';
import { type ColumnType, createTable, tableByteLength } from './table.js';

const ROWS = 16;

it('gives a table of many columns an object that V8 reads without a look-up', () => {
  setFlagsFromString('--allow-natives-syntax');
  const hasFastProperties = new Function('object', 'return %HasFastProperties(object);');
  const schema = Object.fromEntries(
    Array.from({ length: 60 }, (_, column): [string, ColumnType] => [`column${column}`, 'u16']),
  );
  const arena = new Arena(new ArrayBuffer(tableByteLength(schema, ROWS)));
  const table = createTable(schema, ROWS, arena, { isExhausted: false });
  expect(hasFastProperties(table)).toBe(true);
});
