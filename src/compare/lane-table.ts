import {
  FLOW_DISCRIMINATOR,
  FLOW_HIGH,
  FLOW_KIND_DISCRIMINATED,
  FLOW_LOW,
  FLOW_PORTS,
  FLOW_PROTOCOL,
  FLOW_STACK,
  STACK_HIGH,
  STACK_KEY,
  STACK_KIND,
  STACK_LOW,
  STACK_PARENT,
  TUNNEL_KINDS,
} from '../observe/flow-key.js';
import { KEY_WORDS, KeyTable } from '../observe/key-table.js';
import type { Slot } from '../observe/slot.js';
import { formatAddress } from '../wire/address.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';

/** One direction of a flow on one side: `flow * 2 + direction`. */
export type Lane = number;

const PROTOCOL_ARP_REQUEST = -1;
const PROTOCOL_ARP_REPLY = -2;

const FLOWS_START = 4096;
const FLOWS_MAX = 1 << 18;
const STACKS_MAX = 1 << 14;

/** The ends of a lane as text. */
export interface LaneEnds {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
  /** IP protocol number; PROTOCOL_ARP_REQUEST and PROTOCOL_ARP_REPLY for ARP. */
  readonly protocol: number;
  readonly stack: number;
}

/** Equal for lanes with the same addresses, ports and protocol, in whatever tunnel. */
export function laneKey({ from, to, protocol, fromPort, toPort }: LaneEnds): string {
  return `${from} ${to} ${protocol} ${fromPort} ${toPort}`;
}

/** False for a broadcast of ARP: a reply is sent to one host. */
export function isBetweenHosts({ protocol }: LaneEnds): boolean {
  return protocol !== PROTOCOL_ARP_REQUEST && protocol >= PROTOCOL_ARP_REPLY;
}

/** Fragments behind the first one, of a protocol whose packets have ports. */
export function isOfLaterFragments({ protocol, fromPort, toPort }: LaneEnds): boolean {
  return (protocol === PROTOCOL_UDP || protocol === PROTOCOL_TCP) && fromPort === 0 && toPort === 0;
}

/**
 * The flows of one side of a comparison. Bounded: 262,144 flows; of what is beyond only the pair of hosts is kept
 * apart, and when even that is full, nothing (`overflow` counts those packets).
 */
export class LaneTable {
  overflow = 0;
  private keys: KeyTable;
  private readonly stacks: KeyTable;
  private readonly key = new Int32Array(KEY_WORDS);
  private localStacks = new Int32Array(1024);
  /** By local flow: the flow here, and the one without ports for its fragments; -1: not looked up yet. */
  private whole = new Int32Array(1024);
  private fragments = new Int32Array(1024);
  private local: Slot | null = null;

  constructor(private readonly seed: number) {
    this.keys = new KeyTable(FLOWS_START, seed);
    this.stacks = new KeyTable(STACKS_MAX, seed);
    this.stacks.findOrAdd(this.key);
  }

  get flowCount(): number {
    return this.keys.length;
  }

  /** Begins a round: local flow numbers from now on are those of that slot. */
  begin(slot: Slot): void {
    this.local = slot;
    const flows = slot.flows.keys.length;
    if (this.whole.length < flows) {
      this.whole = new Int32Array(flows * 2);
      this.fragments = new Int32Array(flows * 2);
    }
    this.whole.fill(-1, 0, flows);
    this.fragments.fill(-1, 0, flows);
    if (this.localStacks.length < slot.stacks.length)
      this.localStacks = new Int32Array(slot.stacks.length * 2);
    this.localStacks[0] = 0;
    for (let stack = 1; stack < slot.stacks.length; stack++) {
      const at = stack * KEY_WORDS;
      for (let word = 0; word < KEY_WORDS; word++) this.key[word] = slot.stacks.words[at + word];
      this.key[STACK_PARENT] = this.localStacks[slot.stacks.words[at + STACK_PARENT]];
      this.localStacks[stack] = this.stacks.findOrAdd(this.key);
    }
  }

  /** The flow of a local flow of this round, or -1. Fragments of a pair share one flow, whatever the first one shows. */
  flowOf(local: number, isFragment: boolean): number {
    const known = isFragment ? this.fragments : this.whole;
    if (known[local] < 0) known[local] = this.lookUp(local, isFragment);
    if (known[local] < 0) this.overflow++;
    return known[local];
  }

  ends(lane: Lane): LaneEnds {
    const flow = lane >> 1;
    const at = flow * KEY_WORDS;
    const { words } = this.keys;
    const low = formatAddress(words, at + FLOW_LOW);
    const high = formatAddress(words, at + FLOW_HIGH);
    const ports = words[at + FLOW_PORTS];
    const isArp = (words[at + FLOW_PROTOCOL] & FLOW_KIND_DISCRIMINATED) !== 0;
    const isUp = (lane & 1) === 0;
    return {
      from: isUp ? low : high,
      to: isUp ? high : low,
      fromPort: isUp ? ports >>> 16 : ports & 0xffff,
      toPort: isUp ? ports & 0xffff : ports >>> 16,
      protocol: isArp ? -words[at + FLOW_DISCRIMINATOR] : words[at + FLOW_PROTOCOL] & 0xff,
      stack: words[at + FLOW_STACK],
    };
  }

  /** True for TCP with ports: not for fragments. */
  isTcp(lane: Lane): boolean {
    const at = (lane >> 1) * KEY_WORDS;
    const { words } = this.keys;
    return words[at + FLOW_PROTOCOL] === PROTOCOL_TCP && words[at + FLOW_PORTS] !== 0;
  }

  /** The four words of the address that a lane leads to. */
  destinationWords(lane: Lane): Int32Array {
    const at = (lane >> 1) * KEY_WORDS + ((lane & 1) === 0 ? FLOW_HIGH : FLOW_LOW);
    return this.keys.words.slice(at, at + 4);
  }

  stackOf(flow: number): number {
    return this.keys.words[flow * KEY_WORDS + FLOW_STACK];
  }

  /** `vxlan 1`: the innermost tunnel of a stack. */
  tunnelOf(stack: number): string | null {
    if (stack === 0) return null;
    const at = stack * KEY_WORDS;
    const { words } = this.stacks;
    const key = words[at + STACK_KEY] >>> 0;
    return `${TUNNEL_KINDS[words[at + STACK_KIND]]}${key === 0 ? '' : ` ${key}`}`;
  }

  /** IP protocol number. */
  protocolOf(lane: Lane): number {
    return this.keys.words[(lane >> 1) * KEY_WORDS + FLOW_PROTOCOL] & 0xff;
  }

  /** Of the innermost tunnel of a stack: its kind, key and outer ends in canonical order; null outside tunnels. */
  tunnelEnds(stack: number): { kind: string; key: number; low: string; high: string } | null {
    if (stack === 0) return null;
    const at = stack * KEY_WORDS;
    const { words } = this.stacks;
    return {
      kind: TUNNEL_KINDS[words[at + STACK_KIND]],
      key: words[at + STACK_KEY] >>> 0,
      low: formatAddress(words, at + STACK_LOW),
      high: formatAddress(words, at + STACK_HIGH),
    };
  }

  private lookUp(local: number, isFragment: boolean): number {
    const { local: slot, key } = this;
    if (slot === null) return -1;
    const { words } = slot.flows.keys;
    const at = local * KEY_WORDS;
    for (let word = 0; word < KEY_WORDS; word++) key[word] = words[at + word];
    const stack = this.localStacks[words[at + FLOW_STACK]];
    if (stack < 0) return -1;
    key[FLOW_STACK] = stack;
    if (isFragment) {
      key[FLOW_PORTS] = 0;
      key[FLOW_DISCRIMINATOR] = 0;
    }
    const flow = this.findOrAdd();
    if (flow >= 0 || isFragment) return flow;
    key[FLOW_PORTS] = 0;
    return this.keys.find(key);
  }

  private findOrAdd(): number {
    const flow = this.keys.findOrAdd(this.key);
    if (flow >= 0 || this.keys.capacity >= FLOWS_MAX) return flow;
    const old = this.keys;
    this.keys = new KeyTable(old.capacity * 2, this.seed);
    for (let known = 0; known < old.length; known++)
      this.keys.findOrAddFrom(old, known, old.words[known * KEY_WORDS]);
    return this.keys.findOrAdd(this.key);
  }
}
