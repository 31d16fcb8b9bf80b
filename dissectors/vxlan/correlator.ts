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
import { FLAG_GROUP_POLICY, FLAG_VNI, GROUP_APPLIED, GROUP_DONT_LEARN } from './layout.js';
import { formatMac, hasSilkForm } from './mac.js';
import { OpenFlow, type OpenSide } from './open-flow.js';
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
const MAC_GROUP = 0x0100;
/** Bits of the first four bytes that mean something: G, I, and with G also D, A and the policy id. */
const PLAIN_BITS = (FLAG_GROUP_POLICY | FLAG_VNI) << 24;
const GROUP_BITS = PLAIN_BITS | ((GROUP_DONT_LEARN | GROUP_APPLIED) << 16) | 0xffff;

/**
 * Follows tunnels by VNI and endpoints, and in them inner flows. Holds one state for each tunnel of the stack
 * dictionary (about 16,000) and for FLOWS_MAX inner flows a time segment; closed tunnels go through a SessionStore.
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
      return;
    }
    this.flowCount++;
    this.flows.set(flow, state);
    tunnel.flows.push(state);
  }

  private take(state: OpenFlow, batch: Rows, from: number, to: number): void {
    const { columns, order } = batch;
    const { direction, origin, frame } = columns.rows;
    const { tunnel } = state;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const side = state.sides[direction[row]];
      const sent = tunnel.directions[columns.outerDirection[row]];
      sent.count(columns.outerLength[row], columns.innerLength[row]);
      if (isElsewhere(side, columns, row)) this.resolve(state, side, batch, row);
      side.packets++;
      countHeader(batch, row, side, tunnel);
      if (side.portUse) side.portUse.packets++;
      if (side.sourceAddressing) side.sourceAddressing.packets++;
      if (side.destinationAddressing) side.destinationAddressing.packets++;
      if (origin[row] === ORIGIN_FIRST_FRAGMENT) {
        sent.fragment(refOf(batch, frame[row]), columns.outerLength[row]);
      }
    }
    this.widen(state, batch, from, to);
  }

  /** First and last packet of each side in these rows. */
  private widen(state: OpenFlow, batch: Rows, from: number, to: number): void {
    const { columns, order } = batch;
    for (let direction = 0; direction < 2; direction++) {
      let first = -1;
      let last = -1;
      let count = 0;
      for (let at = from; at < to; at++) {
        const row = order[at];
        if (columns.rows.direction[row] !== direction) continue;
        if (first < 0) first = row;
        last = row;
        count++;
      }
      if (first < 0) continue;
      const side = state.sides[direction];
      const firstRef = refOf(batch, columns.rows.frame[first]);
      const lastRef = refOf(batch, columns.rows.frame[last]);
      side.first ??= firstRef;
      side.last = lastRef;
      state.tunnel.directions[columns.outerDirection[first]].span(firstRef, firstRef);
      state.tunnel.directions[columns.outerDirection[last]].span(lastRef, lastRef);
      if (side.macPair) side.macPair.last = lastRef;
      if (side.sourceAddressing) side.sourceAddressing.last = lastRef;
      if (side.destinationAddressing) side.destinationAddressing.last = lastRef;
      if (side.isFlooded) state.tunnel.flood(count, firstRef, lastRef);
    }
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

  /** Finds the counters of the tunnel for a packet that differs from the one before it in ports, MACs or direction. */
  private resolve(state: OpenFlow, side: OpenSide, batch: Rows, row: number): void {
    const { columns } = batch;
    const at = refOf(batch, columns.rows.frame[row]);
    const { tunnel, identity } = state;
    const outerDirection = columns.outerDirection[row];
    const isNewSide = side.outerDirection !== outerDirection;
    side.outerDirection = outerDirection;
    side.port = columns.destinationPort[row];
    side.portUse = tunnel.directions[outerDirection].port(side.port, at);
    tunnel.directions[outerDirection].span(at, at);
    if (isNewSide) side.policyUse = null;
    side.sourceMacHigh = columns.sourceMacHigh[row];
    side.sourceMacLow = columns.sourceMacLow[row];
    side.destinationMacHigh = columns.destinationMacHigh[row];
    side.destinationMacLow = columns.destinationMacLow[row];
    side.isFlooded = (side.destinationMacHigh & MAC_GROUP) !== 0;
    side.macPair = null;
    side.sourceAddressing = null;
    side.destinationAddressing = null;
    const source = this.sourceOf(state, columns.rows.direction[row]);
    if (identity && source && isNewSide) tunnel.place(source.from, source.to, outerDirection);
    if (columns.innerType[row] === 0) return;
    const sourceMac = formatMac(side.sourceMacHigh, side.sourceMacLow);
    const destinationMac = formatMac(side.destinationMacHigh, side.destinationMacLow);
    side.macPair = tunnel.macPair(sourceMac, destinationMac, outerDirection, at);
    if (!source || source.from.includes(':')) return;
    if (hasSilkForm(side.sourceMacHigh, side.sourceMacLow)) {
      side.sourceAddressing = tunnel.addressing(sourceMac, source.from, true, outerDirection, at);
    }
    if (hasSilkForm(side.destinationMacHigh, side.destinationMacLow)) {
      side.destinationAddressing = tunnel.addressing(destinationMac, source.to, false, outerDirection, at);
    }
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

function isElsewhere(side: OpenSide, columns: Rows['columns'], row: number): boolean {
  return (
    side.outerDirection !== columns.outerDirection[row] ||
    side.port !== columns.destinationPort[row] ||
    side.sourceMacLow !== columns.sourceMacLow[row] ||
    side.destinationMacLow !== columns.destinationMacLow[row] ||
    side.sourceMacHigh !== columns.sourceMacHigh[row] ||
    side.destinationMacHigh !== columns.destinationMacHigh[row]
  );
}

/** Group policy and reserved bits. GPE has other flags: nothing is said about them. */
function countHeader(batch: Rows, row: number, side: OpenSide, tunnel: OpenTunnel): void {
  const { columns } = batch;
  if (columns.isGpe[row] === 1) return;
  const sent = tunnel.directions[columns.outerDirection[row]];
  const flags = columns.flags[row];
  const policyId = columns.policyId[row];
  const isTagged = (flags & FLAG_GROUP_POLICY) !== 0;
  if (isTagged) {
    sent.tagged++;
    side.tagged++;
    if (side.policyId !== policyId || !side.policyUse) {
      side.policyId = policyId;
      side.policyUse = sent.policy(policyId);
    }
    if (side.policyUse) side.policyUse.packets++;
  } else {
    sent.untagged++;
    side.untagged++;
  }
  const header = (flags << 24) | (columns.groupFlags[row] << 16) | policyId;
  const stray = header & ~(isTagged ? GROUP_BITS : PLAIN_BITS);
  if (stray === 0 && columns.trailer[row] === 0) return;
  side.reserved++;
  sent.reserve(stray, columns.trailer[row], refOf(batch, columns.rows.frame[row]));
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
