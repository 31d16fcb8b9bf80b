import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { judgeTunnelLoss } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import { defineDiagnosis, type Judgement, thresholdsOf } from '../../../src/diagnose/diagnosis.js';
import {
  judgeSequenceLoss,
  type LossLimits,
  type MissingNumbers,
  type NumberGap,
  severityOfLoss,
  watchedNumbers,
} from '../../../src/diagnose/sequence-loss.js';
import type { Citation } from '../../../src/moment.js';
import type { EspDirection, EspPair, EspSa } from '../session.js';
import { type Outage, outagesOf } from '../shared/outages.js';
import {
  directionOf,
  isCapturedAtReceiver,
  isCapturedAtSender,
  judgedPairs,
  saFilter,
  spiText,
} from '../shared/sa-pairs.js';

const ID = 'esp.loss';
const WARNING_PERCENT = 1;
const ERROR_PERCENT = 5;
const LOST_MIN = 3;
const BURST_PACKETS = 5;
const BURST_SECONDS = 3;

interface Gap extends NumberGap {
  readonly sa: EspSa;
  readonly sequence: number;
  readonly length: number;
}

/** What makes missing numbers a finding. */
const LIMITS = {
  warningPercent: WARNING_PERCENT,
  errorPercent: ERROR_PERCENT,
  lost: LOST_MIN,
  burstPackets: BURST_PACKETS,
  burstSeconds: BURST_SECONDS,
};

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
  ruledOut: {
    'lost-on-path': ['The capture itself missed packets'],
    'capture-complete': ['The capture itself missed packets'],
  },
  refutedBy: 'The missing sequence numbers in a second capture at the same place, or in one at the receiver',
  source: 'RFC 4303, section 2.2 (each packet of an SA has the next number); RFC 4303, section 3.4.3',
  thresholds: {
    warningPercent: [
      WARNING_PERCENT,
      '%',
      'above it the throughput of TCP suffers at LAN round trips',
      'adjustable',
    ],
    errorPercent: [ERROR_PERCENT, '%', 'above it interactive traffic becomes unusable', 'adjustable'],
    lost: [LOST_MIN, 'packets', 'one or two lost packets are normal', 'adjustable'],
    burstPackets: [BURST_PACKETS, 'packets', 'consecutive losses are an outage, not chance', 'adjustable'],
    burstSeconds: [BURST_SECONDS, 's', 'as for underlay.path-loss', 'adjustable'],
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
      const outages = outagesOf(pair, evidence.quality).filter(({ severity }) => severity !== 'info');
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
  limits: LossLimits,
): Judgement {
  const { from, to, sas } = direction;
  const tally = watchedNumbers(quality, tallyOf(pair, sas, direction.aggregated, outages));
  const other = directionOf(pair, to);
  const noAggregated = { sas: 0, distinct: 0, missing: 0 };
  const parts = sas.map((sa) => watchedNumbers(quality, tallyOf(pair, [sa], noAggregated, outages)));
  const numbered = {
    subject: { kind: 'tunnel', endpoints: [pair.low, pair.high], from, to },
    from,
    to,
    tally,
    severity: severityOfLoss(tally, limits, parts),
    isCapturedAtSender: isCapturedAtSender(sas, quality.local),
    isCapturedAtReceiver: isCapturedAtReceiver(sas, quality.local),
    other: {
      packets: other.packets,
      missing: other.sas.reduce((sum, { missing }) => sum + missing, other.aggregated.missing),
    },
    span: pair,
    last: direction.last,
    words: { packets: 'ESP packets', numbers: 'sequence numbers' },
  };
  const ill = [...new Set(tally.gaps.map(({ sa }) => sa))];
  return judgeSequenceLoss(quality, numbered, () => ({
    pair: [pair.low, pair.high],
    evidence: citationsOf(tally.gaps),
    displayFilter: saFilter(ill.length > 0 ? ill : sas),
    packetClass: 'esp',
  }));
}

/** Without the gaps of a dead direction. */
function tallyOf(
  { segment }: EspPair,
  sas: readonly EspSa[],
  aggregated: EspDirection['aggregated'],
  outages: readonly Outage[],
): MissingNumbers<Gap> {
  const all = sas.flatMap((sa) =>
    sa.gaps.map(
      ({ sequence, length, missing, beforeFrame, beforeNs, afterFrame, afterNs }): Gap => ({
        sa,
        sequence,
        length,
        missing,
        before: { frame: beforeFrame, timeNs: beforeNs, segment },
        after: { frame: afterFrame, timeNs: afterNs, segment },
      }),
    ),
  );
  const isDead = ({ before, after }: Gap): boolean =>
    outages.some(({ run }) => run.lastBack?.frame === before.frame && run.nextBack?.frame === after.frame);
  const dead = all.filter(isDead);
  const excluded = dead.reduce((sum, { missing }) => sum + missing, 0);
  const lost = sas.reduce((sum, { missing }) => sum + missing, aggregated.missing) - excluded;
  const distinct = sas.reduce((sum, sa) => sum + sa.distinct, aggregated.distinct);
  return {
    lost,
    expected: distinct + lost,
    gaps: all.filter((gap) => !isDead(gap)).sort((a, b) => a.after.frame - b.after.frame),
    gapCount: sas.reduce((sum, { gapCount }) => sum + gapCount, 0) - dead.length,
  };
}

function citationsOf(gaps: readonly Gap[]): Citation[] {
  return gaps.flatMap(({ sa, sequence, length, missing, before, after }) => [
    { ...before, summary: `SPI ${spiText(sa.spi)}: last packet before sequence number ${sequence}` },
    {
      ...after,
      summary: `SPI ${spiText(sa.spi)}: ${missing} of ${length} numbers from ${sequence} on are missing`,
    },
  ]);
}
