import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Arena } from './arena.js';
import { createTable, type Schema, tableByteLength } from './table.js';

setFlagsFromString('--allow-natives-syntax');
const hasShape = runInThisContext('(table) => %HasFastProperties(table)') as (table: object) => boolean;
const haveSameShape = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (a: object, b: object) => boolean;

function wideTable(columns: number): object {
  const schema: Schema = Object.fromEntries(
    Array.from({ length: columns }, (_, at) => [`column${at}`, 'u8']),
  );
  const arena = new Arena(new ArrayBuffer(tableByteLength(schema, 1)));
  return createTable(schema, 1, arena, { isExhausted: false });
}

test.each([1, 16, 60])(
  'a table of %i columns keeps a shape, the same in every slot, so that columns are not looked up by name',
  (columns) => {
    const [one, other] = [wideTable(columns), wideTable(columns)];
    expect(hasShape(one)).toBe(true);
    expect(haveSameShape(one, other)).toBe(true);
    expect(Object.keys(one)).toHaveLength(columns + 1);
  },
);
