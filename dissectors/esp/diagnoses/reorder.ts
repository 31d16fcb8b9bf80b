import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeSequences, REPLAY_WINDOW, reorderingOf, type SequenceSymptom } from '../sequence-symptoms.js';
import type { EspDirection } from '../session.js';

const REORDERED_MIN = 3;

export default defineDiagnosis({
  id: 'esp.reorder',
  lines: 'suffice',
  title: 'ESP packets out of order',
  severity: 'info',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule: 'At least 3 packets of one direction pass the capture point behind a packet with a higher sequence number of the same SA, fewer than 64 numbers late.',
  notWhen: 'The late packets are duplicates; packets 64 and more numbers late are esp.replay-window.',
  causes: [
    'Links or queues of different delay that share the packets of one SA',
    'Encryption on several cores of the sender',
    'Receive queues of the capturing host',
  ],
  nextSteps: [
    'Nothing, as long as throughput is right: the receiver accepts packets inside its anti-replay window',
    'If TCP inside the tunnel is slow, look for multi-path or per-packet load sharing between the gateways: mtr -u -P 4500 <peer>',
  ],
  refutedBy: 'A capture at the sender that shows the same order: then the sender, not the path, reorders',
  source: 'RFC 4303, section 3.4.3; RFC 4737 (reordering extent)',
  thresholds: {
    packets: [REORDERED_MIN, 'packets', 'one or two swaps are not worth a line'],
    window: [REPLAY_WINDOW, 'packets', 'beyond it receivers drop: esp.replay-window'],
  },
  fault: 'remark',
  technology: 'ipsec',
  diagnose: (evidence) => judgeSequences(evidence, symptomOf),
});

function symptomOf({ from, to, sas }: EspDirection): SequenceSymptom | null {
  const within = sas.reduce((sum, { reordered, late64 }) => sum + reordered - late64, 0);
  if (within < REORDERED_MIN) return null;
  const reordering = reorderingOf(sas.filter(({ reordered }) => reordered > 0));
  const { reordered, packets, maxExtent } = reordering.counts;
  return {
    ...reordering,
    confidence: 'high',
    explanation: `${reordered} of ${packets} ESP packets from ${from} to ${to} passed the capture point out of order, at most ${maxExtent} sequence numbers late.`,
  };
}
