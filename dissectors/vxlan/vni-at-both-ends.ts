import type { ComparedDirection, Comparison } from '../../src/compare/comparison.js';
import { otherSide, SIDES, type Side } from '../../src/compare/side.js';
import { directionFilter, sideName } from '../../src/diagnose/both-ends/loss-finding.js';
import type { Judgement, PairEvidence, Problem } from '../../src/diagnose/diagnosis.js';
import type { Citation } from '../../src/moment.js';

const ID = 'vxlan.vni-mismatch';
/** Share of the packets of a direction that must be lost before nothing can be said of the receiver. */
const MOSTLY_LOST_SHARE = 0.5;

/**
 * Directions with a VNI each, whose requests stay unanswered: that the packets do arrive makes it the receivers that do
 * not know the VNI; where they do not arrive, the VNIs may be as they should (asymmetric routing), and the path is ill.
 */
export function* judgeVnis(pair: PairEvidence): Iterable<Judgement> {
  const bit = pair.comparison.protocols.indexOf('vxlan');
  for (const side of SIDES) {
    for (const problem of pair[side].judgements.get(ID) ?? []) {
      if (problem.result !== 'problem') continue;
      const directions = directionsOf(problem, side, pair.comparison);
      if (directions.length === 2) yield judge(problem, side, directions, pair.comparison, bit);
    }
  }
}

function directionsOf(
  { pair }: Problem,
  side: Side,
  { directions }: Comparison,
): readonly ComparedDirection[] {
  const ends = [...(pair ?? [])].sort().join(' ');
  return directions.filter(({ plan }) => {
    const shown = plan.sender === side ? [plan.from, plan.to] : [plan.fromAtReceiver, plan.toAtReceiver];
    return shown.sort().join(' ') === ends;
  });
}

function judge(
  problem: Problem,
  side: Side,
  directions: readonly ComparedDirection[],
  comparison: Comparison,
  bit: number,
): Judgement {
  const counted = directions.map(({ plan, tally }) => ({
    plan,
    arrived: tally.deliveredOf[bit],
    lost: tally.lostOf[bit],
  }));
  const failing = counted.find(({ arrived, lost }) => lost > MOSTLY_LOST_SHARE * (arrived + lost));
  if (failing) {
    const { plan, lost } = failing;
    return {
      result: 'insufficient-data',
      subject: problem.subject,
      reason:
        `Each direction has its own VNI, but ${lost} of the packets from ${plan.from} to ${plan.to} do not arrive at ` +
        `${sideName(otherSide(plan.sender))}, which explains that nothing is answered; repair that first and capture again.`,
      refutes: [ID],
    };
  }
  const words = counted.map(
    ({ plan, arrived, lost }) =>
      `${lost === 0 ? 'all' : `${arrived} of`} ${arrived + lost} VXLAN packets of ${plan.from} arrive at ${sideName(otherSide(plan.sender))}`,
  );
  return {
    ...problem,
    confidence: 'high',
    explanation: `${problem.explanation} In the captures of both ends ${words.join(' and ')}, so the path is well.`,
    where: 'receiver',
    first: comparison.shift(side, problem.first),
    last: comparison.shift(side, problem.last),
    lastGood: null,
    counts: {
      ...problem.counts,
      arrived: counted.reduce((sum, { arrived }) => sum + arrived, 0),
      lost: counted.reduce((sum, { lost }) => sum + lost, 0),
    },
    evidence: problem.evidence.flatMap((citation) => atBothEnds(citation, side, comparison)),
    displayFilter: [`(${problem.displayFilter})`, ...directions.map(directionFilter)].join(' || '),
    provenAtBothEnds: true,
  };
}

/** A packet that one side cites, and where the other shows it. */
function atBothEnds(citation: Citation, side: Side, comparison: Comparison): Citation[] {
  const shifted = comparison.shift(side, citation);
  const counterpart = comparison.fateOf(side, citation.frame)?.counterpart;
  if (!counterpart) return [shifted];
  return [shifted, { ...counterpart, summary: `the same packet at ${sideName(otherSide(side))}` }];
}
