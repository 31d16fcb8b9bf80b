import { type Batch, type Correlation, defineCorrelator } from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowRegistry } from '../../src/correlate/flow-registry.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import template, { QUESTION } from './dissector.js';

/** One conversation: questions go one way, answers the other. */
export interface TemplateSession {
  readonly asker: string;
  readonly answerer: string;
  /** The tunnel that it runs in; 0 outside of any. */
  readonly stack: number;
  readonly questions: number;
  readonly answers: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

type Rows = Batch<typeof template.observes>;
type OpenSession = { -readonly [Field in keyof TemplateSession]: TemplateSession[Field] };

/** Sessions held open when an epoch ends; above that the least recently seen half is closed. */
const SESSIONS_MAX = 4096;

/**
 * Conversations by flow. Holds at most SESSIONS_MAX open ones between epochs; of those closed, the first 500 and the 500
 * with the most questions in vain.
 */
class TemplateCorrelation implements Correlation<TemplateSession, typeof template.observes> {
  private readonly states: FlowStates<OpenSession>;
  private readonly open = new Set<OpenSession>();
  private readonly closed = new SessionStore<TemplateSession>(
    ({ questions, answers }) => questions - answers,
  );

  constructor(private readonly flows: FlowRegistry) {
    this.states = flows.trackStates((session) => this.close(session));
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const session = this.sessionOf(batch, flow, row);
      if (columns.type[row] === QUESTION) session.questions++;
      else session.answers++;
      session.last = refOf(batch, row);
    }
  }

  /** Times of the next segment do not compare with those seen so far. */
  endSegment(): void {
    this.states.clear();
  }

  /** The only place where sessions are evicted, so that the report does not depend on chunks. */
  endEpoch(): void {
    if (this.open.size <= SESSIONS_MAX) return;
    const bySeen = [...this.open].sort((a, b) => a.last.frame - b.last.frame);
    for (const session of bySeen.slice(0, bySeen.length - SESSIONS_MAX / 2)) this.close(session);
  }

  sessions(): readonly TemplateSession[] {
    return [...this.closed.sessions(), ...this.open].sort((a, b) => a.first.frame - b.first.frame);
  }

  private sessionOf(batch: Rows, flow: FlowId, row: number): OpenSession {
    const known = this.states.get(flow);
    if (known && this.open.has(known)) return known;
    const { columns } = batch;
    const isQuestion = columns.type[row] === QUESTION;
    const { from, to } = this.flows.addresses(flow, columns.rows.direction[row]);
    const ref = refOf(batch, row);
    const session: OpenSession = {
      asker: isQuestion ? from : to,
      answerer: isQuestion ? to : from,
      stack: this.flows.stack(flow),
      questions: 0,
      answers: 0,
      first: ref,
      last: ref,
    };
    this.states.set(flow, session);
    this.open.add(session);
    return session;
  }

  private close(session: OpenSession): void {
    if (this.open.delete(session)) this.closed.add(session);
  }
}

/** Every conversation, in order of first frame. */
export const templateSessions = defineCorrelator<TemplateSession, typeof template.observes>({
  name: 'template',
  reads: template,
  order: 'flow',
  create: ({ flows }) => new TemplateCorrelation(flows),
});

export default [templateSessions];
