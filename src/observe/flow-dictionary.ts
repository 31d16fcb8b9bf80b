import type { Arena } from './arena.js';
import { KeyTable } from './key-table.js';

/** Fields of a record of `FlowDictionary.records`, one record a direction at `(flow * 2 + direction) * FLOW_RECORD_FIELDS`. */
export const FLOW_RECORD_FIELDS = 4;
export const FLOW_PACKETS = 0;
export const FLOW_BYTES = 1;
export const FLOW_FIRST_FRAME = 2;
export const FLOW_LAST_FRAME = 3;

/**
 * The flows of one chunk, with what is commutative about them already reduced: packets, bytes, first and
 * last frame, per direction and side by side, so that counting touches one cache line.
 */
export class FlowDictionary {
  readonly keys: KeyTable;
  readonly records: Float64Array;
  /**
   * At `flow * 2 + direction`, of flows in a tunnel: the ways that their packets took through it, a bit each (1: from its
   * low end to the high one, 2: back). Apart from the records, as most flows are in no tunnel.
   */
  readonly ways: Uint8Array;

  constructor(capacity: number, seed: number, arena: Arena) {
    const fields = capacity * 2 * FLOW_RECORD_FIELDS;
    this.keys = new KeyTable(capacity, seed, arena);
    this.records = new Float64Array(arena.buffer, arena.take(fields * 8), fields);
    this.ways = new Uint8Array(arena.buffer, arena.take(capacity * 2), capacity * 2);
  }

  static byteLength(capacity: number): number {
    return KeyTable.byteLength(capacity) + capacity * 2 * (FLOW_RECORD_FIELDS * 8 + 1);
  }

  /** Index of the key, with its counters at zero where it is new; -1 where the dictionary is full. */
  findOrAdd(key: Int32Array): number {
    const known = this.keys.length;
    const flow = this.keys.findOrAdd(key);
    if (this.keys.length > known) {
      const at = flow * 2 * FLOW_RECORD_FIELDS;
      for (let field = 0; field < 2 * FLOW_RECORD_FIELDS; field++) this.records[at + field] = 0;
      this.ways[flow * 2] = this.ways[flow * 2 + 1] = 0;
    }
    return flow;
  }

  count(flow: number, direction: number, frameIndex: number, byteLength: number): void {
    const at = (flow * 2 + direction) * FLOW_RECORD_FIELDS;
    const { records } = this;
    if (records[at + FLOW_PACKETS] === 0) records[at + FLOW_FIRST_FRAME] = frameIndex;
    records[at + FLOW_PACKETS] += 1;
    records[at + FLOW_BYTES] += byteLength;
    records[at + FLOW_LAST_FRAME] = frameIndex;
  }

  /** `outerDirection`: of the packet around it; 0 from the low end of the tunnel. */
  noteWay(flow: number, direction: number, outerDirection: number): void {
    this.ways[flow * 2 + direction] |= 1 << outerDirection;
  }

  clear(): void {
    this.keys.clear();
  }
}
