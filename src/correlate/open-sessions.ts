import type { FrameId } from '../units.js';
import type { CorrelationRun } from './correlator.js';
import type { FlowId } from './flow-id.js';
import type { FlowStates } from './flow-states.js';
import { SessionStore } from './session-store.js';

/** What the sessions of a protocol are while packets come in. */
export interface SessionRule<Open, Session> {
  /** Null where it turned out to be another protocol. */
  describe(open: Open): Session | null;
  /** Of two, which one to keep where they are too many: higher is worse. */
  score(session: Session): number;
  /** The same before it is described, where `describe` gives no null: what would not be kept is not described. */
  readonly scoreOpen?: (open: Open) => number;
  /** Where the registry of flows alone does not bound them. */
  readonly bound?: {
    /** Held open when an epoch ends; above that those seen longest ago are closed until `kept` are left. */
    readonly max: number;
    readonly kept: number;
    lastFrame(open: Open): FrameId;
  };
}

/** Sessions of one flow each. Those that are over go through a SessionStore; with its flow a session is over. */
export class OpenSessions<Open, Session> {
  private readonly states: FlowStates<Open>;
  private readonly open = new Set<Open>();
  private readonly closed: SessionStore<Session>;

  constructor(
    { flows }: Pick<CorrelationRun, 'flows'>,
    private readonly rule: SessionRule<Open, Session>,
  ) {
    this.states = flows.trackStates<Open>((one) => this.close(one));
    this.closed = new SessionStore<Session>((session) => rule.score(session));
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  /** The open session of a flow. */
  of(flow: FlowId): Open | undefined {
    const known = this.states.get(flow);
    return known !== undefined && this.open.has(known) ? known : undefined;
  }

  begin(flow: FlowId, session: Open): Open {
    this.states.set(flow, session);
    this.open.add(session);
    return session;
  }

  endSegment(): void {
    this.states.clear();
  }

  endEpoch(): void {
    const { bound } = this.rule;
    if (!bound || this.open.size <= bound.max) return;
    const bySeen = [...this.open].sort((a, b) => bound.lastFrame(a) - bound.lastFrame(b));
    for (const one of bySeen.slice(0, bySeen.length - bound.kept)) this.close(one);
  }

  /** Closed ones first, in the order in which they were; then the open ones. */
  sessions(): Session[] {
    const sessions = this.closed.sessions();
    for (const one of this.open) {
      const session = this.rule.describe(one);
      if (session !== null) sessions.push(session);
    }
    return sessions;
  }

  private close(one: Open): void {
    if (!this.open.delete(one)) return;
    const { scoreOpen } = this.rule;
    if (scoreOpen) return this.closed.offer(scoreOpen(one), () => this.rule.describe(one));
    const session = this.rule.describe(one);
    if (session !== null) this.closed.add(session);
  }
}
