import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { DROP_SHARE_SEVERE, dropLimit } from '../../../src/correlate/gates.js';
import type { SequenceGap } from '../../../src/correlate/sequence-tracker.js';
import { judgeTunnelLoss } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import {
  type Citation,
  defineDiagnosis,
  type Judgement,
  type Problem,
  thresholdsOf,
} from '../../../src/diagnose/diagnosis.js';
import type { Confidence, Severity } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { type Outage, outagesOf } from '../outages.js';
import {
  directionOf,
  isCapturedAtReceiver,
  isCapturedAtSender,
  judgedPairs,
  saFilter,
  spiText,
} from '../sa-pairs.js';
import type { EspDirection, EspPair, EspSa } from '../session.js';

const ID = 'esp.loss';
const WARNING_PERCENT = 1;
const ERROR_PERCENT = 5;
const LOST_MIN = 3;
const BURST_PACKETS = 5;
const BURST_SECONDS = 3;
/** Packets of the other direction from which its lack of gaps speaks for the capture. */
const WITNESS_PACKETS = 100;
/** Losses that end this long before the last packet are over. */
const OVER_SECONDS = 10;

interface Gap extends SequenceGap {
  readonly sa: EspSa;
}

interface Tally {
  readonly lost: number;
  readonly expected: number;
  /** In order; those kept one by one. */
  readonly gaps: readonly Gap[];
  readonly gapCount: number;
}

/** What makes missing numbers a finding. */
const LIMITS = {
  warningPercent: WARNING_PERCENT,
  errorPercent: ERROR_PERCENT,
  lost: LOST_MIN,
  burstPackets: BURST_PACKETS,
  burstSeconds: BURST_SECONDS,
};
type Limits = Readonly<typeof LIMITS>;

export default defineDiagnosis({
  id: ID,
  title: 'ESP packets lost on the path',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Sequence numbers of an SA are missing at a capture point that is not the sender: warning above 1 % of the ' +
    'direction (or of one SA), error above 5 %, with at least 3 missing numbers; warning also for 5 consecutive ' +
    'numbers missing over at least 3 s. Late packets are not missing. With captures of ' +
    'both ends: as many as leave one end and do not arrive at the other.',
  notWhen:
    'The capture was taken at the sender (then the capture itself missed packets); the numbers are missing because ' +
    'the whole direction was dead (esp.one-way-spi); the sender skipped numbers on purpose (fail-over).',
  causes: [
    'Congestion or policing on the way: a queue overflows',
    'A lossy link (radio, DSL, bad optics), or a duplex mismatch',
    'Packets that need fragmentation are dropped (large ones only)',
    'The capture itself missed packets: buffer too small, busy host',
  ],
  nextSteps: [
    'Capture on both gateways at once and look for the missing numbers in the capture of the sender: that tells loss on the path from loss in the capture',
    'mtr -u -P 4500 <peer> in both directions; ping -f -c 1000 -s 1400 <peer> as root, if ICMP is allowed',
    'ip -s link and ethtool -S on both gateways: drops and errors of the external interface',
  ],
  refutedBy: 'The missing sequence numbers in a second capture at the same place, or in one at the receiver',
  source: 'RFC 4303, section 2.2 (each packet of an SA has the next number); RFC 4303, section 3.4.3',
  thresholds: {
    warningPercent: {
      value: WARNING_PERCENT,
      unit: '%',
      why: 'above it the throughput of TCP suffers at LAN round trips',
      adjustable: true,
    },
    errorPercent: {
      value: ERROR_PERCENT,
      unit: '%',
      why: 'above it interactive traffic becomes unusable',
      adjustable: true,
    },
    lost: { value: LOST_MIN, unit: 'packets', why: 'one or two lost packets are normal', adjustable: true },
    burstPackets: {
      value: BURST_PACKETS,
      unit: 'packets',
      why: 'consecutive losses are an outage, not chance',
      adjustable: true,
    },
    burstSeconds: { value: BURST_SECONDS, unit: 's', why: 'as for underlay.path-loss', adjustable: true },
  },
  fault: 'tunnel-loss',
  consequenceOf: ['path-loss', 'fragments', 'large-packets-lost', 'tunnel-one-way'],
  consequenceOfIds: ['natt.keepalive-missing'],
  technology: 'ipsec',
  judgePair: (pair) =>
    judgeTunnelLoss(pair, {
      id: ID,
      protocol: 'esp',
      name: 'ESP',
      seenAs: 'gaps',
      lostMin: LOST_MIN,
      warningPercent: WARNING_PERCENT,
      errorPercent: ERROR_PERCENT,
    }),

  *diagnose(evidence) {
    const limits = thresholdsOf(evidence, ID, LIMITS);
    for (const pair of judgedPairs(evidence)) {
      const outages = outagesOf(pair).filter(({ severity }) => severity !== 'info');
      for (const direction of pair.directions) {
        if (direction.packets > 0) yield judge(pair, direction, outages, evidence.quality, limits);
      }
    }
  },
});

function judge(
  pair: EspPair,
  direction: EspDirection,
  outages: readonly Outage[],
  quality: CaptureQuality,
  limits: Limits,
): Judgement {
  const { from, to } = direction;
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high], from, to };
  const tally = tallyOf(direction.sas, direction.folded, outages);
  const severity = severityOf(tally, direction, outages, limits);
  if (severity === null) return { result: 'healthy', subject };
  if (isCapturedAtSender(direction.sas, quality.local)) {
    return {
      result: 'insufficient-data',
      subject,
      reason:
        `${tally.lost} sequence numbers of ${from} are missing where they were sent, so the capture missed them; ` +
        'capture at the receiver, to a file, with a larger buffer (-B 4096).',
    };
  }
  return problemOf(pair, direction, tally, severity, quality, subject);
}

/** Without the gaps of a dead direction. */
function tallyOf(sas: readonly EspSa[], folded: EspDirection['folded'], outages: readonly Outage[]): Tally {
  const all = sas.flatMap((sa) => sa.gaps.map((gap): Gap => ({ ...gap, sa })));
  const isDead = (gap: Gap): boolean =>
    outages.some(
      ({ run }) => run.lastBack?.frame === gap.beforeFrame && run.nextBack?.frame === gap.afterFrame,
    );
  const dead = all.filter(isDead);
  const excluded = dead.reduce((sum, { missing }) => sum + missing, 0);
  const lost = sas.reduce((sum, { missing }) => sum + missing, folded.missing) - excluded;
  const distinct = sas.reduce((sum, sa) => sum + sa.distinct, folded.distinct);
  return {
    lost,
    expected: distinct + lost,
    gaps: all.filter((gap) => !isDead(gap)).sort((a, b) => a.afterFrame - b.afterFrame),
    gapCount: sas.reduce((sum, { gapCount }) => sum + gapCount, 0) - dead.length,
  };
}

function severityOf(
  tally: Tally,
  direction: EspDirection,
  outages: readonly Outage[],
  limits: Limits,
): Severity | null {
  if (tally.lost < limits.lost) return null;
  const noFolded = { sas: 0, distinct: 0, missing: 0 };
  const tallies = [tally, ...direction.sas.map((sa) => tallyOf([sa], noFolded, outages))];
  const percent = Math.max(
    ...tallies.filter(({ lost }) => lost >= limits.lost).map(({ lost, expected }) => (100 * lost) / expected),
  );
  if (percent > limits.errorPercent) return 'error';
  if (percent > limits.warningPercent || tally.gaps.some((gap) => isBurst(gap, limits))) return 'warning';
  return null;
}

function isBurst(gap: SequenceGap, { burstPackets, burstSeconds }: Limits): boolean {
  return gap.missing >= burstPackets && gap.afterNs - gap.beforeNs >= burstSeconds * NS_PER_SECOND;
}

function problemOf(
  pair: EspPair,
  direction: EspDirection,
  tally: Tally,
  severity: Severity,
  quality: CaptureQuality,
  subject: Problem['subject'],
): Problem {
  const { from, to } = direction;
  const { segment } = pair;
  const drops = dropLimit(quality);
  const ill = [...new Set(tally.gaps.map(({ sa }) => sa))];
  const [first] = tally.gaps;
  const last = tally.gaps[tally.gaps.length - 1];
  const start = first ? { segment, timeNs: first.beforeNs } : pair.first;
  const end = last ? { segment, timeNs: last.afterNs } : pair.last;
  const largest = tally.gaps.reduce((most, { missing }) => Math.max(most, missing), 0);
  const percent = ((100 * tally.lost) / tally.expected).toFixed(1);
  return {
    result: 'problem',
    subject,
    severity: drops && drops.share > DROP_SHARE_SEVERE ? 'info' : severity,
    confidence: confidenceOf(pair, direction, tally, quality),
    explanation:
      `${tally.lost} of ${tally.expected} ESP packets from ${from} to ${to} (${percent} %) are missing at the capture ` +
      `point, by their sequence numbers, in ${tally.gapCount} gap${tally.gapCount === 1 ? '' : 's'} of at most ${largest}.`,
    pair: [pair.low, pair.high],
    direction: { from, to },
    where: 'path',
    first: start,
    last: end,
    lastGood: first ? { frame: first.beforeFrame, timeNs: first.beforeNs, segment } : null,
    ongoingAtEnd:
      direction.last !== null && direction.last.timeNs - end.timeNs <= OVER_SECONDS * NS_PER_SECOND,
    counts: { lost: tally.lost, expected: tally.expected, gaps: tally.gapCount, largestGap: largest },
    evidence: cite(tally.gaps, segment),
    displayFilter: saFilter(ill.length > 0 ? ill : direction.sas),
    ...(drops ? { limitedBy: [drops.id] } : {}),
    packetClass: 'esp',
  };
}

/** A capture that misses packets misses them in both directions: a direction without gaps speaks for it. */
function confidenceOf(
  pair: EspPair,
  direction: EspDirection,
  tally: Tally,
  quality: CaptureQuality,
): Confidence {
  if (dropLimit(quality)) return 'low';
  if (isCapturedAtReceiver(direction.sas, quality.local)) return 'high';
  const other = directionOf(pair, direction.to);
  const gapsThere = other.sas.reduce((sum, { missing }) => sum + missing, other.folded.missing);
  const isWitness =
    other.packets >= WITNESS_PACKETS && gapsThere / other.packets < tally.lost / tally.expected / 10;
  return isWitness ? 'high' : 'medium';
}

function cite(gaps: readonly Gap[], segment: number): Citation[] {
  return gaps.flatMap((gap) => [
    {
      frame: gap.beforeFrame,
      timeNs: gap.beforeNs,
      segment,
      summary: `SPI ${spiText(gap.sa.spi)}: last packet before sequence number ${gap.sequence}`,
    },
    {
      frame: gap.afterFrame,
      timeNs: gap.afterNs,
      segment,
      summary: `SPI ${spiText(gap.sa.spi)}: ${gap.missing} of ${gap.length} numbers from ${gap.sequence} on are missing`,
    },
  ]);
}
