import { captureMayHide, oneSidedLimit, tooShortAfter } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  thresholdOf,
} from '../../../src/diagnose/diagnosis.js';
import { PROTOCOL_ICMP } from '../../../src/wire/ip.js';
import { type TemplateSession, templateSessions } from '../correlator.js';
import { TEMPLATE_PORT } from '../dissector.js';

const ID = 'template.silence';
const QUESTIONS_MIN = 3;
const ANSWER_SECONDS = 2;

export default defineDiagnosis({
  id: ID,
  title: 'Questions get no answer',
  severity: 'error',
  subject: 'pair',
  layer: 'application',
  priority: 3,
  rule: 'At least 3 questions from one host and no answer to any of them, up to 2 s after the last one.',
  notWhen:
    'Any answer was seen. The capture holds one direction only, or ends within 2 s of the last question.',
  causes: ['the service does not run', 'a filter drops the questions or the answers'],
  nextSteps: [
    'on the asked host: ss -lunp sport = :9',
    'capture at the other end (udp port 9): do the questions arrive?',
  ],
  refutedBy: 'an answer in a capture taken at the other end',
  source: 'RFC and section',
  thresholds: {
    questions: [QUESTIONS_MIN, 'packets', 'one lost question is normal', 'adjustable'],
    seconds: [ANSWER_SECONDS, 's', 'how long the standard lets an answer take'],
  },
  fault: 'application',
  consequenceOf: ['path-loss', 'unreachable', 'policy'],

  *diagnose(evidence) {
    for (const session of evidence.sessions(templateSessions)) yield judge(evidence, session);
  },
});

function judge(evidence: Evidence, session: TemplateSession): Judgement {
  const { quality } = evidence;
  const { asker, answerer, stack, questions, answers, last } = session;
  const subject = { kind: 'pair', endpoints: [asker, answerer] };
  if (answers > 0) return { result: 'healthy', subject };
  if (questions < thresholdOf(evidence, ID, 'questions', QUESTIONS_MIN)) {
    return insufficientData(
      subject,
      `${asker} asked ${questions} times, too seldom to judge; capture for longer.`,
    );
  }
  // Absence is evidence only where the capture could have shown presence.
  const limit = oneSidedLimit(quality, asker, answerer, stack);
  if (limit) return insufficientData(subject, limit);
  const shortage = tooShortAfter(quality, last, ANSWER_SECONDS);
  if (shortage) {
    return insufficientData(subject, shortage);
  }
  return problemOf(evidence, session);
}

function problemOf({ quality }: Evidence, session: TemplateSession): Judgement {
  const { asker, answerer, questions, answers, first, last } = session;
  // A port unreachable would say that the service does not run; here it may only not have been captured.
  const hidden = captureMayHide(quality, { protocol: PROTOCOL_ICMP }, asker);
  return {
    result: 'problem',
    subject: { kind: 'pair', endpoints: [asker, answerer] },
    pair: [asker, answerer],
    confidence: hidden ? 'low' : 'medium',
    limitedBy: hidden ? [hidden.id] : [],
    explanation: `${asker} asked ${answerer} ${questions} times and heard nothing.`,
    direction: { from: answerer, to: asker },
    first,
    last,
    ongoingAtEnd: true,
    counts: { questions, answers },
    evidence: [
      { ...first, summary: 'first question' },
      { ...last, summary: 'last question' },
    ],
    displayFilter: `ip.addr == ${asker} && ip.addr == ${answerer} && udp.port == ${TEMPLATE_PORT}`,
  };
}
