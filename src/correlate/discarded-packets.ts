import { FLOW_STACK, STACK_PARENT } from '../observe/flow-key.js';
import { KEY_WORDS } from '../observe/key-table.js';
import type { Slot } from '../observe/slot.js';
import type { FlowRegistry } from './flow-registry.js';
import type { FlowStates } from './flow-states.js';

/** From this share of wrong checksums on, a direction of a conversation shows that they are taken all the same. */
const ACCEPTED_SHARE = 0.5;

/**
 * Packets whose receiver drops them for a checksum that does not fit (RFC 1122, sections 3.2.1.2, 4.1.3.4 and 4.2.2.7):
 * what they say never arrives, so that no state may rest on it. A direction of a conversation of which at least half the
 * packets so far are wrong shows another thing, such as offload that nobody recognises, addresses that were changed in the
 * file, or a sender that never gets one right, and then what it asks in vain is to be told: these are believed. Counts two
 * numbers a flow with wrong checksums; costs nothing where all fit.
 */
export class DiscardedPackets {
  private readonly wrong: FlowStates<[number, number]>;
  private readonly damages = new Damages();
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
    const { damages } = this;
    damages.collect(slot, isCopy);
    let found = false;
    if (this.depths.length < slot.chunk.frameCount) this.depths = new Uint8Array(slot.chunk.frameCount);
    this.depths.fill(0, 0, slot.chunk.frameCount);
    for (let one = 0; one < damages.count; one++) {
      if (this.isTaken(global, one)) continue;
      const frame = damages.frames[one];
      const depth = damages.depths[one] + 1;
      const known = this.depths[frame];
      this.depths[frame] = known === 0 ? depth : Math.min(known, depth);
      found = true;
    }
    return found ? this.depths : null;
  }

  /** Whether a conversation of that damage is taken all the same. Each is counted, whatever the others say. */
  private isTaken(global: Int32Array, one: number): boolean {
    const { lanes, after, laneStarts, weights } = this.damages;
    let isTaken = laneStarts[one] === laneStarts[one + 1];
    for (let at = laneStarts[one]; at < laneStarts[one + 1]; at++) {
      if (this.isLaneTaken(global, lanes[at], after[at], weights[one])) isTaken = true;
    }
    return isTaken;
  }

  private isLaneTaken(global: Int32Array, lane: number, after: number, weight: number): boolean {
    const flow = global[lane >> 1];
    if (flow < 0) return true;
    const direction = lane & 1;
    let wrong = this.wrong.get(flow);
    if (wrong === undefined) {
      wrong = [0, 0];
      this.wrong.set(flow, wrong);
    }
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

/**
 * The layers with a wrong checksum of a round, each once, in order of frames; in columns, as a capture may hold nothing else.
 * The conversations of damage `i` (that of the layer, and the innermost one of the frame) are `lanes[laneStarts[i] …
 * laneStarts[i + 1])`: twice the flow of the chunk, plus the direction.
 */
class Damages {
  count = 0;
  readonly frames: number[] = [];
  readonly depths: number[] = [];
  readonly weights: number[] = [];
  readonly laneStarts: number[] = [0];
  readonly lanes: number[] = [];
  /** By place in `lanes`: packets of that lane in the round that come later. */
  readonly after: number[] = [];
  private later = new Uint32Array(0);

  collect(slot: Slot, isCopy: Uint8Array | null): void {
    const { damaged, touches } = slot;
    this.count = 0;
    let touch = 0;
    for (let row = 0; row < damaged.rows.length; row++) {
      const frame = damaged.rows.frame[row];
      if (isCopy !== null && isCopy[frame] === 1) continue;
      const depth = damaged.depth[row];
      if (this.count > 0 && this.frames[this.count - 1] === frame && this.depths[this.count - 1] === depth)
        continue;
      while (touch < touches.rows.length && touches.rows.frame[touch] < frame) touch++;
      this.frames[this.count] = frame;
      this.depths[this.count] = depth;
      this.weights[this.count] = damaged.weight[row];
      this.addLanes(slot, touch, depth, damaged.rows.flow[row]);
      this.count++;
    }
    this.countLater(slot, isCopy);
  }

  /** Of the frame whose touches begin at `touch`; `innermost`: its innermost flow. */
  private addLanes(slot: Slot, touch: number, depth: number, innermost: number): void {
    const { rows } = slot.touches;
    const start = this.laneStarts[this.count];
    const frame = this.frames[this.count];
    let end = start;
    for (let at = touch; at < rows.length && rows.frame[at] === frame; at++) {
      const flow = rows.flow[at];
      if (flow !== innermost && (flow < 0 || depthOf(slot, flow) !== depth)) continue;
      const lane = flow * 2 + rows.direction[at];
      let known = start;
      while (known < end && this.lanes[known] !== lane) known++;
      if (known === end) this.lanes[end++] = lane;
    }
    this.laneStarts[this.count + 1] = end;
  }

  private countLater({ flows, touches }: Slot, isCopy: Uint8Array | null): void {
    const { frame, flow, direction, length } = touches.rows;
    const laneCount = flows.keys.length * 2;
    if (this.later.length < laneCount) this.later = new Uint32Array(laneCount * 2);
    const { later } = this;
    later.fill(0, 0, laneCount);
    let touch = length - 1;
    for (let one = this.count - 1; one >= 0; one--) {
      for (; touch >= 0 && frame[touch] > this.frames[one]; touch--) {
        if (isCopy === null || isCopy[frame[touch]] === 0) later[flow[touch] * 2 + direction[touch]]++;
      }
      for (let at = this.laneStarts[one]; at < this.laneStarts[one + 1]; at++)
        this.after[at] = later[this.lanes[at]];
    }
  }
}

/** Tunnels around the packets of a flow of the chunk. */
function depthOf({ flows, stacks }: Slot, flow: number): number {
  let depth = 0;
  let stack = flows.keys.words[flow * KEY_WORDS + FLOW_STACK];
  for (; stack > 0; depth++) stack = stacks.words[stack * KEY_WORDS + STACK_PARENT];
  return depth;
}
