import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { DROP_SHARE_SEVERE, dropLimit, mayBeOwnDrops } from '../../../src/correlate/gates.js';
import { unwatchedLossReason } from '../../../src/correlate/watched.js';
import { judgeTunnelLoss } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  thresholdsOf,
} from '../../../src/diagnose/diagnosis.js';
import { watchedNumbers } from '../../../src/diagnose/sequence-loss.js';
import type { Citation } from '../../../src/moment.js';
import type { Subject } from '../../../src/report/report.js';
import { plural } from '../../../src/wording/counts.js';
import { greSequences } from '../correlator.js';
import type { GreSequence } from '../session.js';
import { greFilter } from '../tunnel-pairs.js';

const SHARE_MIN = 1;
const PACKETS_MIN = 100;
const MISSING_MIN = 3;
const CITED_GAPS_MAX = 5;

const ID = 'gre.seq-loss';
const LIMITS = { share: SHARE_MIN, packets: PACKETS_MIN, missing: MISSING_MIN };

export default defineDiagnosis({
  id: ID,
  title: 'GRE sequence gaps',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 3,
  rule:
    'More than 1 % of at least 100 sequence numbers of one direction of a GRE tunnel never appear, at least 3; packets that arrive late ' +
    'fill their gap. Information for mirror sessions (ERSPAN). With captures of both ends: as many as leave one end and do not ' +
    'arrive at the other.',
  notWhen:
    'The capture itself dropped packets (more than 2 %), or was taken where the packets are sent: then the gaps are its own. ' +
    'The sender began anew at a low number, or does not count at all.',
  causes: [
    'Packet loss between the sender and the capture point: congestion, policing, a bad link',
    'Where the capture was taken at the sender: the capture lost them',
    'Several sources count in the same tunnel (some mirror sessions of distributed switches do)',
  ],
  nextSteps: [
    'Capture at the sender at the same time: are the missing numbers in its capture?',
    'Look at the interface counters on the path: drops, policers, queues',
  ],
  ruledOut: {
    'lost-on-path': ['Where the capture was taken at the sender'],
    'capture-complete': ['Where the capture was taken at the sender'],
  },
  refutedBy: 'The missing numbers in a capture taken at the same place with more buffer.',
  source: 'RFC 2890, section 2.2; RFC 2637, section 4.1; draft-foschiano-erspan-03',
  thresholds: {
    share: [SHARE_MIN, '%', 'more slows TCP inside down noticeably', 'adjustable'],
    packets: [PACKETS_MIN, 'numbers', 'a share of fewer says nothing', 'adjustable'],
    missing: [MISSING_MIN, 'packets', 'a lost packet or two is normal', 'adjustable'],
  },
  fault: 'tunnel-loss',
  consequenceOf: ['path-loss', 'fragments', 'large-packets-lost', 'tunnel-one-way'],
  technology: 'gre',
  judgePair: (pair) =>
    judgeTunnelLoss(pair, {
      id: ID,
      protocol: 'gre',
      name: 'GRE',
      seenAs: 'gaps',
      lostMin: MISSING_MIN,
      warningPercent: SHARE_MIN,
      errorPercent: 100,
    }),
  *diagnose(evidence) {
    const limits = thresholdsOf(evidence, ID, LIMITS);
    for (const sequence of evidence.sessions(greSequences)) yield judge(evidence.quality, sequence, limits);
  },
});

function judge(quality: CaptureQuality, sequence: GreSequence, limits: Readonly<typeof LIMITS>): Judgement {
  const { from, to, distinct, outbound } = sequence;
  const subject = subjectOf(sequence);
  const watched = watchedNumbers(quality, {
    ...sequence,
    lost: sequence.missing,
    expected: distinct + sequence.missing,
  });
  const { lost: missing, expected, unwatched = 0, gaps, gapCount } = watched;
  const share = (100 * missing) / expected;
  if (missing < limits.missing || share <= limits.share) {
    if (unwatched >= limits.missing) {
      const reason = unwatchedLossReason(`${unwatched} sequence numbers of ${from}`, to);
      return insufficientData(subject, reason);
    }
    if (expected >= limits.packets) return { result: 'healthy', subject };
    return insufficientData(
      subject,
      `${distinct} GRE packets with sequence numbers from ${from} to ${to} are too few to judge loss; capture at least ${limits.packets}.`,
    );
  }
  if (expected < limits.packets) {
    return insufficientData(
      subject,
      `${missing} of ${expected} GRE packets from ${from} to ${to} are missing, which is too few to judge a share; capture at least ${limits.packets}.`,
    );
  }
  if (outbound > distinct / 2) {
    return insufficientData(
      subject,
      `The capture was taken where ${from} sends: the gaps are the capture's own; capture at ${to}.`,
    );
  }
  const drops = dropLimit(quality);
  if (drops && (drops.share > DROP_SHARE_SEVERE || mayBeOwnDrops(quality, missing))) {
    return insufficientData(subject, drops);
  }
  return problemOf({ ...sequence, missing, gaps, gapCount }, share, drops?.id ?? null);
}

function problemOf(sequence: GreSequence, share: number, limitedBy: string | null): Judgement {
  const { from, to, key, kind, distinct, missing, gaps, gapCount, reordered, duplicates } = sequence;
  const [firstGap] = gaps;
  return {
    result: 'problem',
    subject: subjectOf(sequence),
    severity: kind === 'erspan' ? 'info' : 'warning',
    confidence: limitedBy ? 'low' : 'medium',
    explanation:
      `Of ${distinct + missing} GRE packets from ${from} to ${to} (${kind === 'erspan' ? 'mirror session' : 'key'} ${key}) ` +
      `${missing} (${share.toFixed(1)} %) never passed the capture point, in ${plural(gapCount, 'gap')} of the sequence numbers.`,
    pair: [from, to],
    direction: { from, to },
    where: 'path',
    first: firstGap ? firstGap.before : sequence.first,
    last: sequence.last,
    lastGood: firstGap ? firstGap.before : null,
    ongoingAtEnd: false,
    counts: { received: distinct, missing, gaps: gapCount, reordered, duplicates },
    evidence: citationsOf(sequence),
    displayFilter: `${greFilter(from, to)} && gre.sequence_number`,
    ...(limitedBy ? { limitedBy: [limitedBy] } : {}),
    packetClass: 'gre',
  };
}

function subjectOf({ from, to, key, kind }: GreSequence): Subject {
  return { kind: 'tunnel', encapsulation: kind, endpoints: [from, to], key };
}

function citationsOf({ gaps, from }: GreSequence): Citation[] {
  return [...gaps]
    .sort((a, b) => b.missing - a.missing)
    .slice(0, CITED_GAPS_MAX)
    .sort((a, b) => a.after.frame - b.after.frame)
    .flatMap(({ missing, before, after }) => [
      { ...before, summary: `GRE from ${from}, last before a gap` },
      { ...after, summary: `GRE from ${from}, ${missing} missing before it` },
    ]);
}
