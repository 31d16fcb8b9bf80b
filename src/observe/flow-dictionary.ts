import type { Arena } from './arena.js';
import { KEY_NOTE, KEY_STRIDE, KeyTable } from './key-table.js';

/** Fields of a record of `FlowDictionary.records`, one record a direction at `(flow * 2 + direction) * FLOW_RECORD_FIELDS`. */
export const FLOW_RECORD_FIELDS = 4;
export const FLOW_PACKETS = 0;
export const FLOW_BYTES = 1;
export const FLOW_FIRST_FRAME = 2;
export const FLOW_LAST_FRAME = 3;

/**
 * The flows of one chunk in order of first appearance, with what is commutative about them already reduced: packets,
 * bytes, first and last frame, per direction and side by side, so that counting touches one cache line.
 *
 * Keys outlive the chunk, since most flows of the next one are the same: whoever has mapped a key once knows it again by
 * its index in `keys`. No more than that is remembered, and no flow is numbered by it.
 */
export class FlowDictionary {
  readonly keys: KeyTable;
  /** By flow of the chunk: the index of its key. */
  readonly keyOf: Int32Array;
  readonly records: Float64Array;
  private flowCount = 0;

  constructor(capacity: number, seed: number, arena: Arena) {
    const fields = capacity * 2 * FLOW_RECORD_FIELDS;
    this.keys = new KeyTable(capacity, seed, arena);
    this.keyOf = new Int32Array(arena.buffer, arena.take(capacity * 4), capacity);
    this.records = new Float64Array(arena.buffer, arena.take(fields * 8), fields);
  }

  static byteLength(capacity: number): number {
    return KeyTable.byteLength(capacity) + capacity * 4 + capacity * 2 * FLOW_RECORD_FIELDS * 8;
  }

  /** Flows of the chunk. */
  get length(): number {
    return this.flowCount;
  }

  /** Index of the key, with its counters at zero where the chunk had none of it; -1 where the dictionary is full. */
  findOrAdd(key: Int32Array): number {
    const index = this.keys.findOrAdd(key);
    if (index < 0) return -1;
    // The note of a key is its flow of the chunk plus 1; 0: none.
    const known = this.keys.words[index * KEY_STRIDE + KEY_NOTE];
    return known > 0 ? known - 1 : this.add(index);
  }

  count(flow: number, direction: number, frameIndex: number, byteLength: number): void {
    const at = (flow * 2 + direction) * FLOW_RECORD_FIELDS;
    const { records } = this;
    if (records[at + FLOW_PACKETS] === 0) records[at + FLOW_FIRST_FRAME] = frameIndex;
    records[at + FLOW_PACKETS] += 1;
    records[at + FLOW_BYTES] += byteLength;
    records[at + FLOW_LAST_FRAME] = frameIndex;
  }

  /** Where the key of a flow begins in `keys.words`. */
  keyAt(flow: number): number {
    return this.keyOf[flow] * KEY_STRIDE;
  }

  /** Empties the chunk of flows; their keys stay. */
  clear(): void {
    for (let flow = 0; flow < this.flowCount; flow++) this.keys.words[this.keyAt(flow) + KEY_NOTE] = 0;
    this.flowCount = 0;
  }

  /** As `clear`, and forgets the keys, also those of a thread that did not come to tell of them. */
  forget(): void {
    this.keys.clear(true);
    this.flowCount = 0;
  }

  /** Goes on with what another thread left in the arena. */
  adopt(flowCount: number, keyCount: number): void {
    this.flowCount = flowCount;
    this.keys.adopt(keyCount);
  }

  private add(index: number): number {
    const flow = this.flowCount++;
    this.keyOf[flow] = index;
    this.keys.words[index * KEY_STRIDE + KEY_NOTE] = flow + 1;
    const at = flow * 2 * FLOW_RECORD_FIELDS;
    for (let field = 0; field < 2 * FLOW_RECORD_FIELDS; field++) this.records[at + field] = 0;
    return flow;
  }
}
