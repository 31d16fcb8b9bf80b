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
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import dissector from './dissector.js';
import { formatMac, hasSilkForm } from './mac.js';
import { OpenFlow, type OpenSide } from './open-flow.js';
import { OpenRef } from './open-ref.js';
import { OpenTunnel, type OpenVxlanDirection } from './open-tunnel.js';
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
const MAC_GROUP = 0x0100;
const POLICY_MASK = 0xffff;

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
    const { direction, frame } = columns.rows;
    const { lane, outerLength } = columns;
    const { sides } = state;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const side = sides[direction[row]];
      if (side.lane !== lane[row] || side.sent === null) this.resolve(state, side, batch, row);
      side.pending++;
      side.pendingBytes += outerLength[row];
      side.pendingFrame = frame[row];
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
    if (side.isFragmented) sent.fragment(refOf(batch, columns.rows.frame[row]), columns.outerLength[row]);
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

  /**
   * Finds the counters of the tunnel for a packet that differs from the one before it in port, MACs or
   * direction.
   */
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
    side.portUse = sent.port(columns.destinationPort[row], at);
    sent.span(at.frame, at.timeNs, at.segment);
    this.resolveHeader(side, sent, batch, row);
    side.isFlooded = (columns.destinationMacHigh[row] & MAC_GROUP) !== 0;
    if (side.isFlooded) tunnel.flood(0, at);
    side.macPair = null;
    side.source = null;
    side.destination = null;
    const ends = this.sourceOf(state, columns.rows.direction[row]);
    if (identity && ends && isNewWay) tunnel.place(ends.from, ends.to, outerDirection);
    if (columns.innerType[row] === 0) return;
    const sourceMac = formatMac(columns.sourceMacHigh[row], columns.sourceMacLow[row]);
    const destinationMac = formatMac(columns.destinationMacHigh[row], columns.destinationMacLow[row]);
    side.macPair = tunnel.macPair(sourceMac, destinationMac, outerDirection, at);
    if (!ends || ends.from.includes(':')) return;
    if (hasSilkForm(columns.sourceMacHigh[row], columns.sourceMacLow[row])) {
      side.source = tunnel.addressing(sourceMac, ends.from, true, outerDirection, at);
    }
    if (hasSilkForm(columns.destinationMacHigh[row], columns.destinationMacLow[row])) {
      side.destination = tunnel.addressing(destinationMac, ends.to, false, outerDirection, at);
    }
  }

  private resolveHeader(side: OpenSide, sent: OpenVxlanDirection, batch: Rows, row: number): void {
    const { columns } = batch;
    const header = columns.header[row];
    side.isTagged = header < 0;
    side.policyUse = null;
    if (header < 0) {
      side.policyId = header & POLICY_MASK;
      side.policyUse = sent.policy(side.policyId);
    }
    const isPlain = columns.stray[row] === 0 && columns.trailer[row] === 0;
    const at = refOf(batch, columns.rows.frame[row]);
    side.reservedUse = isPlain ? null : sent.reserve(columns.stray[row], columns.trailer[row], at);
    side.isFragmented = columns.rows.origin[row] === ORIGIN_FIRST_FRAGMENT;
    side.largest = side.isFragmented ? -1 : 0;
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
