import type { Arena } from './arena.js';

/**
 * The rows of one table by flow: those of flow `f` are `rows[starts[f + 1] … starts[f + 2])`, those without a flow
 * `rows[starts[0] … starts[1])`, each in the order they were given.
 */
export class RowGroups {
  /** How many rows are grouped; -1 where none were. */
  length = -1;
  rows: Uint32Array;
  starts: Uint32Array;

  constructor(rowCapacity: number, flowCapacity: number, arena?: Arena) {
    const startCount = flowCapacity + 3;
    this.rows = arena
      ? new Uint32Array(arena.buffer, arena.take(rowCapacity * 4), rowCapacity)
      : new Uint32Array(rowCapacity);
    this.starts = arena
      ? new Uint32Array(arena.buffer, arena.take(startCount * 4), startCount)
      : new Uint32Array(startCount);
  }

  static byteLength(rowCapacity: number, flowCapacity: number): number {
    return Math.ceil((rowCapacity * 4) / 8) * 8 + Math.ceil(((flowCapacity + 3) * 4) / 8) * 8;
  }

  /** Groups `order[0 … count)` by `flowOfRow`, whose values are -1 to `flowCount - 1` (a stable counting sort). */
  group(order: Uint32Array, count: number, flowOfRow: Int32Array, flowCount: number): void {
    if (this.rows.length < count) this.rows = new Uint32Array(count * 2);
    if (this.starts.length < flowCount + 3) this.starts = new Uint32Array(flowCount * 2 + 3);
    const { rows, starts } = this;
    starts.fill(0, 0, flowCount + 3);
    // Two further on than where a group begins, so that scattering moves each start to its place.
    for (let at = 0; at < count; at++) starts[flowOfRow[order[at]] + 3]++;
    for (let flow = 1; flow < flowCount + 3; flow++) starts[flow] += starts[flow - 1];
    for (let at = 0; at < count; at++) {
      const row = order[at];
      rows[starts[flowOfRow[row] + 2]++] = row;
    }
    this.length = count;
  }
}
