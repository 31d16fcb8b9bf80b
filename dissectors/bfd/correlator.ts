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
import bfdDissector from './dissector.js';
import { type ControlPacket, EndTracker } from './end-tracker.js';
import { STATE_INIT, STATE_UP } from './layout.js';
import { pairEnds } from './pairing.js';
import { bfdReflections, isReflection } from './reflections.js';
import type { BfdEnd, BfdSession } from './session.js';

/** Discriminators of one flow: more than a daemon that restarts uses up are those of a generator. */
const ENDS_PER_FLOW_MAX = 64;
const ENDS_MAX = 16_384;

type Rows = typeof bfdDissector.observes;

/**
 * Follows at most ENDS_MAX ends (a discriminator in one direction of a flow), ENDS_PER_FLOW_MAX of one flow; of those
 * of flows that are over, the first 500 and the 500 that changed most. Ends beyond that are counted.
 */
class BfdCorrelation implements Correlation<BfdSession, Rows> {
  private readonly states: FlowStates<EndTracker[]>;
  private readonly open = new Set<EndTracker>();
  private readonly closed = new SessionStore<BfdEnd>(({ phases }) => phases.length);
  private untracked = 0;
  private readonly packet: ControlPacket = {
    state: 0,
    diagnostic: 0,
    flags: 0,
    multiplier: 0,
    timeToLive: 0,
    yourDiscriminator: 0,
    desiredMinTx: 0,
    requiredMinRx: 0,
  };

  constructor(private readonly run: CorrelationRun) {
    this.states = run.flows.trackStates((ends) => {
      for (const tracker of ends) this.close(tracker);
    });
  }

  consume(batch: Batch<Rows>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    let ends = this.states.get(flow);
    if (!ends) {
      ends = [];
      this.states.set(flow, ends);
    }
    const { columns, order, segment, timeNs } = batch;
    const { packet } = this;
    for (let at = from; at < to; at++) {
      const row = order[at];
      if (isReflection(columns.carrier[row])) continue;
      const tracker = this.endOf(ends, batch, flow, row);
      if (!tracker) continue;
      const frame = columns.rows.frame[row];
      packet.state = columns.state[row];
      packet.diagnostic = columns.diagnostic[row];
      packet.flags = columns.flags[row];
      packet.multiplier = columns.multiplier[row];
      packet.timeToLive = columns.timeToLive[row];
      packet.yourDiscriminator = columns.yourDiscriminator[row];
      packet.desiredMinTx = columns.desiredMinTx[row];
      packet.requiredMinRx = columns.requiredMinRx[row];
      const ref = { frame: batch.frameIdOf(frame), segment, timeNs: timeNs[frame] };
      tracker.add(packet, ref);
      // Each packet says it anew: its sender heard the peer within the detection time (RFC 5880, section 6.8.4).
      const hears = packet.state === STATE_INIT || packet.state === STATE_UP;
      if (hears && tracker.key.stack === 0) {
        const via = packet.state === STATE_UP ? 'BFD state Up' : 'BFD state Init';
        this.run.hearsPeer.note(tracker.key.from, tracker.key.to, via, ref);
      }
    }
  }

  endSegment(): void {
    this.states.clear();
  }

  sessions(): readonly BfdSession[] {
    const open = [...this.open].flatMap((tracker) => tracker.end() ?? []);
    return pairEnds([...this.closed.sessions(), ...open]);
  }

  get summarised(): number {
    return this.closed.summarised + this.untracked;
  }

  private endOf(ends: EndTracker[], batch: Batch<Rows>, flow: FlowId, row: number): EndTracker | null {
    const { columns } = batch;
    const direction = columns.rows.direction[row];
    const discriminator = columns.myDiscriminator[row];
    const carrier = columns.carrier[row];
    for (const tracker of ends) {
      const { key } = tracker;
      if (tracker.direction === direction && key.discriminator === discriminator && key.carrier === carrier) {
        return tracker;
      }
    }
    if (ends.length >= ENDS_PER_FLOW_MAX || this.open.size >= ENDS_MAX) {
      this.untracked++;
      return null;
    }
    const { flows } = this.run;
    const { from, to } = flows.addresses(flow, direction);
    const stack = flows.stack(flow);
    const key = { from, to, stack, segment: batch.segment, carrier, discriminator };
    const tracker = new EndTracker(key, direction);
    ends.push(tracker);
    this.open.add(tracker);
    return tracker;
  }

  private close(tracker: EndTracker): void {
    this.open.delete(tracker);
    const end = tracker.end();
    if (end) this.closed.add(end);
  }
}

/** Every BFD session of the run, in order of first frame. */
export const bfdSessions = defineCorrelator<BfdSession, Rows>({
  name: 'bfd',
  reads: bfdDissector,
  order: 'flow',
  create: (run) => new BfdCorrelation(run),
});

export { bfdReflections, type Reflection } from './reflections.js';

export default [bfdSessions as Correlator, bfdReflections as Correlator] satisfies Correlator[];
