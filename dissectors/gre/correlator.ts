import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import dissector from './dissector.js';
import * as gre from './layout.js';
import { OpenTunnel } from './open-tunnel.js';
import { greSequences } from './sequences.js';
import type { GreTunnel } from './session.js';

export { greSequences } from './sequences.js';
export type { GreDirection, GreSequence, GreTunnel } from './session.js';

type GreSchema = typeof dissector.observes;
type Rows = Batch<GreSchema>;

/**
 * Follows tunnels by endpoints and key. Holds one state for each GRE tunnel of the stack dictionary (about 16,000), and
 * a reference to it for each inner flow; tunnels of earlier time segments go through a SessionStore.
 */
class GreCorrelation implements Correlation<GreTunnel, GreSchema> {
  private tunnels = new Map<number, OpenTunnel>();
  private readonly flows: FlowStates<OpenTunnel>;
  private readonly closed = new SessionStore<GreTunnel>(onesidedness);

  constructor(private readonly run: CorrelationRun) {
    // What is known of a flow stays with its tunnel when the registry gives it up.
    this.flows = run.flows.trackStates<OpenTunnel>(() => {});
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const tunnel = this.flows.get(flow) ?? this.open(batch, flow);
    if (!tunnel) return;
    for (const outerDirection of [0, 1]) consumeWay(tunnel, batch, from, to, outerDirection);
  }

  private open(batch: Rows, flow: FlowId): OpenTunnel | null {
    const stack = this.run.flows.stack(flow);
    const tunnel = this.tunnels.get(stack) ?? this.openTunnel(batch, stack);
    if (tunnel) this.flows.set(flow, tunnel);
    return tunnel;
  }

  /** Null for packets that could not be entered: their flow is not one inside a GRE tunnel. */
  private openTunnel(batch: Rows, stack: number): OpenTunnel | null {
    const { flows } = this.run;
    const layers = flows.tunnelLayers(stack);
    const own = layers[layers.length - 1];
    if (own?.kind !== 'gre' && own?.kind !== 'erspan') return null;
    const tunnel = new OpenTunnel(batch.segment, stack, flows.parentStack(stack), own);
    this.tunnels.set(stack, tunnel);
    return tunnel;
  }

  endSegment(): void {
    for (const tunnel of this.tunnels.values()) this.closed.add(tunnel.describe());
    this.tunnels = new Map();
    this.flows.clear();
  }

  sessions(): readonly GreTunnel[] {
    const open = [...this.tunnels.values()].map((tunnel) => tunnel.describe());
    return [...this.closed.sessions(), ...open];
  }
}

/** Counts the rows of an inner flow that go one way outside. */
function consumeWay(tunnel: OpenTunnel, batch: Rows, from: number, to: number, outerDirection: number): void {
  const { columns, order } = batch;
  const sent = tunnel.directions[outerDirection];
  let first = -1;
  let last = -1;
  for (let at = from; at < to; at++) {
    const row = order[at];
    if (columns.outerDirection[row] !== outerDirection) continue;
    if (first < 0) first = row;
    last = row;
    countHeader(tunnel, sent, columns, row);
    if (columns.rows.origin[row] === ORIGIN_FIRST_FRAGMENT) {
      sent.fragment(refOf(batch, row), columns.outerLength[row]);
    }
  }
  if (first < 0) return;
  // Inner flows arrive one after the other, so neither end of the span need come last.
  for (const { frame, timeNs, segment } of [refOf(batch, first), refOf(batch, last)]) {
    sent.span(frame, timeNs, segment);
  }
}

function countHeader(
  tunnel: OpenTunnel,
  sent: OpenTunnel['directions'][number],
  columns: Rows['columns'],
  row: number,
): void {
  const flags = columns.flags[row];
  const isKeyed = (flags & gre.FLAG_KEY) !== 0;
  sent.count(columns.outerLength[row], columns.innerLength[row]);
  sent.noteType(columns.protocolType[row]);
  if (columns.protocolType[row] === gre.TYPE_KEEPALIVE) sent.keepalives++;
  else if (!isKeyed) sent.plain++;
  else if (columns.key[row] !== gre.KEY_MIDONET_FLOW_STATE) sent.keyed++;
  if ((flags & gre.VERSION) === gre.VERSION_PPTP) tunnel.isPptp = true;
}

function onesidedness({ directions }: GreTunnel): number {
  return Math.abs(directions[0].packets - directions[1].packets);
}

/** Every GRE tunnel and every mirror session, by endpoints and key. */
export const greTunnels = defineCorrelator<GreTunnel, GreSchema>({
  name: 'gre',
  reads: dissector,
  order: 'flow',
  create: (run) => new GreCorrelation(run),
});

export default [greTunnels as Correlator, greSequences as Correlator] satisfies Correlator[];
