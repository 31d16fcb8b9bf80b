import type { ComparedDirection, Comparison } from '../../src/compare/comparison.js';
import { otherSide, SIDES, type Side } from '../../src/compare/side.js';
import { reportedDrops } from '../../src/correlate/gates.js';
import { directionFilter, sideName } from '../../src/diagnose/both-ends/loss-finding.js';
import { otherSideWatched } from '../../src/diagnose/both-ends/watched-time.js';
import type { Judgement, PairEvidence, Problem } from '../../src/diagnose/diagnosis.js';

const ID = 'esp.one-way-spi';

/**
 * ESP that goes one way: where it does arrive and the capture of the silent end shows that none leaves there, it is that
 * end and not the path.
 */
export function* judgeSilentEnds(pair: PairEvidence): Iterable<Judgement> {
  const bit = pair.comparison.protocols.indexOf('esp');
  for (const side of SIDES) {
    for (const problem of pair[side].judgements.get(ID) ?? []) {
      if (problem.result !== 'problem' || !otherSideWatched(problem, side, pair.comparison)) continue;
      const judged = judge(problem, side, pair.comparison, bit);
      if (judged) yield judged;
    }
  }
}

function judge(problem: Problem, side: Side, comparison: Comparison, bit: number): Problem | null {
  const { silent } = problem.subject;
  const live = (problem.pair ?? []).find((end) => end !== silent);
  const there = directionOf(live, silent, side, comparison);
  const back = directionOf(silent, live, side, comparison);
  if (!there || there.tally.deliveredOf[bit] === 0 || there.tally.lostOf[bit] > 0) return null;
  const silentSide = otherSide(there.plan.sender);
  if (back && (back.tally.lostOf[bit] > 0 || back.plan.sender !== silentSide)) return null;
  if (reportedDrops(comparison.qualities[silentSide]) > 0) return null;
  const at = sideName(silentSide);
  const { from } = there.plan;
  return {
    ...problem,
    confidence: 'high',
    title: 'ESP arrives at the other gateway, and none leaves there',
    explanation:
      `${problem.explanation} All ${there.tally.deliveredOf[bit]} ESP packets of ${from} arrive at ${at}, and of those that ` +
      `leave there none is lost: the gateway of ${at}, or what is behind it, sends nothing back.`,
    where: 'receiver',
    first: comparison.shift(side, problem.first),
    last: comparison.shift(side, problem.last),
    lastGood: problem.lastGood ? comparison.shift(side, problem.lastGood) : null,
    evidence: problem.evidence.flatMap((citation) => {
      const counterpart = comparison.fateOf(side, citation.frame)?.counterpart;
      const shown = comparison.shift(side, citation);
      const other = sideName(otherSide(side));
      return counterpart ? [shown, { ...counterpart, summary: `the same packet at ${other}` }] : [shown];
    }),
    counts: { ...problem.counts, arrived: there.tally.deliveredOf[bit], lost: 0 },
    causes: [
      `The gateway of ${at} lost its SAs, or its firewall drops what it decrypts: a capture sees packets before both`,
      `Behind the gateway of ${at} nothing answers: no route back to the network of ${from}, host down, failed updown script`,
      'The application wants no answer (syslog, NetFlow, a media stream)',
    ],
    nextSteps: [
      `On the gateway of ${at}: ip -s xfrm state and /proc/net/xfrm_stat (errors grow where packets are discarded)`,
      `On the inside interface of the gateway of ${at}: tcpdump -n -i INSIDE: do the requests come out, and do answers come back?`,
      `ip xfrm policy and ip route get there: is there a policy out for the network behind ${from}?`,
    ],
    displayFilter: [`(${problem.displayFilter})`, ...[there, back ?? there].map(directionFilter)].join(
      ' || ',
    ),
    provenAtBothEnds: true,
  };
}

/** The direction whose ends `side` calls so. */
function directionOf(
  from: unknown,
  to: unknown,
  side: Side,
  comparison: Comparison,
): ComparedDirection | null {
  return (
    comparison.directions.find(({ plan }) => {
      const isSender = plan.sender === side;
      return (
        (isSender ? plan.from : plan.fromAtReceiver) === from &&
        (isSender ? plan.to : plan.toAtReceiver) === to
      );
    }) ?? null
  );
}
