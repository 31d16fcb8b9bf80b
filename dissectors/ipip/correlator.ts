import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { OpenSessions } from '../../src/correlate/open-sessions.js';
import { type TunnelDirection, TunnelDirectionState } from '../../src/correlate/tunnel-direction.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import type { SegmentIndex } from '../../src/units.js';
import dissector from './dissector.js';

type IpipSchema = typeof dissector.observes;
type Rows = Batch<IpipSchema>;

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
  readonly directions: readonly [TunnelDirection, TunnelDirection];
}

type Open = IpipTunnel & { readonly directions: readonly [TunnelDirectionState, TunnelDirectionState] };

/** Holds one tunnel for each flow of the registry; those of earlier segments and evicted flows go through a SessionStore. */
class IpipCorrelation implements Correlation<IpipTunnel, IpipSchema> {
  private readonly tunnels: OpenSessions<Open, IpipTunnel>;

  constructor(private readonly run: CorrelationRun) {
    this.tunnels = new OpenSessions<Open, IpipTunnel>(run, {
      describe: (tunnel) => tunnel,
      score: ({ directions }) => Math.abs(directions[0].packets - directions[1].packets),
    });
  }

  get summarised(): number {
    return this.tunnels.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    const tunnel = this.tunnels.of(flow) ?? this.openTunnel(batch, flow, order[from]);
    for (let at = from; at < to; at++) {
      const row = order[at];
      const sent = tunnel.directions[columns.rows.direction[row]];
      const ref = refOf(batch, row);
      sent.count(columns.outerLength[row], columns.innerLength[row]);
      sent.span(ref.frame, ref.timeNs, ref.segment);
      if (columns.rows.origin[row] === ORIGIN_FIRST_FRAGMENT) sent.fragment(ref, columns.outerLength[row]);
    }
  }

  private openTunnel(batch: Rows, flow: FlowId, row: number): Open {
    const { flows } = this.run;
    const { low, high } = flows.endpoints(flow);
    const tunnel: Open = {
      low,
      high,
      innerVersion: batch.columns.innerVersion[row],
      stack: flows.innerStack(flow, 'ipip', 0),
      outerStack: flows.stack(flow),
      segment: batch.segment,
      directions: [new TunnelDirectionState(low, high), new TunnelDirectionState(high, low)],
    };
    return this.tunnels.begin(flow, tunnel);
  }

  endSegment(): void {
    this.tunnels.endSegment();
  }

  sessions(): readonly IpipTunnel[] {
    return this.tunnels.sessions();
  }
}

/** Every IP-in-IP tunnel, by endpoints and inner version. */
export const ipipTunnels = defineCorrelator<IpipTunnel, IpipSchema>({
  name: 'ipip',
  reads: dissector,
  order: 'flow',
  create: (run) => new IpipCorrelation(run),
});

export default [ipipTunnels as Correlator] satisfies Correlator[];
