import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeSequences, type SequenceSymptom } from '../sequence-symptoms.js';
import type { EspDirection } from '../session.js';

const DUPLICATES_MIN = 3;

export default defineDiagnosis({
  id: 'esp.duplicates',
  lines: 'suffice',
  title: 'ESP sequence numbers repeated',
  severity: 'info',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 3,
  rule: 'At least 3 packets of one direction carry a sequence number that their SA has used already.',
  notWhen:
    'The repeated packets are copies that a second tap of the capture made (capture.duplicates); the sender began anew at 1.',
  causes: [
    'The network duplicates packets: a switching loop, parallel paths, retransmission on a radio link',
    'The same packet is captured twice without proof of it (mirror port of both directions)',
    'A replay attack; receivers drop replayed packets',
    'Two senders share an SA (high availability) and do not keep their counters in step',
  ],
  nextSteps: [
    'On the receiver: /proc/net/xfrm_stat, XfrmInStateSeqError counts what the anti-replay window dropped',
    'Compare TTL and MAC addresses of both packets: are they from one path or two?',
    'Capture on one interface of the gateway itself, not on a mirror port',
  ],
  refutedBy: 'A capture on the gateway itself that holds each sequence number once',
  source: 'RFC 4303, section 3.4.3 (sequence number verification)',
  thresholds: {
    packets: [DUPLICATES_MIN, 'packets', 'one or two repeats are not worth a line'],
  },
  fault: 'remark',
  technology: 'ipsec',
  diagnose: (evidence) => judgeSequences(evidence, symptomOf),
});

function symptomOf({ from, to, sas, packets }: EspDirection): SequenceSymptom | null {
  const duplicates = sas.reduce((sum, sa) => sum + sa.duplicates, 0);
  if (duplicates < DUPLICATES_MIN) return null;
  return {
    sas: sas.filter((sa) => sa.duplicates > 0),
    span: ({ firstDuplicate, lastDuplicate }) => [firstDuplicate, lastDuplicate],
    summary: () => 'first packet with a number seen before',
    confidence: 'medium',
    explanation: `${duplicates} of ${packets} ESP packets from ${from} to ${to} repeat a sequence number of their SA.`,
    counts: { duplicates, packets },
  };
}
