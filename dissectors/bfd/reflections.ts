import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import bfdDissector from './dissector.js';
import { CARRIER_FROM_REFLECTOR, CARRIER_TO_REFLECTOR, STATE_UP } from './layout.js';

const OPEN_MAX = 4096;

type Rows = typeof bfdDissector.observes;

/** Seamless BFD (RFC 7880): an initiator asks, and the reflector, which keeps no state, answers each packet. */
export interface Reflection {
  readonly initiator: string;
  readonly initiatorPort: number;
  readonly reflector: string;
  readonly stack: number;
  readonly segment: number;
  /** Discriminator of the reflector that the initiator asks for. */
  readonly asksFor: number;
  /** Packets of the initiator; answers of the reflector. */
  readonly asked: number;
  readonly answered: number;
  /** Packets of the initiator since the last answer, and since when. */
  readonly unanswered: number;
  readonly firstUnanswered: FrameRef | null;
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly lastAnswer: FrameRef | null;
}

export function isReflection(carrier: number): boolean {
  return carrier === CARRIER_TO_REFLECTOR || carrier === CARRIER_FROM_REFLECTOR;
}

type Open = { -readonly [Field in keyof Reflection]: Reflection[Field] };

/** Follows at most OPEN_MAX conversations with a reflector; of closed ones the first 500 and the 500 with most packets unanswered at the end. */
class Reflections implements Correlation<Reflection, Rows> {
  private readonly states: FlowStates<Open>;
  private readonly open = new Set<Open>();
  private readonly closed = new SessionStore<Reflection>(({ unanswered }) => unanswered);
  private untracked = 0;

  constructor(private readonly run: CorrelationRun) {
    this.states = run.flows.trackStates((one) => this.close(one));
  }

  consume(batch: Batch<Rows>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order, segment, timeNs } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      if (!isReflection(columns.carrier[row])) continue;
      const isAsking = columns.carrier[row] === CARRIER_TO_REFLECTOR;
      const frame = columns.rows.frame[row];
      const ref = { frame: batch.frameIdOf(frame), segment, timeNs: timeNs[frame] };
      const one = this.states.get(flow) ?? this.follow(flow, columns.rows.direction[row], isAsking, ref);
      if (one === null) return;
      one.last = ref;
      if (isAsking) this.ask(one, columns.yourDiscriminator[row], columns.state[row] === STATE_UP, ref);
      else {
        one.answered++;
        one.unanswered = 0;
        one.firstUnanswered = null;
        one.lastAnswer = ref;
      }
    }
  }

  private ask(one: Open, asksFor: number, isUp: boolean, ref: FrameRef): void {
    one.asksFor = asksFor;
    one.asked++;
    one.unanswered++;
    one.firstUnanswered ??= ref;
    // An initiator that says Up has heard the reflector within its detection time (RFC 7880, section 7.3.1).
    if (isUp && one.stack === 0) {
      this.run.hearsPeer.note(one.initiator, one.reflector, 'S-BFD state Up', ref);
    }
  }

  private follow(flow: FlowId, direction: number, isAsking: boolean, ref: FrameRef): Open | null {
    if (this.open.size >= OPEN_MAX) {
      this.untracked++;
      return null;
    }
    const { flows } = this.run;
    const { low, lowPort, high, highPort } = flows.endpoints(flow);
    const isLowAsking = (direction === 0) === isAsking;
    const one: Open = {
      ...(isLowAsking
        ? { initiator: low, initiatorPort: lowPort, reflector: high }
        : { initiator: high, initiatorPort: highPort, reflector: low }),
      ...{ stack: flows.stack(flow), segment: ref.segment, asksFor: 0 },
      ...{ asked: 0, answered: 0, unanswered: 0, firstUnanswered: null },
      ...{ first: ref, last: ref, lastAnswer: null },
    };
    this.states.set(flow, one);
    this.open.add(one);
    return one;
  }

  endSegment(): void {
    this.states.clear();
  }

  sessions(): readonly Reflection[] {
    const all = [...this.closed.sessions(), ...this.open];
    return all.sort((a, b) => a.segment - b.segment || a.first.frame - b.first.frame);
  }

  get summarised(): number {
    return this.closed.summarised + this.untracked;
  }

  private close(one: Open): void {
    if (this.open.delete(one)) this.closed.add({ ...one });
  }
}

/** Conversations with reflectors of seamless BFD, in order of first frame. */
export const bfdReflections = defineCorrelator<Reflection, Rows>({
  name: 'bfd.reflections',
  reads: bfdDissector,
  order: 'flow',
  create: (run) => new Reflections(run),
});
