import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { captureSpan, captureSubject } from '../../../src/wording/capture-subject.js';

export default defineDiagnosis({
  id: 'capture.too-short',
  title: 'Capture too short for some checks',
  severity: 'info',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule: 'A check that waits for something (an answer, a retransmission, a keepalive) would have needed more capture after its trigger.',
  notWhen: 'Every check that applies could be judged, or what it lacked was not time.',
  causes: ['The capture was stopped soon after the packets in question, or the problem began at its end'],
  nextSteps: [
    'Capture again for at least the time named here after the problem shows, without stopping in between',
    'Where the problem is rare, let the capture run in a ring: tcpdump -s 0 -C 100 -W 20 -w FILE; for SCION control traffic at least 10 minutes',
  ],
  refutedBy: 'A longer capture of the same traffic gives the same verdicts.',
  source: 'The timers of the checks named; each says where its own comes from',
  fault: 'capture',
  judgesLast: true,
  *diagnose({ quality, judgements }): Iterable<Judgement> {
    const subject = captureSubject(quality);
    const waiting = [...judgements].flatMap(([id, judged]) => {
      const needed = judged.reduce((most, one) => Math.max(most, neededSecondsOf(one)), 0);
      return needed > 0 ? [{ id, needed }] : [];
    });
    const span = captureSpan(quality);
    if (waiting.length === 0) {
      if (judgements.size > 0 && quality.frames > 0) yield { result: 'healthy', subject };
      return;
    }
    const longest = Math.max(...waiting.map(({ needed }) => needed));
    const last = quality.segments.length > 0 ? quality.window(span.last.segment)?.last : undefined;
    const names = waiting.map(({ id, needed }) => `${id} (${needed} s after its trigger)`);
    yield {
      result: 'problem',
      subject,
      confidence: 'high',
      explanation: `The capture ends too early to judge ${names.join(', ')}.`,
      ...span,
      ongoingAtEnd: true,
      counts: { checks: waiting.length, neededSeconds: longest },
      evidence: last ? [{ ...last, summary: 'end of the capture' }] : [],
      displayFilter: 'frame',
    };
  },
});

function neededSecondsOf(judgement: Judgement): number {
  return judgement.result === 'insufficient-data' ? Math.ceil(judgement.neededSeconds ?? 0) : 0;
}
