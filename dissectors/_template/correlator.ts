import { type Batch, type Correlation, defineCorrelator } from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowRegistry } from '../../src/correlate/flow-registry.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { OpenSessions } from '../../src/correlate/open-sessions.js';
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
  private readonly open: OpenSessions<OpenSession, TemplateSession>;

  constructor(private readonly flows: FlowRegistry) {
    this.open = new OpenSessions<OpenSession, TemplateSession>(
      { flows },
      {
        describe: (session) => session,
        score: ({ questions, answers }) => questions - answers,
        bound: { max: SESSIONS_MAX, kept: SESSIONS_MAX / 2, lastFrame: ({ last }) => last.frame },
      },
    );
  }

  get summarised(): number {
    return this.open.summarised;
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
    this.open.endSegment();
  }

  /** The only place where sessions are evicted, so that the report does not depend on chunks. */
  endEpoch(): void {
    this.open.endEpoch();
  }

  sessions(): readonly TemplateSession[] {
    return this.open.sessions().sort((a, b) => a.first.frame - b.first.frame);
  }

  private sessionOf(batch: Rows, flow: FlowId, row: number): OpenSession {
    const known = this.open.of(flow);
    if (known) return known;
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
    return this.open.begin(flow, session);
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
