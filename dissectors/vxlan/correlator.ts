import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import dissector from './dissector.js';
import { type FlowIdentity, OpenFlow } from './open-flow.js';
import { OpenTunnel } from './open-tunnel.js';
import type { VXLAN_ROWS } from './rows.js';
import type { VxlanTunnel } from './session.js';
import {
  BYTES,
  EVERY_PACKET,
  LANE,
  LARGEST,
  LARGEST_INNER,
  LAST_FRAME,
  LAST_NS,
  PACKETS,
  recordAt,
  SideCounters,
} from './side-counters.js';

export type { PortUse, TunnelDirection } from '../../src/correlate/tunnel-direction.js';
export type {
  Addressing,
  InnerFlow,
  InnerSide,
  MacPair,
  PolicyUse,
  ReservedUse,
  VxlanDirection,
  VxlanTunnel,
} from './session.js';

type Rows = Batch<typeof VXLAN_ROWS>;

/** Inner flows whose state is kept in a time segment; of further ones only the tunnel's sums are. */
const FLOWS_MAX = 1 << 18;

/**
 * Follows tunnels by VNI and endpoints, and in them inner flows. Holds one state for each tunnel of the stack
 * dictionary (about 16,000) and for FLOWS_MAX inner flows a time segment; closed tunnels go through a
 * SessionStore.
 */
class VxlanCorrelation implements Correlation<VxlanTunnel, typeof VXLAN_ROWS> {
  private tunnels = new Map<number, OpenTunnel>();
  /** Index into `flows` and `counters`. */
  private readonly slots: FlowStates<number>;
  private flows: OpenFlow[] = [];
  private readonly counters = new SideCounters();
  private readonly closed = new SessionStore<VxlanTunnel>(onesidedness);
  private untrackedFlows = 0;

  constructor(private readonly run: CorrelationRun) {
    // The tunnel keeps what it knows of a flow that the registry gives up.
    this.slots = run.flows.trackStates<number>(() => {});
  }

  get summarised(): number {
    return this.closed.summarised + this.untrackedFlows;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const slot = this.slots.get(flow);
    if (slot !== undefined) return this.take(slot, batch, from, to);
    const tunnel = this.tunnelOf(batch, this.run.flows.stack(flow), batch.order[from]);
    if (!tunnel) return;
    const state = this.open(tunnel, flow);
    this.take(state.slot, batch, from, to);
    if (state.slot >= FLOWS_MAX) {
      this.untrackedFlows++;
      state.settle(this.counters);
      this.flows.pop();
      return;
    }
    this.slots.set(flow, state.slot);
    tunnel.flows.push(state);
  }

  private take(slot: number, batch: Rows, from: number, to: number): void {
    const { columns, order, timeNs } = batch;
    const { direction } = columns.rows;
    const { lane, outerLength, innerLength, outerBytes, packets, lastFrame } = columns;
    const { records } = this.counters;
    for (let next = from; next < to; next++) {
      const row = order[next];
      const at = recordAt(slot, direction[row]);
      if (records[at + LANE] !== lane[row]) this.resolve(slot, at, batch, row);
      records[at + PACKETS] += packets[row];
      records[at + BYTES] += outerBytes[row];
      records[at + LAST_FRAME] = batch.frameIdOf(lastFrame[row]);
      records[at + LAST_NS] = timeNs[lastFrame[row]];
      if (outerLength[row] <= records[at + LARGEST]) continue;
      if (records[at + LARGEST] === EVERY_PACKET) this.takeFragmented(slot, batch, row);
      else {
        records[at + LARGEST] = outerLength[row];
        records[at + LARGEST_INNER] = innerLength[row];
      }
    }
  }

  private takeFragmented(slot: number, batch: Rows, row: number): void {
    const { columns } = batch;
    const { sent } = this.flows[slot].sides[columns.rows.direction[row]];
    sent?.enlarge(columns.outerLength[row], columns.innerLength[row]);
    sent?.fragment(refOf(batch, columns.rows.frame[row]), columns.outerLength[row]);
  }

  private open(tunnel: OpenTunnel, flow: FlowId): OpenFlow {
    const slot = this.flows.length;
    const state = new OpenFlow(slot, tunnel, this.identityOf(flow));
    this.flows.push(state);
    this.counters.open(slot);
    return state;
  }

  private identityOf(flow: FlowId): FlowIdentity | null {
    const { flows } = this.run;
    if (!flows.isConversation(flow)) return null;
    const { low, high, lowPort, highPort } = flows.endpoints(flow);
    return { protocol: flows.protocol(flow), low, high, lowPort, highPort };
  }

  /** Null where the stack dictionary was full: such packets belong to no tunnel. */
  private tunnelOf(batch: Rows, stack: number, row: number): OpenTunnel | null {
    const known = this.tunnels.get(stack);
    if (known) return known;
    const layers = this.run.flows.tunnelLayers(stack);
    const own = layers[layers.length - 1];
    if (own?.kind !== 'vxlan') return null;
    const { low, high, key } = own;
    const outerStack = this.run.flows.parentStack(stack);
    const tunnel = new OpenTunnel({ segment: batch.segment, stack, outerStack, low, high, vni: key });
    tunnel.isGpe = batch.columns.isGpe[row] === 1;
    this.tunnels.set(stack, tunnel);
    return tunnel;
  }

  /** Finds the counters of the tunnel for a packet of another lane than the one before it. */
  private resolve(slot: number, record: number, batch: Rows, row: number): void {
    const { columns } = batch;
    const at = refOf(batch, columns.rows.frame[row]);
    const state = this.flows[slot];
    const { tunnel } = state;
    const direction = columns.rows.direction[row];
    const outerDirection = columns.outerDirection[row];
    const side = state.sides[direction];
    side.settle(tunnel, this.counters, record);
    const sent = tunnel.directions[outerDirection];
    if (side.first === null) side.outerPort = columns.sourcePort[row];
    side.first ??= at;
    side.sent = sent;
    sent.span(at.frame, at.timeNs, at.segment);
    const use = sent.laneUse(tunnel, batch, row, at);
    side.noteTag(use.policyId, at);
    side.use = use;
    if (use.isTagged) side.policyId = use.policyId;
    const { records } = this.counters;
    records[record + LANE] = columns.lane[row];
    records[record + LARGEST] = use.isFragmented ? EVERY_PACKET : 0;
    if (use.isFlooded) tunnel.flood(0, at);
    const ends = this.sourceOf(state, direction);
    if (ends) state.place(ends.from, ends.to, direction, outerDirection);
    side.source = null;
    side.destination = null;
    if (!ends || ends.from.includes(':')) return;
    const { silkSource, silkDestination } = use;
    if (silkSource !== null) side.source = tunnel.addressing(silkSource, ends.from, true, outerDirection, at);
    if (silkDestination !== null)
      side.destination = tunnel.addressing(silkDestination, ends.to, false, outerDirection, at);
  }

  private sourceOf({ identity }: OpenFlow, direction: number): { from: string; to: string } | null {
    if (!identity) return null;
    const { low, high } = identity;
    return direction === 0 ? { from: low, to: high } : { from: high, to: low };
  }

  endSegment(): void {
    for (const tunnel of this.tunnels.values()) this.closed.add(tunnel.describe(this.counters));
    this.tunnels = new Map();
    this.slots.clear();
    this.flows = [];
  }

  sessions(): readonly VxlanTunnel[] {
    const open = [...this.tunnels.values()].map((tunnel) => tunnel.describe(this.counters));
    return [...this.closed.sessions(), ...open].sort((a, b) => firstFrame(a) - firstFrame(b));
  }
}

function firstFrame({ directions }: VxlanTunnel): number {
  return Math.min(...directions.map(({ first }) => first?.frame ?? Number.POSITIVE_INFINITY));
}

function onesidedness({ directions }: VxlanTunnel): number {
  return Math.abs(directions[0].packets - directions[1].packets);
}

function refOf(batch: Rows, frameIndex: number): FrameRef {
  return {
    frame: batch.frameIdOf(frameIndex),
    timeNs: batch.timeNs[frameIndex],
    segment: batch.segment,
  };
}

/** Every VXLAN tunnel, by endpoints and VNI. */
export const vxlanTunnels = defineCorrelator<VxlanTunnel, typeof VXLAN_ROWS>({
  name: 'vxlan',
  reads: dissector,
  order: 'flow',
  create: (run) => new VxlanCorrelation(run),
});

export default [vxlanTunnels as Correlator] satisfies Correlator[];
