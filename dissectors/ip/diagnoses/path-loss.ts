import type { ComparedDirection, Comparison } from '../../../src/compare/comparison.js';
import { otherSide } from '../../../src/compare/side.js';
import {
  directionSubject,
  directionWords,
  isOutage,
  lossPercent,
  lossProblem,
  lostAtLeast,
  ownDropsWords,
  ownLossLimit,
  packetsOf,
  RUN_PACKETS,
  RUN_SECONDS,
  secondsAt,
  sideName,
} from '../../../src/diagnose/both-ends/loss-finding.js';
import { definePairDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Severity } from '../../../src/report/report.js';

const WARNING_PERCENT = 1;
const ERROR_PERCENT = 5;
const LOST_MIN = 3;

export default definePairDiagnosis({
  id: 'underlay.path-loss',
  title: 'Packets are lost on the path between the two captures',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    'Packets that leave one end are not in the capture of the other, although it ran when they should have arrived and a ' +
    'later packet of the same direction arrived, or it goes on for at least 3 s: at least 3 packets and more than 1 % of a ' +
    'direction (error above 5 %), or at least 5 packets of one flow in a row over at least 3 s.',
  notWhen:
    'The lost packets share what the others lack (then underlay.selective-loss, frag.filtered-in-path, vxlan.blocked-in-path ' +
    'or mtu.blackhole says so). The receiving capture reports that it dropped as many packets itself, was cut or filtered, or its ' +
    'peer acknowledged the bytes. Packets at the edges of the other capture are not judged.',
  causes: [
    'Congestion or policing on the way: a queue overflows',
    'A link that loses packets (radio, bad optics, duplex mismatch), or an outage of a link or route',
    'A firewall or security group between the two points drops the direction',
    'The host of the receiving capture dropped them before its capture point (ring buffer of the interface)',
  ],
  nextSteps: [
    'Capture at a third point between the two ends, and compare again: capan compare --at A=a.pcap --at MIDDLE=m.pcap --at B=b.pcap',
    'mtr -u from one end to the other while it happens; look for the hop from which on loss stays',
    'ip -s link and ethtool -S on both ends: drops and errors of the interfaces',
    'Ask the owner of the path with the times and the numbers of packets of this report',
  ],
  refutedBy:
    'The lost packets, by their frame numbers here, in a capture taken at the receiving end at the same time',
  source:
    'RFC 7680 (one-way loss); RFC 3357 (loss in a row); openswan guide: each packet that leaves sg1 should arrive on sg2',
  thresholds: {
    warningPercent: [WARNING_PERCENT, '%', 'above it the throughput of TCP suffers'],
    errorPercent: [ERROR_PERCENT, '%', 'above it interactive traffic becomes unusable'],
    lost: [LOST_MIN, 'packets', 'one or two lost packets are normal'],
    runPackets: [RUN_PACKETS, 'packets', 'so many in a row are an outage, not chance'],
    runSeconds: [RUN_SECONDS, 's', 'a shorter gap may be a burst of congestion'],
  },
  fault: 'path-loss',
  consequenceOfIds: ['path.lost-between'],
  *judgePair({ comparison }) {
    for (const direction of comparison.directions) {
      if (direction.tally.sent > 0) yield* judge(direction, comparison);
    }
  },
});

function* judge(direction: ComparedDirection, comparison: Comparison): Iterable<Judgement> {
  const { tally, pattern, plan } = direction;
  const subject = directionSubject(direction);
  if (tally.matched + tally.lost === 0) {
    const receiver = sideName(otherSide(plan.sender));
    yield insufficientData(
      subject,
      `None of the ${tally.sent} packets ${directionWords(direction)} can be looked for at ${receiver}: ` +
        'they left outside the time of that capture, or it was cut or filtered; capture at both ends at the same time.',
    );
    return;
  }
  if (severityOf(direction, tally.lost) === null) {
    yield { result: 'healthy', subject };
    return;
  }
  // The other patterns have a diagnosis of their own.
  if (pattern?.kind !== 'general') return;
  const severity = severityOf(direction, lostAtLeast(direction, comparison));
  const limit = ownLossLimit(direction, comparison, LOST_MIN);
  if (limit) yield limit;
  else if (severity === null) yield { result: 'healthy', subject };
  else {
    yield lossProblem(direction, comparison, {
      severity,
      confidence: 'high',
      explanation: explain(direction, comparison),
      packets: packetsOf(direction, comparison),
    });
  }
}

/** `lost`: how many of the missing packets are certainly lost on the path. */
function severityOf(direction: ComparedDirection, lost: number): Severity | null {
  const { tally } = direction;
  if (lost < LOST_MIN) return null;
  const percent = (100 * lost) / (tally.matched + tally.lost);
  if (percent > ERROR_PERCENT) return 'error';
  return percent > WARNING_PERCENT || isOutage(direction) ? 'warning' : null;
}

function explain(direction: ComparedDirection, comparison: Comparison): string {
  const { tally, plan } = direction;
  const judged = tally.matched + tally.lost;
  const since = secondsAt(comparison.refOf(tally.citedLost[0]), comparison, plan.sender);
  const dead =
    tally.matched === 0 ||
    (tally.nextGood === null && tally.longestRun !== null && tally.longestRun.count > RUN_PACKETS);
  const back = comparison.directions[plan.reverse];
  const other = back
    ? back.tally.lost === 0
      ? ` The other direction lost none of ${back.tally.matched}.`
      : ` The other direction lost ${back.tally.lost} of ${back.tally.matched + back.tally.lost}.`
    : '';
  const run =
    tally.longestRun && tally.longestRun.count > 1
      ? ` At most ${tally.longestRun.count} of one flow in a row.`
      : '';
  return (
    `${tally.lost} of ${judged} packets ${directionWords(direction)} leave at ${sideName(plan.sender)} and do not arrive at ` +
    `${sideName(otherSide(plan.sender))} (${lossPercent(direction).toFixed(1)} %)${since}` +
    `${dead ? ', none after that' : ''}.${run}${other}${ownDropsWords(direction, comparison)}`
  );
}
