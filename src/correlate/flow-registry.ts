import type { FrameRef } from '../moment.js';
import {
  FLOW_BYTES,
  FLOW_FIRST_FRAME,
  FLOW_LAST_FRAME,
  FLOW_PACKETS,
  FLOW_RECORD_FIELDS,
} from '../observe/flow-dictionary.js';
import {
  FLOW_DISCRIMINATOR,
  FLOW_HIGH,
  FLOW_KIND_DISCRIMINATED,
  FLOW_LOW,
  FLOW_PORTS,
  FLOW_PROTOCOL,
  FLOW_STACK,
  STACK_KEY,
  STACK_KIND,
  STACK_PARENT,
  TUNNEL_KINDS,
  type TunnelKind,
} from '../observe/flow-key.js';
import { KEY_WORDS, KeyTable } from '../observe/key-table.js';
import type { Slot } from '../observe/slot.js';
import { frameId } from '../units.js';
import { formatAddress } from '../wire/address.js';
import type { Endpoints, FlowDirection, TunnelLayer } from './flow-facts.js';
import type { FlowId } from './flow-id.js';
import { FlowStates } from './flow-states.js';
import { grown } from './grown-column.js';

export type { Endpoints, FlowDirection, TunnelLayer } from './flow-facts.js';

const FLOW_CAPACITY_START = 4096;
/** About half a million flows; beyond three quarters of that the longest silent ones are aggregated into `evicted`. */
const FLOW_CAPACITY_MAX = 1 << 19;
/** Pages that nobody touched cost nothing, columns that wait for the garbage collector do: so rather seldom and far. */
const GROWTH = 4;
const STACK_CAPACITY = 1 << 14;

const RECORD_FIELDS = 8;
const PACKETS = 0;
const BYTES = 1;
/** The first packet of a direction and the last: where their frame, time and segment stand. */
export const FIRST = 2;
export const LAST = 5;
export type FlowEdge = typeof FIRST | typeof LAST;
const EDGE_NS = 1;
const EDGE_SEGMENT = 2;

/**
 * Every flow of the run and what is counted of it. Chunk-local indices are mapped once per chunk, not once per row.
 */
export class FlowRegistry {
  private keys: KeyTable;
  private stacks: KeyTable;
  /** What the keys move to when flows are evicted: the two take turns. */
  private spareKeys: KeyTable | null = null;
  /** One record of RECORD_FIELDS a direction, side by side: counting touches one cache line. */
  private records = new Float64Array(FLOW_CAPACITY_START * 2 * RECORD_FIELDS);
  /** As `FlowDictionary.ways`. */
  private ways = new Uint8Array(FLOW_CAPACITY_START * 2);
  /** Epoch (65,536 frames) in which a flow was last seen, by which eviction chooses. */
  private lastEpochs = new Uint32Array(FLOW_CAPACITY_START);
  private epoch = 0;
  private mappedStacks = 0;
  private readonly key = new Int32Array(KEY_WORDS);
  private globalFlows = new Int32Array(1024);
  private globalStacks = new Int32Array(1024);
  private readonly states: FlowStates<unknown>[] = [];
  /** What was aggregated because of the bound. */
  readonly evicted = { flows: 0, packets: 0, bytes: 0 };

  constructor(
    private readonly seed: number,
    private readonly capacityMax: number = FLOW_CAPACITY_MAX,
  ) {
    this.keys = new KeyTable(FLOW_CAPACITY_START, seed);
    this.stacks = new KeyTable(STACK_CAPACITY, seed);
    this.stacks.findOrAdd(this.key);
  }

  get size(): number {
    return this.keys.length;
  }

  /** State of type T for each flow; follows the flow through evictions. `forget` is called for the state of an evicted flow. */
  trackStates<T>(forget: (state: T) => void): FlowStates<T> {
    const states = new FlowStates<T>(forget);
    this.states.push(states as FlowStates<unknown>);
    return states;
  }

  /** Maps the flows of a chunk from index `from` on; the result is indexed by chunk-local flow. */
  mapFlows(slot: Slot, from: number): Int32Array {
    const count = slot.flows.keys.length;
    if (this.globalFlows.length < count) this.globalFlows = grown(this.globalFlows, count * 2);
    this.mapStacks(slot, from === 0 ? 0 : this.mappedStacks);
    const { keys } = slot.flows;
    for (let flow = from; flow < count; flow++) {
      const stack = this.globalStacks[keys.words[flow * KEY_WORDS + FLOW_STACK]];
      let id = this.keys.findOrAddFrom(keys, flow, stack);
      if (id < 0) {
        this.grow();
        id = this.keys.findOrAddFrom(keys, flow, stack);
      }
      this.lastEpochs[id] = this.epoch;
      this.globalFlows[flow] = id;
    }
    return this.globalFlows;
  }

  private mapStacks(slot: Slot, from: number): void {
    const count = slot.stacks.length;
    if (this.globalStacks.length < count) this.globalStacks = grown(this.globalStacks, count * 2);
    for (let stack = from; stack < count; stack++) {
      const at = stack * KEY_WORDS;
      for (let word = 0; word < KEY_WORDS; word++) this.key[word] = slot.stacks.words[at + word];
      if (stack > 0) this.key[STACK_PARENT] = this.globalStacks[slot.stacks.words[at + STACK_PARENT]];
      // A run with more tunnels than the dictionary holds aggregates the rest into "no tunnel".
      this.globalStacks[stack] = Math.max(0, this.stacks.findOrAdd(this.key));
    }
    this.mappedStacks = count;
  }

  /** Adds the counters of a chunk. */
  mergeCounters(slot: Slot, global: Int32Array): void {
    const { flows, chunk } = slot;
    const { capture, number, timeNs } = chunk.frames;
    const { records } = this;
    const directions = flows.keys.length * 2;
    for (let direction = 0; direction < directions; direction++) {
      const from = direction * FLOW_RECORD_FIELDS;
      const packets = flows.records[from + FLOW_PACKETS];
      if (packets === 0) continue;
      const to = (global[direction >> 1] * 2 + (direction & 1)) * RECORD_FIELDS;
      if (records[to + PACKETS] === 0) {
        const first = flows.records[from + FLOW_FIRST_FRAME];
        records[to + FIRST] = frameId(capture[first], number[first]);
        records[to + FIRST + EDGE_NS] = timeNs[first];
        records[to + FIRST + EDGE_SEGMENT] = chunk.segment;
      }
      const last = flows.records[from + FLOW_LAST_FRAME];
      records[to + LAST] = frameId(capture[last], number[last]);
      records[to + LAST + EDGE_NS] = timeNs[last];
      records[to + LAST + EDGE_SEGMENT] = chunk.segment;
      records[to + PACKETS] += packets;
      const ways = flows.ways[direction];
      if (ways !== 0) this.ways[global[direction >> 1] * 2 + (direction & 1)] |= ways;
      records[to + BYTES] += flows.records[from + FLOW_BYTES];
    }
  }

  /** Packets of a flow in a direction so far. */
  packets(flow: FlowId, direction: number): number {
    return this.records[(flow * 2 + direction) * RECORD_FIELDS + PACKETS];
  }

  /** Takes packets of copied frames out again. */
  uncount(flow: FlowId, direction: number, byteLength: number): void {
    const at = (flow * 2 + direction) * RECORD_FIELDS;
    this.records[at + PACKETS] -= 1;
    this.records[at + BYTES] -= byteLength;
  }

  endpoints(flow: FlowId): Endpoints {
    const at = flow * KEY_WORDS;
    const words = this.keys.words;
    const ports = words[at + FLOW_PORTS];
    return {
      low: formatAddress(words, at + FLOW_LOW),
      high: formatAddress(words, at + FLOW_HIGH),
      lowPort: ports >>> 16,
      highPort: ports & 0xffff,
    };
  }

  /** Source and destination of packets of a flow in that direction, as text. */
  addresses(flow: FlowId, direction: number): { from: string; to: string } {
    const { low, high } = this.endpoints(flow);
    return direction === 0 ? { from: low, to: high } : { from: high, to: low };
  }

  /** Source and destination port of packets of a flow in that direction. */
  ports(flow: FlowId, direction: number): { from: number; to: number } {
    const ports = this.keys.words[flow * KEY_WORDS + FLOW_PORTS];
    return direction === 0
      ? { from: ports >>> 16, to: ports & 0xffff }
      : { from: ports & 0xffff, to: ports >>> 16 };
  }

  /** The four words of an endpoint: 0 the low one, 1 the high one. Valid until the registry grows. */
  addressWords(flow: FlowId, endpoint: number): Int32Array {
    const at = flow * KEY_WORDS + (endpoint === 0 ? FLOW_LOW : FLOW_HIGH);
    return this.keys.words.subarray(at, at + 4);
  }

  /** IP protocol number. */
  protocol(flow: FlowId): number {
    return this.keys.words[flow * KEY_WORDS + FLOW_PROTOCOL] & 0xff;
  }

  /** True for transport conversations, false for flows of a protocol's own making. */
  isConversation(flow: FlowId): boolean {
    return (this.keys.words[flow * KEY_WORDS + FLOW_PROTOCOL] & FLOW_KIND_DISCRIMINATED) === 0;
  }

  discriminator(flow: FlowId): number {
    return this.keys.words[flow * KEY_WORDS + FLOW_DISCRIMINATOR];
  }

  /** Index of the tunnel stack; 0: not in a tunnel. */
  stack(flow: FlowId): number {
    return this.keys.words[flow * KEY_WORDS + FLOW_STACK];
  }

  /** The stack around the innermost tunnel of a stack; 0: none. */
  parentStack(stack: number): number {
    return stack === 0 ? 0 : this.stacks.words[stack * KEY_WORDS + STACK_PARENT];
  }

  /** The stack of the packets inside a tunnel between the endpoints of `flow`; 0 where there are none. */
  innerStack(flow: FlowId, kind: TunnelKind, tunnelKey: number): number {
    const at = flow * KEY_WORDS;
    for (let word = 0; word < KEY_WORDS; word++) this.key[word] = this.keys.words[at + word];
    this.key[STACK_PARENT] = this.stack(flow);
    this.key[STACK_KIND] = TUNNEL_KINDS.indexOf(kind);
    this.key[FLOW_PORTS] = 0;
    this.key[STACK_KEY] = tunnelKey;
    return Math.max(0, this.stacks.find(this.key));
  }

  /** Layers of a tunnel stack, outermost first. */
  tunnelLayers(stack: number): TunnelLayer[] {
    const layers: TunnelLayer[] = [];
    for (let at = stack; at !== 0; at = this.stacks.words[at * KEY_WORDS + STACK_PARENT]) {
      const words = this.stacks.words;
      const offset = at * KEY_WORDS;
      layers.unshift({
        kind: TUNNEL_KINDS[words[offset + STACK_KIND]],
        low: formatAddress(words, offset + FLOW_LOW),
        high: formatAddress(words, offset + FLOW_HIGH),
        key: words[offset + STACK_KEY] >>> 0,
      });
    }
    return layers;
  }

  direction(flow: FlowId, direction: number): FlowDirection {
    const at = (flow * 2 + direction) * RECORD_FIELDS;
    const { records } = this;
    return {
      packets: records[at + PACKETS],
      bytes: records[at + BYTES],
      firstFrame: records[at + FIRST],
      lastFrame: records[at + LAST],
      firstNs: records[at + FIRST + EDGE_NS],
      lastNs: records[at + LAST + EDGE_NS],
      firstSegment: records[at + FIRST + EDGE_SEGMENT],
      lastSegment: records[at + LAST + EDGE_SEGMENT],
    };
  }

  packetCount(flow: FlowId, direction: number): number {
    return this.records[(flow * 2 + direction) * RECORD_FIELDS + PACKETS];
  }

  /** Whether packets of a direction went through the tunnel around them from its low end (0) or its high end (1). */
  wentThrough(flow: FlowId, direction: number, outerDirection: number): boolean {
    return ((this.ways[flow * 2 + direction] >> outerDirection) & 1) === 1;
  }

  byteCount(flow: FlowId, direction: number): number {
    return this.records[(flow * 2 + direction) * RECORD_FIELDS + BYTES];
  }

  /** Frame of the first or the last packet of a direction that has one. */
  edgeOf(flow: FlowId, direction: number, edge: FlowEdge): FrameRef {
    const at = (flow * 2 + direction) * RECORD_FIELDS + edge;
    const { records } = this;
    return { frame: records[at], segment: records[at + EDGE_SEGMENT], timeNs: records[at + EDGE_NS] };
  }

  /** Whether the edge of a direction of one flow comes before that of the same direction of another. */
  isBefore(one: FlowId, other: FlowId, direction: number, edge: FlowEdge): boolean {
    const a = (one * 2 + direction) * RECORD_FIELDS + edge;
    const b = (other * 2 + direction) * RECORD_FIELDS + edge;
    const { records } = this;
    const segments = records[a + EDGE_SEGMENT] - records[b + EDGE_SEGMENT];
    return segments < 0 || (segments === 0 && records[a + EDGE_NS] < records[b + EDGE_NS]);
  }

  /** An empty table for keys that `writeHosts` makes: room for those of all flows, `most` of them at most. */
  tableOfHosts(most: number): KeyTable {
    return new KeyTable(Math.min(most, this.keys.capacity), this.seed);
  }

  /** Writes the tunnel stack and both hosts of a flow into a key, the same for all that these hosts have with each other. */
  writeHosts(flow: FlowId, key: Int32Array): void {
    const at = flow * KEY_WORDS;
    const { words } = this.keys;
    key[FLOW_STACK] = words[at + FLOW_STACK];
    for (let word = FLOW_LOW; word < FLOW_PORTS; word++) key[word] = words[at + word];
  }

  /** Calls `visit` for every transport conversation, in order of first appearance. */
  forEachConversation(visit: (flow: FlowId) => void): void {
    for (let flow = 0; flow < this.keys.length; flow++) {
      if (this.isConversation(flow)) visit(flow);
    }
  }

  /** Falls due at the end of an epoch: aggregates the longest silent flows where the table is nearly full. */
  endEpoch(): void {
    this.epoch++;
    if (this.keys.length > this.capacityMax * 0.75) this.evict(Math.floor(this.capacityMax / 2));
  }

  /** Whole epochs go, oldest first, so that the victims do not depend on how frames were cut into chunks. */
  private evict(keep: number): void {
    const oldestKept = this.oldestEpochToKeep(keep);
    const count = this.keys.length;
    const kept = new Int32Array(count).fill(-1);
    const old = this.keys;
    this.keys =
      this.spareKeys?.capacity === old.capacity ? this.spareKeys : new KeyTable(old.capacity, this.seed);
    this.keys.clear();
    this.spareKeys = old;
    for (let flow = 0; flow < count; flow++) {
      if (this.lastEpochs[flow] < oldestKept) {
        this.aggregate(flow);
        continue;
      }
      kept[flow] = this.keys.findOrAddFrom(old, flow, old.words[flow * KEY_WORDS]);
      this.moveCounters(flow, kept[flow]);
    }
    this.records.fill(0, this.keys.length * 2 * RECORD_FIELDS, count * 2 * RECORD_FIELDS);
    this.ways.fill(0, this.keys.length * 2, count * 2);
    for (const states of this.states) states.remap(kept);
  }

  private oldestEpochToKeep(keep: number): number {
    const flowsByEpoch = new Map<number, number>();
    for (let flow = 0; flow < this.keys.length; flow++) {
      const epoch = this.lastEpochs[flow];
      flowsByEpoch.set(epoch, (flowsByEpoch.get(epoch) ?? 0) + 1);
    }
    let oldest = this.epoch;
    let total = 0;
    for (const epoch of [...flowsByEpoch.keys()].sort((a, b) => b - a)) {
      total += flowsByEpoch.get(epoch) ?? 0;
      if (total > keep && epoch !== this.epoch - 1) break;
      oldest = epoch;
    }
    return oldest;
  }

  private aggregate(flow: FlowId): void {
    const packets = this.packetCount(flow, 0) + this.packetCount(flow, 1);
    if (packets === 0) return;
    this.evicted.flows += 1;
    this.evicted.packets += packets;
    this.evicted.bytes += this.direction(flow, 0).bytes + this.direction(flow, 1).bytes;
  }

  private moveCounters(from: FlowId, to: FlowId): void {
    this.lastEpochs[to] = this.lastEpochs[from];
    this.ways.copyWithin(to * 2, from * 2, (from + 1) * 2);
    const fields = 2 * RECORD_FIELDS;
    this.records.copyWithin(to * fields, from * fields, (from + 1) * fields);
  }

  private grow(): void {
    const capacity = this.keys.capacity * GROWTH;
    const old = this.keys;
    this.keys = new KeyTable(capacity, this.seed);
    for (let flow = 0; flow < old.length; flow++) {
      this.keys.findOrAddFrom(old, flow, old.words[flow * KEY_WORDS]);
    }
    this.lastEpochs = grown(this.lastEpochs, capacity);
    this.records = grown(this.records, capacity * 2 * RECORD_FIELDS);
    this.ways = grown(this.ways, capacity * 2);
  }
}
