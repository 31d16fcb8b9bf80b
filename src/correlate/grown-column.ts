/** A longer column with the same values, zeros behind them. */
export function grown<A extends Int32Array | Float64Array | Uint32Array | Uint8Array>(
  column: A,
  length: number,
): A {
  const larger = new (column.constructor as new (length: number) => A)(length);
  larger.set(column);
  return larger;
}
