import type { ColumnType } from './table.js';

/** 0, 1 … below N. */
type Below<N extends number, Found extends readonly number[] = readonly []> = Found['length'] extends N
  ? Found[number]
  : Below<N, readonly [...Found, Found['length']]>;

/** `name0`, `name1` … */
type Numbered<Name extends string, N extends number, Column> = {
  readonly [Index in Below<N> as `${Name}${Index}`]: Column;
};

/** The names of numbered columns, in order. */
export function columnNames<Name extends string, N extends number>(
  name: Name,
  count: N,
): readonly `${Name}${Below<N>}`[] {
  return Array.from({ length: count }, (_, index) => `${name}${index}` as `${Name}${Below<N>}`);
}

/** Columns of a schema for what is longer than a number: an address, a text, a list. */
export function numberedColumns<Name extends string, N extends number, Type extends ColumnType>(
  name: Name,
  count: N,
  type: Type,
): Numbered<Name, N, Type> {
  const columns = columnNames(name, count).map((one) => [one, type]);
  return Object.fromEntries(columns) as Numbered<Name, N, Type>;
}

/** The numbered columns of a table, in order. Asked once a table: it allocates. */
export function columnsOf<Name extends string, N extends number>(
  table: Numbered<Name, N, Int32Array>,
  name: Name,
  count: N,
): readonly Int32Array[] {
  const byName: Readonly<Record<string, Int32Array>> = table;
  return columnNames(name, count).map((one) => byName[one]);
}
