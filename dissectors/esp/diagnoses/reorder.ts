import { earliest, latest } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { describeReordering, REPLAY_WINDOW } from '../reordering.js';
import { judgedPairs, saFilter } from '../sa-pairs.js';
import type { EspDirection, EspPair } from '../session.js';

const REORDERED_MIN = 3;

export default defineDiagnosis({
  id: 'esp.reorder',
  title: 'ESP packets arrive out of order',
  severity: 'info',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule: 'At least 3 packets of one direction arrive behind a packet with a higher sequence number of the same SA, fewer than 64 numbers late.',
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
    packets: { value: REORDERED_MIN, unit: 'packets', why: 'one or two swaps are not worth a line' },
    window: { value: REPLAY_WINDOW, unit: 'packets', why: 'beyond it receivers drop: esp.replay-window' },
  },
  fault: 'remark',
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
  const within = sas.reduce((sum, { reordered, late64 }) => sum + reordered - late64, 0);
  if (within < REORDERED_MIN) return { result: 'healthy', subject };
  const ill = sas.filter(({ reordered }) => reordered > 0);
  const { counts, evidence, extent } = describeReordering(ill);
  return {
    result: 'problem',
    subject,
    confidence: 'high',
    explanation:
      `${counts.reordered} of ${counts.packets} ESP packets from ${from} to ${to} arrived out of order, at most ` +
      `${extent} sequence numbers late.`,
    pair: [pair.low, pair.high],
    direction: { from, to },
    where: 'path',
    first: earliest(ill.map(({ firstReordered }) => firstReordered)) ?? pair.first,
    last: latest(ill.map(({ lastReordered }) => lastReordered)) ?? pair.last,
    ongoingAtEnd: false,
    counts,
    evidence,
    displayFilter: saFilter(ill),
    packetClass: 'esp',
  };
}
