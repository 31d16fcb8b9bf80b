import { FLOW_STACK, STACK_PARENT } from '../observe/flow-key.js';
import { KEY_WORDS } from '../observe/key-table.js';
import type { Slot } from '../observe/slot.js';
import type { FlowRegistry } from './flow-registry.js';
import type { FlowStates } from './flow-states.js';

/** From this share of wrong checksums on, a direction of a conversation shows that they are taken all the same. */
const ACCEPTED_SHARE = 0.5;

/** A damaged layer of a packet. */
interface Damage {
  readonly frame: number;
  readonly depth: number;
  readonly weight: number;
  /** Conversation of the layer, and the innermost one of the frame, in their directions. */
  readonly lanes: readonly Lane[];
}

interface Lane {
  readonly lane: number;
  /** Packets of it in the round that come later. */
  after: number;
}

/**
 * Packets whose receiver drops them for a checksum that does not fit (RFC 1122, sections 3.2.1.2, 4.1.3.4 and 4.2.2.7):
 * what they say never arrives, so that no state may rest on it. A direction of a conversation of which at least half the
 * packets so far are wrong shows another thing, such as offload that nobody recognises, addresses that were changed in the
 * file, or a sender that never gets one right, and then what it asks in vain is to be told: these are believed. Counts two
 * numbers a flow with wrong checksums; costs nothing where all fit.
 */
export class DiscardedPackets {
  private readonly wrong: FlowStates<[number, number]>;
  private depths = new Uint8Array(0);

  constructor(private readonly flows: FlowRegistry) {
    this.wrong = flows.trackStates(() => {});
  }

  /**
   * By frame index, 1 and the depth of the outermost layer that is dropped, 0 for packets that are not; null where there are
   * none. Call once the round is counted.
   */
  detect(slot: Slot, global: Int32Array, isCopy: Uint8Array | null): Uint8Array | null {
    if (slot.damaged.rows.length === 0) return null;
    const damages = damagesOf(slot, isCopy);
    countAfter(slot, damages, isCopy);
    let found = false;
    if (this.depths.length < slot.chunk.frameCount) this.depths = new Uint8Array(slot.chunk.frameCount);
    this.depths.fill(0, 0, slot.chunk.frameCount);
    for (const { frame, depth, weight, lanes } of damages) {
      // Each is counted, whatever the others say.
      const taken = lanes.map((lane) => this.isTaken(global, lane, weight));
      if (taken.length === 0 || taken.includes(true)) continue;
      const known = this.depths[frame];
      this.depths[frame] = known === 0 ? depth + 1 : Math.min(known, depth + 1);
      found = true;
    }
    return found ? this.depths : null;
  }

  private isTaken(global: Int32Array, { lane, after }: Lane, weight: number): boolean {
    const flow = global[lane >> 1];
    if (flow < 0) return true;
    const direction = lane & 1;
    const wrong = this.wrong.get(flow) ?? [0, 0];
    this.wrong.set(flow, wrong);
    wrong[direction] += weight;
    return wrong[direction] >= (this.flows.packets(flow, direction) - after) * ACCEPTED_SHARE;
  }
}

/** Whether a row of that flow lies in the part of its frame that is dropped. */
export function isDropped(slot: Slot, depths: Uint8Array, frame: number, flow: number): boolean {
  const depth = depths[frame];
  if (depth === 0) return false;
  return depth === 1 || (flow >= 0 && depthOf(slot, flow) >= depth - 1);
}

/** Each layer with a wrong checksum once, in order of frames. */
function damagesOf(slot: Slot, isCopy: Uint8Array | null): Damage[] {
  const { damaged, touches } = slot;
  const damages: Damage[] = [];
  let touch = 0;
  for (let row = 0; row < damaged.rows.length; row++) {
    const frame = damaged.rows.frame[row];
    if (isCopy !== null && isCopy[frame] === 1) continue;
    const depth = damaged.depth[row];
    const last = damages.at(-1);
    if (last?.frame === frame && last.depth === depth) continue;
    while (touch < touches.rows.length && touches.rows.frame[touch] < frame) touch++;
    const lanes = new Set<number>();
    for (let at = touch; at < touches.rows.length && touches.rows.frame[at] === frame; at++) {
      const flow = touches.rows.flow[at];
      const isOfLayer = flow >= 0 && depthOf(slot, flow) === depth;
      if (isOfLayer || flow === damaged.rows.flow[row]) lanes.add(flow * 2 + touches.rows.direction[at]);
    }
    damages.push({
      frame,
      depth,
      weight: damaged.weight[row],
      lanes: [...lanes].map((lane) => ({ lane, after: 0 })),
    });
  }
  return damages;
}

function countAfter({ touches }: Slot, damages: readonly Damage[], isCopy: Uint8Array | null): void {
  const later = new Map<number, number>();
  for (const { lanes } of damages) for (const { lane } of lanes) later.set(lane, 0);
  let touch = touches.rows.length - 1;
  for (const damage of damages.toReversed()) {
    for (; touch >= 0 && touches.rows.frame[touch] > damage.frame; touch--) {
      if (isCopy !== null && isCopy[touches.rows.frame[touch]] === 1) continue;
      const lane = touches.rows.flow[touch] * 2 + touches.rows.direction[touch];
      const count = later.get(lane);
      if (count !== undefined) later.set(lane, count + 1);
    }
    for (const one of damage.lanes) one.after = later.get(one.lane) ?? 0;
  }
}

/** Tunnels around the packets of a flow of the chunk. */
function depthOf({ flows, stacks }: Slot, flow: number): number {
  let depth = 0;
  let stack = flows.keys.words[flow * KEY_WORDS + FLOW_STACK];
  for (; stack > 0; depth++) stack = stacks.words[stack * KEY_WORDS + STACK_PARENT];
  return depth;
}
