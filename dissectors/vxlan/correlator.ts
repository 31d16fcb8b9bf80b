import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId, FlowStates } from '../../src/correlate/flow-registry.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/diagnose/diagnosis.js';
import dissector from './dissector.js';
import { OpenFlow, type OpenSide } from './open-flow.js';
import { OpenRef } from './open-ref.js';
import { OpenTunnel } from './open-tunnel.js';
import type { VXLAN_ROWS } from './rows.js';
import type { VxlanTunnel } from './session.js';

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
export type { PortUse, TunnelDirection } from './tunnel-direction.js';

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
  private readonly flows: FlowStates<OpenFlow>;
  private readonly closed = new SessionStore<VxlanTunnel>(onesidedness);
  private flowCount = 0;
  private untrackedFlows = 0;

  constructor(private readonly run: CorrelationRun) {
    // The tunnel keeps what it knows of a flow that the registry gives up.
    this.flows = run.flows.trackStates<OpenFlow>(() => {});
  }

  get summarised(): number {
    return this.closed.summarised + this.untrackedFlows;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const known = this.flows.get(flow);
    if (known) return this.take(known, batch, from, to);
    const tunnel = this.tunnelOf(batch, this.run.flows.stack(flow), batch.order[from]);
    if (!tunnel) return;
    const state = this.open(tunnel, flow);
    this.take(state, batch, from, to);
    if (this.flowCount >= FLOWS_MAX) {
      this.untrackedFlows++;
      state.settle();
      return;
    }
    this.flowCount++;
    this.flows.set(flow, state);
    tunnel.flows.push(state);
  }

  private take(state: OpenFlow, batch: Rows, from: number, to: number): void {
    const { columns, order } = batch;
    const { direction } = columns.rows;
    const { lane, outerLength, outerBytes, packets, lastFrame } = columns;
    const { sides } = state;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const side = sides[direction[row]];
      if (side.lane !== lane[row] || side.sent === null) this.resolve(state, side, batch, row);
      side.pending += packets[row];
      side.pendingBytes += outerBytes[row];
      side.pendingFrame = lastFrame[row];
      if (outerLength[row] > side.largest) this.enlarge(side, batch, row);
    }
    if (sides[0].pending > 0) flush(sides[0], batch);
    if (sides[1].pending > 0) flush(sides[1], batch);
  }

  /**
   * A packet longer than those before it, or (`largest` is then -1) one of a lane whose every packet matters.
   */
  private enlarge(side: OpenSide, batch: Rows, row: number): void {
    const { columns } = batch;
    const { sent } = side;
    if (!sent) return;
    sent.enlarge(columns.outerLength[row], columns.innerLength[row]);
    if (side.use?.isFragmented)
      sent.fragment(refOf(batch, columns.rows.frame[row]), columns.outerLength[row]);
    else side.largest = columns.outerLength[row];
  }

  private open(tunnel: OpenTunnel, flow: FlowId): OpenFlow {
    const { flows } = this.run;
    if (!flows.isConversation(flow)) return new OpenFlow(tunnel, null);
    const { low, high, lowPort, highPort } = flows.endpoints(flow);
    return new OpenFlow(tunnel, { protocol: flows.protocol(flow), low, high, lowPort, highPort });
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
  private resolve(state: OpenFlow, side: OpenSide, batch: Rows, row: number): void {
    const { columns } = batch;
    const at = refOf(batch, columns.rows.frame[row]);
    const { tunnel, identity } = state;
    if (side.pending > 0) flush(side, batch);
    side.settle(tunnel);
    const outerDirection = columns.outerDirection[row];
    const sent = tunnel.directions[outerDirection];
    const isNewWay = side.sent !== sent;
    side.first ??= at;
    side.lane = columns.lane[row];
    side.sent = sent;
    sent.span(at.frame, at.timeNs, at.segment);
    const use = sent.laneUse(tunnel, batch, row, at);
    side.use = use;
    if (use.isTagged) side.policyId = use.policyId;
    side.largest = use.isFragmented ? -1 : 0;
    if (use.isFlooded) tunnel.flood(0, at);
    const ends = this.sourceOf(state, columns.rows.direction[row]);
    if (identity && ends && isNewWay) tunnel.place(ends.from, ends.to, outerDirection);
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
    for (const tunnel of this.tunnels.values()) this.closed.add(tunnel.describe());
    this.tunnels = new Map();
    this.flows.clear();
    this.flowCount = 0;
  }

  sessions(): readonly VxlanTunnel[] {
    const open = [...this.tunnels.values()].map((tunnel) => tunnel.describe());
    return [...this.closed.sessions(), ...open].sort((a, b) => firstFrame(a) - firstFrame(b));
  }
}

/**
 * Hands the pending packets of a side on to itself and its direction of the tunnel; `settle` does the rest,
 * later.
 */
function flush(side: OpenSide, batch: Rows): void {
  const frame = batch.frameIdOf(side.pendingFrame);
  const timeNs = batch.timeNs[side.pendingFrame];
  const { pending, sent } = side;
  side.pending = 0;
  side.packets += pending;
  if (sent) {
    sent.packets += pending;
    sent.bytes += side.pendingBytes;
    sent.span(frame, timeNs, batch.segment);
  }
  side.pendingBytes = 0;
  if (side.last) side.last.set(frame, timeNs);
  else side.last = new OpenRef(frame, timeNs, batch.segment);
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
