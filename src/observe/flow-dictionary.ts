import type { Arena } from './arena.js';
import { KeyTable } from './key-table.js';

/**
 * The flows of one chunk, with what is commutative about them already reduced: packets, bytes, first and
 * last frame, per direction (index `flow * 2 + direction`).
 */
export class FlowDictionary {
  readonly keys: KeyTable;
  readonly packets: Uint32Array;
  readonly bytes: Float64Array;
  readonly firstFrame: Uint32Array;
  readonly lastFrame: Uint32Array;

  constructor(capacity: number, seed: number, arena: Arena) {
    const directions = capacity * 2;
    this.keys = new KeyTable(capacity, seed, arena);
    this.packets = new Uint32Array(arena.buffer, arena.take(directions * 4), directions);
    this.bytes = new Float64Array(arena.buffer, arena.take(directions * 8), directions);
    this.firstFrame = new Uint32Array(arena.buffer, arena.take(directions * 4), directions);
    this.lastFrame = new Uint32Array(arena.buffer, arena.take(directions * 4), directions);
  }

  static byteLength(capacity: number): number {
    return KeyTable.byteLength(capacity) + capacity * 2 * (4 + 8 + 4 + 4);
  }

  /** Index of the key, with its counters at zero where it is new; -1 where the dictionary is full. */
  findOrAdd(key: Int32Array): number {
    const known = this.keys.length;
    const flow = this.keys.findOrAdd(key);
    if (this.keys.length > known) {
      this.packets[flow * 2] = 0;
      this.packets[flow * 2 + 1] = 0;
      this.bytes[flow * 2] = 0;
      this.bytes[flow * 2 + 1] = 0;
    }
    return flow;
  }

  count(flow: number, direction: number, frameIndex: number, byteLength: number): void {
    const at = flow * 2 + direction;
    if (this.packets[at] === 0) this.firstFrame[at] = frameIndex;
    this.packets[at] += 1;
    this.bytes[at] += byteLength;
    this.lastFrame[at] = frameIndex;
  }

  clear(): void {
    this.keys.clear();
  }
}
