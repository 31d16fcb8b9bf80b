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
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import dissector from './dissector.js';

type IpipSchema = typeof dissector.observes;
type Rows = Batch<IpipSchema>;

/** What one end of a tunnel sent to the other. Lengths in bytes on the wire. */
export interface IpipDirection {
  readonly from: string;
  readonly to: string;
  packets: number;
  /** Of outer IP packets. */
  bytes: number;
  first: FrameRef | null;
  last: FrameRef | null;
  largestInner: number;
  largestOuter: number;
}

/** IP in IP between two addresses with one inner IP version, in one time segment. */
export interface IpipTunnel {
  readonly low: string;
  readonly high: string;
  readonly innerVersion: number;
  /** Tunnel stack of the inner packets (0 where there are none), and the one around the tunnel. */
  readonly stack: number;
  readonly outerStack: number;
  readonly segment: SegmentIndex;
  /** From low to high, and back. */
  readonly directions: readonly [IpipDirection, IpipDirection];
}

/** Holds one tunnel for each flow of the registry; those of earlier segments and evicted flows go through a SessionStore. */
class IpipCorrelation implements Correlation<IpipTunnel, IpipSchema> {
  private readonly flows: FlowStates<IpipTunnel>;
  private readonly open = new Set<IpipTunnel>();
  private readonly closed = new SessionStore<IpipTunnel>(({ directions }) =>
    Math.abs(directions[0].packets - directions[1].packets),
  );

  constructor(private readonly run: CorrelationRun) {
    this.flows = run.flows.trackStates<IpipTunnel>((tunnel) => {
      if (this.open.delete(tunnel)) this.closed.add(tunnel);
    });
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    const tunnel = this.flows.get(flow) ?? this.openTunnel(batch, flow, order[from]);
    for (let at = from; at < to; at++) {
      const row = order[at];
      const sent = tunnel.directions[columns.rows.direction[row]];
      sent.packets++;
      sent.bytes += columns.outerLength[row];
      if (columns.innerLength[row] > sent.largestInner) sent.largestInner = columns.innerLength[row];
      if (columns.outerLength[row] > sent.largestOuter) sent.largestOuter = columns.outerLength[row];
      sent.last = refOf(batch, row);
      sent.first ??= sent.last;
    }
  }

  private openTunnel(batch: Rows, flow: FlowId, row: number): IpipTunnel {
    const { flows } = this.run;
    const { low, high } = flows.endpoints(flow);
    const tunnel: IpipTunnel = {
      low,
      high,
      innerVersion: batch.columns.innerVersion[row],
      stack: flows.innerStack(flow, 'ipip', 0),
      outerStack: flows.stack(flow),
      segment: batch.segment,
      directions: [silent(low, high), silent(high, low)],
    };
    this.flows.set(flow, tunnel);
    this.open.add(tunnel);
    return tunnel;
  }

  endSegment(): void {
    this.flows.clear();
  }

  sessions(): readonly IpipTunnel[] {
    return [...this.closed.sessions(), ...this.open];
  }
}

function silent(from: string, to: string): IpipDirection {
  return { from, to, packets: 0, bytes: 0, first: null, last: null, largestInner: 0, largestOuter: 0 };
}

/** Every IP-in-IP tunnel, by endpoints and inner version. */
export const ipipTunnels = defineCorrelator<IpipTunnel, IpipSchema>({
  name: 'ipip',
  reads: dissector,
  order: 'flow',
  create: (run) => new IpipCorrelation(run),
});

export default [ipipTunnels as Correlator] satisfies Correlator[];
