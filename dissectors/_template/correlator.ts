import { defineCorrelator } from '../../src/correlate/correlator.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import type { FrameRef } from '../../src/moment.js';
import template from './dissector.js';

/** One conversation: questions go one way, answers the other. */
export interface TemplateSession {
  readonly asker: string;
  readonly answerer: string;
  questions: number;
  answers: number;
  readonly first: FrameRef;
  last: FrameRef;
}

const QUESTION = 1;

/** One session a flow; the flow registry bounds them. */
export const templateSessions = defineCorrelator({
  name: 'template',
  reads: template,
  order: 'flow',

  create({ flows }) {
    const states = flows.trackStates<TemplateSession>(() => {});
    const sessions: TemplateSession[] = [];
    return {
      consume(batch, flow, from, to) {
        const { columns } = batch;
        for (let at = from; at < to; at++) {
          const row = batch.order[at];
          const ref = refOf(batch, row);
          let session = states.get(flow);
          if (!session) {
            const direction = columns.rows.direction[row] ^ (columns.type[row] === QUESTION ? 0 : 1);
            const { from: asker, to: answerer } = flows.addresses(flow, direction);
            session = { asker, answerer, questions: 0, answers: 0, first: ref, last: ref };
            states.set(flow, session);
            sessions.push(session);
          }
          if (columns.type[row] === QUESTION) session.questions++;
          else session.answers++;
          session.last = ref;
        }
      },
      endSegment: () => states.clear(),
      sessions: () => sessions,
    };
  },
});

export default [templateSessions];
