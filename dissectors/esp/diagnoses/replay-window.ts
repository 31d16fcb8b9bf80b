import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeSequences, REPLAY_WINDOW, reorderingOf, type SequenceSymptom } from '../sequence-symptoms.js';
import type { EspDirection } from '../session.js';

const LATE_PACKETS_MIN = 3;

export default defineDiagnosis({
  id: 'esp.replay-window',
  title: 'Reordering beyond the anti-replay window',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'At least 3 packets of one direction pass the capture point 64 or more numbers behind the highest one of their SA: a receiver with ' +
    'the usual window of 64 drops them as replays.',
  notWhen: 'The late packets are duplicates, or the sender began anew at 1.',
  causes: [
    'Paths or links of different delay that share the packets of one SA (multi-path, bonding, several uplinks)',
    'Queues by class of service inside the SA: DSCP is copied to the outer header and small packets overtake',
    'Encryption on several cores of the sender without reordering',
  ],
  nextSteps: [
    'On the receiver: /proc/net/xfrm_stat, XfrmInStateSeqError counts what the window dropped',
    'Enlarge the window: replay_window = 1024 (strongSwan), replay-window=1024 (libreswan)',
    'Do not spread one SA over paths, or use one SA per class of service (RFC 4301, section 4.1)',
  ],
  refutedBy: 'A receiver whose counters of replayed packets stay at zero: its window is larger',
  source: 'RFC 4303, section 3.4.3 (window of 64 by default, 32 at least)',
  thresholds: {
    window: [REPLAY_WINDOW, 'packets', 'default anti-replay window of RFC 4303'],
    packets: [LATE_PACKETS_MIN, 'packets', 'one or two stragglers do no harm'],
  },
  fault: 'tunnel-loss',
  technology: 'ipsec',
  diagnose: (evidence) => judgeSequences(evidence, symptomOf),
});

function symptomOf({ from, to, sas }: EspDirection): SequenceSymptom | null {
  const late = sas.reduce((sum, { late64 }) => sum + late64, 0);
  if (late < LATE_PACKETS_MIN) return null;
  const reordering = reorderingOf(sas.filter(({ late64 }) => late64 > 0));
  return {
    ...reordering,
    confidence: 'medium',
    explanation:
      `${late} ESP packets from ${from} to ${to} passed the capture point ${REPLAY_WINDOW} or more sequence numbers late (at most ` +
      `${reordering.counts.maxExtent}); a receiver with a window of ${REPLAY_WINDOW} drops them.`,
    counts: { ...reordering.counts, late },
  };
}
