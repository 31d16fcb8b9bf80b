import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { OpenSessions } from '../../src/correlate/open-sessions.js';
import type { SegmentIndex } from '../../src/units.js';
import dissector from './dissector.js';
import { OpenFlow } from './open-flow.js';
import type { WireguardRows } from './rows.js';
import type { WireguardFlow } from './session.js';

/** Flows held open when an epoch ends; above that the least recently seen half is closed. */
const FLOWS_MAX = 2048;

/**
 * WireGuard by flow. Holds at most FLOWS_MAX open flows between epochs, each bounded by itself; of those closed, the
 * first 500 and the 500 with the most handshakes in vain.
 */
class WireguardCorrelation implements Correlation<WireguardFlow, WireguardRows> {
  private readonly open: OpenSessions<OpenFlow, WireguardFlow>;

  constructor(private readonly run: CorrelationRun) {
    this.open = new OpenSessions(run, {
      describe: (flow) => flow.describe(),
      score: ({ handshakes }) => handshakes.filter(({ confirmed }) => confirmed === null).length,
      bound: { max: FLOWS_MAX, kept: FLOWS_MAX / 2, lastFrame: ({ lastFrame }) => lastFrame },
    });
  }

  get summarised(): number {
    return this.open.summarised;
  }

  consume(batch: Batch<WireguardRows>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { flows, hearsPeer } = this.run;
    const session = this.open.of(flow) ?? this.begin(flow, batch.segment);
    for (let at = from; at < to; at++) {
      const row = batch.order[at];
      if (!session.add(batch, row) || session.stack !== 0) continue;
      // A response names the index of the initiation, which nobody else knows.
      const { from: responder, to: initiator } = flows.addresses(flow, batch.columns.rows.direction[row]);
      hearsPeer.note(responder, initiator, 'a WireGuard response', refOf(batch, row));
    }
  }

  private begin(flow: FlowId, segment: SegmentIndex): OpenFlow {
    const { flows } = this.run;
    const { low, lowPort, high, highPort } = flows.endpoints(flow);
    const ends = [
      { address: low, port: lowPort },
      { address: high, port: highPort },
    ] as const;
    return this.open.begin(flow, new OpenFlow(ends[0], ends[1], flows.stack(flow), segment));
  }

  endSegment(): void {
    this.open.endSegment();
  }

  endEpoch(): void {
    this.open.endEpoch();
  }

  sessions(): readonly WireguardFlow[] {
    return this.open.sessions().sort((a, b) => a.first.frame - b.first.frame);
  }
}

/** Every two sockets that speak WireGuard, in order of first frame. */
export const wireguardFlows = defineCorrelator<WireguardFlow, WireguardRows>({
  name: 'wireguard',
  reads: dissector,
  order: 'flow',
  create: (run) => new WireguardCorrelation(run),
});

export default [wireguardFlows];
