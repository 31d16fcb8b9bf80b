import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { templateSessions } from '../correlator.js';

const QUESTIONS_MIN = 3;

export default defineDiagnosis({
  id: 'template.silence',
  title: 'Questions get no answer',
  severity: 'error',
  subject: 'pair',
  layer: 'application',
  priority: 3,
  rule: 'At least 3 questions from one host and no answer to any of them.',
  notWhen: 'Any answer was seen.',
  causes: ['the service does not run', 'a filter drops the questions or the answers'],
  nextSteps: ['capture at the other end: do the questions arrive?'],
  refutedBy: 'an answer in a capture taken at the other end',
  source: 'RFC and section',
  thresholds: { questions: { value: QUESTIONS_MIN, unit: 'packets', why: 'one lost question is normal' } },
  fault: 'application',
  consequenceOf: ['path-loss', 'unreachable', 'policy'],

  *diagnose({ sessions, quality }) {
    for (const session of sessions(templateSessions)) {
      const { asker, answerer, questions, answers, first, last } = session;
      const subject = { kind: 'pair', endpoints: [asker, answerer] };
      if (answers > 0) yield { result: 'healthy', subject };
      else if (questions < QUESTIONS_MIN) {
        yield { result: 'insufficient-data', subject, reason: 'fewer than 3 questions; capture for longer' };
      } else {
        yield {
          result: 'problem',
          subject,
          pair: [asker, answerer],
          confidence: 'low',
          explanation: `${asker} asked ${answerer} ${questions} times and heard nothing.`,
          direction: { from: answerer, to: asker },
          first,
          last,
          ongoingAtEnd: quality.secondsToEnd(last) < 1,
          counts: { questions, answers },
          evidence: [
            { ...first, summary: 'first question' },
            { ...last, summary: 'last question' },
          ],
          displayFilter: `ip.addr == ${asker} && ip.addr == ${answerer} && udp.port == 9`,
        };
      }
    }
  },
});
