import {
  FLOW_HIGH,
  FLOW_LOW,
  FLOW_PORTS,
  FLOW_STACK,
  STACK_KEY,
  STACK_KIND,
  STACK_PARENT,
  TUNNEL_KINDS,
  type TunnelKind,
} from '../observe/flow-key.js';
import { KEY_STRIDE, KEY_WORDS, KeyTable } from '../observe/key-table.js';
import { formatAddress } from '../wire/address.js';
import type { KnownKeys } from './known-keys.js';

export interface TunnelLayer {
  readonly kind: TunnelKind;
  readonly low: string;
  readonly high: string;
  readonly key: number;
}

const STACK_CAPACITY = 1 << 14;

/** The tunnel stacks of a run: each a tunnel and the stack around it; 0 is "no tunnel". */
export class TunnelStacks {
  private readonly keys: KeyTable;
  private readonly key = new Int32Array(KEY_WORDS);

  constructor(seed: number) {
    this.keys = new KeyTable(STACK_CAPACITY, seed);
    this.keys.findOrAdd(this.key);
  }

  /** Notes for the stacks of a slot which ones of the run they are. */
  map(stacks: KeyTable, known: KnownKeys): void {
    const { key } = this;
    for (let stack = known.stackCount; stack < stacks.length; stack++) {
      const at = stack * KEY_STRIDE;
      for (let word = 0; word < KEY_WORDS; word++) key[word] = stacks.words[at + word];
      if (stack > 0) key[STACK_PARENT] = known.stacks[stacks.words[at + STACK_PARENT]];
      // A run with more tunnels than the dictionary holds folds the rest into "no tunnel".
      known.stacks[stack] = Math.max(0, this.keys.findOrAdd(key));
    }
    known.stackCount = stacks.length;
  }

  parentOf(stack: number): number {
    return stack === 0 ? 0 : this.keys.words[stack * KEY_STRIDE + STACK_PARENT];
  }

  /** The stack inside a tunnel between the endpoints of the flow whose key stands at `words[at]`; 0 where there is none. */
  inside(words: Int32Array, at: number, kind: TunnelKind, tunnelKey: number): number {
    const { key } = this;
    for (let word = 0; word < KEY_WORDS; word++) key[word] = words[at + word];
    key[STACK_PARENT] = words[at + FLOW_STACK];
    key[STACK_KIND] = TUNNEL_KINDS.indexOf(kind);
    key[FLOW_PORTS] = 0;
    key[STACK_KEY] = tunnelKey;
    return Math.max(0, this.keys.find(key));
  }

  /** Outermost first. */
  layersOf(stack: number): TunnelLayer[] {
    const layers: TunnelLayer[] = [];
    const { words } = this.keys;
    for (let at = stack; at !== 0; at = this.parentOf(at)) {
      const offset = at * KEY_STRIDE;
      layers.unshift({
        kind: TUNNEL_KINDS[words[offset + STACK_KIND]],
        low: formatAddress(words, offset + FLOW_LOW),
        high: formatAddress(words, offset + FLOW_HIGH),
        key: words[offset + STACK_KEY] >>> 0,
      });
    }
    return layers;
  }
}
