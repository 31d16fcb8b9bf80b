import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
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
  private readonly states: FlowStates<OpenFlow>;
  private readonly open = new Set<OpenFlow>();
  private readonly closed = new SessionStore<WireguardFlow>(
    ({ handshakes }) => handshakes.filter(({ confirmed }) => confirmed === null).length,
  );

  constructor(private readonly run: CorrelationRun) {
    this.states = run.flows.trackStates((flow) => this.close(flow));
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Batch<WireguardRows>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { flows, hearsPeer } = this.run;
    let session = this.states.get(flow);
    if (!session || session.isClosed) {
      const { low, lowPort, high, highPort } = flows.endpoints(flow);
      const ends = [
        { address: low, port: lowPort },
        { address: high, port: highPort },
      ] as const;
      session = new OpenFlow(ends[0], ends[1], flows.stack(flow), batch.segment);
      this.states.set(flow, session);
      this.open.add(session);
    }
    for (let at = from; at < to; at++) {
      const row = batch.order[at];
      if (!session.add(batch, row) || session.stack !== 0) continue;
      // A response names the index of the initiation, which nobody else knows.
      const { from: responder, to: initiator } = flows.addresses(flow, batch.columns.rows.direction[row]);
      hearsPeer.note(responder, initiator, 'a WireGuard response', refOf(batch, row));
    }
  }

  endSegment(): void {
    this.states.clear();
  }

  endEpoch(): void {
    if (this.open.size <= FLOWS_MAX) return;
    const bySeen = [...this.open].sort((a, b) => a.lastFrame - b.lastFrame);
    for (const one of bySeen.slice(0, bySeen.length - FLOWS_MAX / 2)) this.close(one);
  }

  sessions(): readonly WireguardFlow[] {
    const open = [...this.open].flatMap((flow) => flow.describe() ?? []);
    return [...this.closed.sessions(), ...open].sort((a, b) => a.first.frame - b.first.frame);
  }

  private close(flow: OpenFlow): void {
    if (!this.open.delete(flow)) return;
    flow.isClosed = true;
    const session = flow.describe();
    if (session) this.closed.add(session);
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
