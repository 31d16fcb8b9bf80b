import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import { refOfFrame } from '../../src/correlate/frame-reference.js';
import { OpenSessions } from '../../src/correlate/open-sessions.js';
import { type TunnelDirection, TunnelDirectionState } from '../../src/correlate/tunnel-direction.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import type { SegmentIndex } from '../../src/units.js';
import dissector, { FLAG_CONTROL, FLAG_CRITICAL_OPTIONS, type geneve } from './dissector.js';

/** The Geneve packets with one VNI between two tunnel endpoints, in one time segment. */
export interface GeneveTunnel {
  readonly segment: SegmentIndex;
  /**
   * Tunnel stack of the inner packets (0 where there are none), and the one in which the tunnel itself runs.
   */
  readonly stack: number;
  readonly outerStack: number;
  readonly low: string;
  readonly high: string;
  readonly vni: number;
  /** 0 from the low endpoint to the high one, 1 back. */
  readonly directions: readonly [TunnelDirection, TunnelDirection];
  /** Largest options of a packet, in bytes. */
  optionsMax: number;
  /** Packets with an option that a receiver must know or drop the packet, and control packets. */
  criticalOptions: number;
  controlPackets: number;
}

type Rows = Batch<typeof geneve.observes>;
type Open = GeneveTunnel & { readonly directions: readonly [TunnelDirectionState, TunnelDirectionState] };

/**
 * Follows tunnels by VNI and endpoints. Holds one state a flow of the registry; closed ones go through a
 * SessionStore.
 */
class GeneveCorrelation implements Correlation<GeneveTunnel, typeof geneve.observes> {
  private readonly tunnels: OpenSessions<Open, GeneveTunnel>;

  constructor(private readonly run: CorrelationRun) {
    this.tunnels = new OpenSessions<Open, GeneveTunnel>(run, {
      describe: (tunnel) => tunnel,
      score: ({ directions }) => directions[0].packets + directions[1].packets,
    });
  }

  get summarised(): number {
    return this.tunnels.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    const { direction, origin, frame } = columns.rows;
    const tunnel = this.tunnels.of(flow) ?? this.begin(batch, flow, order[from]);
    for (let at = from; at < to; at++) {
      const row = order[at];
      const sent = tunnel.directions[direction[row]];
      sent.count(columns.outerLength[row], columns.innerLength[row]);
      if (columns.optionsLength[row] > tunnel.optionsMax) tunnel.optionsMax = columns.optionsLength[row];
      if ((columns.flags[row] & FLAG_CRITICAL_OPTIONS) !== 0) tunnel.criticalOptions++;
      if ((columns.flags[row] & FLAG_CONTROL) !== 0) tunnel.controlPackets++;
      const ref = refOfFrame(batch, frame[row]);
      sent.span(ref.frame, ref.timeNs, ref.segment);
      const port = sent.port(columns.destinationPort[row], ref);
      if (port) port.packets++;
      if (origin[row] === ORIGIN_FIRST_FRAGMENT) sent.fragment(ref, columns.outerLength[row]);
    }
  }

  private begin(batch: Rows, flow: FlowId, row: number): Open {
    const { flows } = this.run;
    const { low, high } = flows.endpoints(flow);
    const tunnel: Open = {
      segment: batch.segment,
      stack: flows.innerStack(flow, 'geneve', batch.columns.vni[row]),
      outerStack: flows.stack(flow),
      low,
      high,
      vni: batch.columns.vni[row],
      directions: [new TunnelDirectionState(low, high), new TunnelDirectionState(high, low)],
      optionsMax: 0,
      criticalOptions: 0,
      controlPackets: 0,
    };
    return this.tunnels.begin(flow, tunnel);
  }

  endSegment(): void {
    this.tunnels.endSegment();
  }

  sessions(): readonly GeneveTunnel[] {
    return this.tunnels.sessions().sort((a, b) => firstFrame(a) - firstFrame(b));
  }
}

function firstFrame({ directions }: GeneveTunnel): number {
  return Math.min(...directions.map(({ first }) => first?.frame ?? Number.POSITIVE_INFINITY));
}

/** Every Geneve tunnel, by endpoints and VNI. */
export const geneveTunnels = defineCorrelator<GeneveTunnel, typeof geneve.observes>({
  name: 'geneve',
  reads: dissector,
  order: 'flow',
  create: (run) => new GeneveCorrelation(run),
});

export default [geneveTunnels as Correlator] satisfies Correlator[];
