import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import type { NonEmpty } from '../../../src/moment.js';
import { judgeStalls, sendingText, stallCounts, watchedText } from '../pair-judgement.js';
import type { IkePair } from '../pair-sessions.js';
import { judgePort4500 } from '../port-4500.js';
import { type Stall, TRANSMISSIONS_MIN } from '../stall.js';

export default defineDiagnosis({
  id: 'ike.natt-4500-local',
  title: 'UDP 4500 arrives but is dropped on the host',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 2,
  rule:
    'As ike.natt-4500-blocked, in a capture that was taken on the responder itself (by the direction of its frames, or ' +
    '--local): the messages arrive and are not answered. With captures of both ends: at least two sendings that one side ' +
    'sees unanswered arrive at the other, and no packet on port 4500 leaves there.',
  notWhen: 'Any packet of the responder came from or to port 4500; the message travels in IP fragments.',
  causes: [
    'The firewall of the responder drops UDP 4500: a capture sees packets before the local firewall does',
    'The IKE daemon does not listen on port 4500 (nat_traversal=no)',
  ],
  nextSteps: [
    'On the responder: iptables -L INPUT -v -n, and ss -lunp to see who listens on port 4500',
    'Log of the IKE daemon: a message that it received is logged, one that the firewall dropped is not',
  ],
  refutedBy: 'The log of the responder shows that its daemon received the messages.',
  source: 'Openswan guide, "Port-4500 is closed"',
  thresholds: {
    transmissions: [TRANSMISSIONS_MIN, 'sendings', 'a single one may be lost by chance'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss'],
  technology: 'ipsec',
  judgePair: (pair) => judgePort4500(pair, 'ike.natt-4500-local'),
  diagnose: (evidence) =>
    judgeStalls(evidence, {
      kind: 'natt-4500-local',
      applies: ({ usesPort4500, capturedAt, responder }) =>
        usesPort4500 && (capturedAt === 'responder' || evidence.quality.local.includes(responder)),
      describe,
    }),
});

function describe({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality) {
  return {
    explanation:
      `${initiator} sent ${sendingText(stalls)} on port 4500, and it arrived at ${responder}, where this capture was ` +
      `taken. Port 500 is answered, port 4500 is not. ${watchedText(stalls, quality)}`,
    counts: stallCounts(stalls),
    where: 'receiver' as const,
  };
}
