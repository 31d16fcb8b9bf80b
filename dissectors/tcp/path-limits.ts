import type { ComparedDirection, Comparison } from '../../src/compare/comparison.js';
import { otherSide } from '../../src/compare/side.js';
import {
  directionSubject,
  directionWords,
  lossProblem,
  packetsOf,
  receiverLimit,
  sideName,
} from '../../src/diagnose/both-ends/loss-finding.js';
import type { Evidence, Judgement, PairEvidence } from '../../src/diagnose/diagnosis.js';
import { icmpErrors } from '../icmp/correlator.js';

/** Directions of a comparison in which nothing above a size arrives: both ends prove the limit of the path. */
export function* judgePathLimits({ comparison, a, b }: PairEvidence): Iterable<Judgement> {
  for (const direction of comparison.directions) {
    const isLimited = direction.pattern?.kind === 'size';
    // A router said what fits: nothing disappears silently, and `mtu.frag-needed` speaks.
    if (isLimited && (isReported(a, direction) || isReported(b, direction)))
      yield { result: 'healthy', subject: directionSubject(direction) };
    else if (isLimited) yield judge(direction, comparison);
    else if (direction.tally.matched > 0 && direction.tally.lost === 0)
      yield { result: 'healthy', subject: directionSubject(direction) };
  }
}

function isReported({ sessions }: Evidence, { plan }: ComparedDirection): boolean {
  return sessions(icmpErrors).some(
    ({ meaning, quoted }) =>
      meaning === 'packet-too-big' &&
      ((quoted?.source === plan.from && quoted.destination === plan.to) ||
        (quoted?.source === plan.fromAtReceiver && quoted.destination === plan.toAtReceiver)),
  );
}

function judge(direction: ComparedDirection, comparison: Comparison): Judgement {
  const limit = receiverLimit(direction, comparison);
  const { pattern, plan, tally } = direction;
  if (limit || pattern?.kind !== 'size') {
    return limit ?? { result: 'healthy', subject: directionSubject(direction) };
  }
  const { largestDelivered, smallestLost } = pattern;
  const largestLost = tally.profile?.largestLost ?? smallestLost;
  const sizes = smallestLost === largestLost ? `${smallestLost}` : `${smallestLost} to ${largestLost}`;
  return lossProblem(direction, comparison, {
    severity: 'error',
    confidence: 'high',
    title: 'Large packets do not arrive at the other end',
    explanation:
      `${tally.lost} packets ${directionWords(direction)} of ${sizes} bytes leave at ${sideName(plan.sender)} and none arrives at ` +
      `${sideName(otherSide(plan.sender))}, while packets of up to ${largestDelivered} bytes arrive: the path takes at least ` +
      `${largestDelivered} and less than ${smallestLost} bytes (IP length).`,
    first: comparison.refOf(tally.citedLost[0]),
    packets: packetsOf(direction, comparison, ['size'], { lost: tally.lost, delivered: 0 }),
    counts: {
      sent: tally.sent,
      arrived: tally.matched,
      lost: tally.lost,
      largestArrived: largestDelivered,
      smallestLost,
    },
  });
}
