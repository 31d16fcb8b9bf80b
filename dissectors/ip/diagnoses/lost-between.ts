import type { ComparedDirection, ComparedSegment } from '../../../src/compare/comparison.js';
import { otherSide } from '../../../src/compare/side.js';
import {
  directionSubject,
  directionWords,
  lossPercent,
  lossProblem,
  ownLossLimit,
} from '../../../src/diagnose/both-ends/loss-finding.js';
import { definePairDiagnosis, type Judgement, type PairEvidence } from '../../../src/diagnose/diagnosis.js';

const LOST_MIN = 3;
const ERROR_PERCENT = 5;
const WARNING_PERCENT = 1;

export default definePairDiagnosis({
  id: 'path.lost-between',
  title: 'Packets get lost between two points of the path',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    'With more than two capture points in the order of the path: at least 3 packets of a direction and more than 1 % of it ' +
    '(error above 5 %) are at one point and not at the next.',
  notWhen:
    'The capture of the next point did not run, dropped, cut or filtered packets. The hosts do not appear at the next point ' +
    'at all: then it is not on their path.',
  causes: [
    'What stands between the two points drops the packets: a firewall, router, virtual switch or tunnel end',
    'The route, forwarding entry or policy of the nearer point sends them elsewhere',
  ],
  nextSteps: [
    'Look at that element: its drop counters, forwarding table and filters (VPP: show error, show trace; Linux: nft list ruleset, ip -s link)',
    'Add a capture point inside it and compare again with --at',
  ],
  refutedBy: 'The packets in a capture at the next point',
  source: 'Calico VPP guide (pod, VPP, host); MidoNet guide (tap, underlay, tap); RFC 5644',
  thresholds: {
    lost: [LOST_MIN, 'packets', 'one or two lost packets are normal'],
    warningPercent: [WARNING_PERCENT, '%', 'as for underlay.path-loss'],
    errorPercent: [ERROR_PERCENT, '%', 'as for underlay.path-loss'],
  },
  fault: 'path-loss',
  *judgePair(evidence) {
    for (const segment of evidence.segments) yield* judgeSegment(segment, evidence);
  },
});

function* judgeSegment(segment: ComparedSegment, { comparison }: PairEvidence): Iterable<Judgement> {
  for (const direction of segment.comparison.directions) {
    const { tally, plan } = direction;
    if (tally.matched + tally.lost === 0) continue;
    const [nearer, farther] = plan.sender === 'a' ? [segment.from, segment.to] : [segment.to, segment.from];
    const subject = { ...directionSubject(direction), between: [nearer, farther] };
    const percent = lossPercent(direction);
    if (tally.lost < LOST_MIN || percent <= WARNING_PERCENT) {
      yield { result: 'healthy', subject };
      continue;
    }
    const limit = ownLossLimit(direction, segment.comparison, LOST_MIN);
    if (limit) {
      yield { ...limit, subject };
      continue;
    }
    const problem = lossProblem(direction, segment.comparison, {
      severity: percent > ERROR_PERCENT ? 'error' : 'warning',
      confidence: 'high',
      explanation:
        `${tally.lost} of ${tally.lost + tally.matched} packets ${directionWords(direction)} are in the capture of ${nearer} and ` +
        `not in that of ${farther} (${percent.toFixed(1)} %)${restOf(direction, comparison.directions)}`,
    });
    const names = { [plan.sender]: nearer, [otherSide(plan.sender)]: farther };
    yield {
      ...problem,
      subject,
      title: `Packets get lost between ${nearer} and ${farther}`,
      evidence: problem.evidence.map((citation) => ({
        ...citation,
        summary: citation.summary.replace(/ at A\b/g, ` at ${names.a}`).replace(/ at B\b/g, ` at ${names.b}`),
      })),
    };
  }
}

/** How that compares with the whole path. */
function restOf({ plan, tally }: ComparedDirection, whole: readonly ComparedDirection[]): string {
  const same = whole.find((one) => one.plan.from === plan.from && one.plan.to === plan.to);
  if (!same || same.tally.lost === 0) return '.';
  return `; on the whole path ${same.tally.lost} are lost${same.tally.lost > tally.lost ? ', the rest elsewhere' : ''}.`;
}
