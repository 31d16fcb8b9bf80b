import { earliest, latest } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { describeReordering, REPLAY_WINDOW } from '../reordering.js';
import { judgedPairs, saFilter } from '../sa-pairs.js';
import type { EspDirection, EspPair } from '../session.js';

const LATE_PACKETS_MIN = 3;

export default defineDiagnosis({
  id: 'esp.replay-window',
  title: 'Reordering beyond the anti-replay window',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'At least 3 packets of one direction arrive 64 or more numbers behind the highest one of their SA: a receiver with ' +
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
    window: { value: REPLAY_WINDOW, unit: 'packets', why: 'default anti-replay window of RFC 4303' },
    packets: { value: LATE_PACKETS_MIN, unit: 'packets', why: 'one or two stragglers do no harm' },
  },
  fault: 'tunnel-loss',
  consequenceOf: [],
  technology: 'ipsec',

  *diagnose(evidence) {
    for (const pair of judgedPairs(evidence)) {
      for (const direction of pair.directions) {
        if (direction.packets > 0) yield judge(pair, direction);
      }
    }
  },
});

function judge(pair: EspPair, direction: EspDirection): Judgement {
  const { from, to, sas } = direction;
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high], from, to };
  const late = sas.reduce((sum, { late64 }) => sum + late64, 0);
  if (late < LATE_PACKETS_MIN) return { result: 'healthy', subject };
  const ill = sas.filter(({ late64 }) => late64 > 0);
  const { counts, evidence, extent } = describeReordering(ill);
  return {
    result: 'problem',
    subject,
    confidence: 'medium',
    explanation:
      `${late} ESP packets from ${from} to ${to} arrived ${REPLAY_WINDOW} or more sequence numbers late (at most ` +
      `${extent}); a receiver with a window of ${REPLAY_WINDOW} drops them.`,
    pair: [pair.low, pair.high],
    direction: { from, to },
    where: 'path',
    first: earliest(ill.map(({ firstReordered }) => firstReordered)) ?? pair.first,
    last: latest(ill.map(({ lastReordered }) => lastReordered)) ?? pair.last,
    ongoingAtEnd: false,
    counts: { ...counts, late },
    evidence,
    displayFilter: saFilter(ill),
    packetClass: 'esp',
  };
}
