import type { ComparedDirection, Comparison, Fate } from '../../src/compare/comparison.js';
import { otherSide, SIDES, type Side } from '../../src/compare/side.js';
import { directionFilter, sideName } from '../../src/diagnose/both-ends/loss-finding.js';
import type { Evidence, Judgement, PairEvidence, Problem } from '../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../src/moment.js';
import { PROTOCOL_UDP } from '../../src/wire/ip.js';
import { PORT_NAT_TRAVERSAL } from '../../src/wire/transport.js';

/*
 * Where messages on port 4500 end that one side sees unanswered: captures of both ends tell a path that drops them
 * from a host that does.
 */

export type Port4500Id = 'ike.natt-4500-blocked' | 'ike.natt-4500-local';

const IDS: readonly Port4500Id[] = ['ike.natt-4500-blocked', 'ike.natt-4500-local'];
const SENDINGS_MIN = 2;

/** What both ends show of messages that `side` sent in vain. */
interface Vain {
  readonly comparison: Comparison;
  readonly side: Side;
  readonly direction: ComparedDirection;
  readonly problem: Problem;
  readonly fates: readonly { readonly citation: Citation; readonly fate: Fate }[];
}

/** Judges by both ends what one of them sees unanswered on port 4500; yields the judgements of that id. */
export function* judgePort4500(pair: PairEvidence, id: Port4500Id): Iterable<Judgement> {
  const { comparison } = pair;
  for (const side of SIDES) {
    const [here, there] = side === 'a' ? [pair.a, pair.b] : [pair.b, pair.a];
    for (const problem of unansweredOn4500(here)) {
      const direction = directionOf(problem, side, comparison);
      if (!direction) continue;
      const fates = problem.evidence.flatMap((citation) => {
        const fate = comparison.fateOf(side, citation.frame);
        return fate?.direction === direction.plan.index ? [{ citation, fate }] : [];
      });
      const judged = judge({ comparison, side, direction, problem, fates }, there);
      if (judged?.id === id) yield judged.judgement;
    }
  }
}

function unansweredOn4500(evidence: Evidence): Problem[] {
  return IDS.flatMap((id) => evidence.judgements.get(id) ?? []).filter((one) => one.result === 'problem');
}

/** The direction of the messages, if `side` is where they left. */
function directionOf(
  { direction }: Problem,
  side: Side,
  { directions }: Comparison,
): ComparedDirection | null {
  const { from, to } = direction ?? {};
  return directions.find(({ plan }) => plan.sender === side && plan.from === from && plan.to === to) ?? null;
}

function judge(vain: Vain, there: Evidence): { id: Port4500Id; judgement: Judgement } | null {
  const lost = vain.fates.filter(({ fate }) => fate.fate === 'lost').length;
  const arrived = vain.fates.filter(({ fate }) => fate.fate === 'arrived').length;
  if (lost >= SENDINGS_MIN && arrived === 0) {
    return { id: 'ike.natt-4500-blocked', judgement: blockedThere(vain) };
  }
  if (arrived < SENDINGS_MIN || lost > 0) return null;
  const answer = answerOn4500(vain, there);
  if (answer) return { id: 'ike.natt-4500-blocked', judgement: blockedBack(vain, answer) };
  return { id: 'ike.natt-4500-local', judgement: droppedThere(vain) };
}

/** First and last packet that the other host sends on port 4500, as its own capture shows it. */
function answerOn4500(
  { direction: { plan } }: Vain,
  { quality }: Evidence,
): { readonly packets: number; readonly first: FrameRef; readonly last: FrameRef } | null {
  const traffic = quality.traffic.between(plan.toAtReceiver, plan.fromAtReceiver);
  const found = (traffic?.conversations ?? []).find(
    ({ protocol, portOfA, portOfB, fromA }) =>
      protocol === PROTOCOL_UDP &&
      (portOfA === PORT_NAT_TRAVERSAL || portOfB === PORT_NAT_TRAVERSAL) &&
      fromA.packets > 0,
  );
  const { packets = 0, first = null, last = null } = found?.fromA ?? {};
  return first && last ? { packets, first, last } : null;
}

function blockedThere(vain: Vain): Problem {
  const { direction, problem, side } = vain;
  const [here, receiver] = [sideName(side), sideName(otherSide(side))];
  const { from, to } = direction.plan;
  return {
    ...common(vain),
    explanation:
      `IKE between ${from} and ${to} worked on UDP 500 and moved to port 4500. What ${from} sends there (${sendings(problem)}) ` +
      `leaves at ${here} and does not arrive at ${receiver}, where its packets on port 500 did: port 4500 is dropped on the way.`,
    direction: { from, to },
    where: 'path',
    counts: { ...problem.counts, arrived: 0 },
  };
}

function blockedBack(
  vain: Vain,
  answer: { readonly packets: number; readonly first: FrameRef; readonly last: FrameRef },
): Problem {
  const { comparison, direction, problem, side } = vain;
  const [here, receiver] = [sideName(side), sideName(otherSide(side))];
  const { from, to } = direction.plan;
  const fact = common(vain);
  const at = (ref: FrameRef): FrameRef => comparison.shift(otherSide(side), ref);
  return {
    ...fact,
    explanation:
      `IKE between ${from} and ${to} worked on UDP 500 and moved to port 4500. What ${from} sends there (${sendings(problem)}) ` +
      `arrives at ${receiver}, and ${answer.packets} packets leave there on port 4500, of which none arrives at ${here}: port 4500 ` +
      'is dropped on the way back.',
    direction: { from: to, to: from },
    where: 'path',
    counts: { ...problem.counts, answersSent: answer.packets, answersArrived: 0 },
    evidence: [
      ...fact.evidence.slice(0, 8),
      {
        ...at(answer.first),
        summary: `first packet on port 4500 leaves at ${receiver} and does not arrive at ${here}`,
      },
      { ...at(answer.last), summary: `last packet on port 4500 leaves at ${receiver}` },
    ],
  };
}

function droppedThere(vain: Vain): Problem {
  const { direction, problem, side } = vain;
  const [here, receiver] = [sideName(side), sideName(otherSide(side))];
  const { from, to } = direction.plan;
  return {
    ...common(vain),
    explanation:
      `What ${from} sends to ${to} on port 4500 (${sendings(problem)}) leaves at ${here} and arrives at ${receiver}; no packet on ` +
      `port 4500 leaves there, while port 500 was answered. A capture sees packets before the local firewall does: behind the ` +
      `capture point of ${receiver} they are dropped, or the daemon does not listen on port 4500.`,
    direction: { from, to },
    where: 'receiver',
    counts: {
      ...problem.counts,
      ...(direction.tally.lost === 0 ? { arrived: problem.counts.transmissions ?? 0 } : {}),
    },
    refutes: ['ike.natt-4500-blocked'],
  };
}

function sendings({ counts }: Problem): string {
  const { transmissions = 0 } = counts;
  return transmissions === 1 ? 'one message' : `${transmissions} sendings`;
}

/** Everything but the words: the messages at both ends. */
function common({ comparison, side, direction, problem, fates }: Vain): Problem {
  const [here, there] = [sideName(side), sideName(otherSide(side))];
  const ofDirection = new Map(fates.map(({ citation, fate }) => [citation, fate]));
  const evidence = problem.evidence.flatMap((citation): Citation[] => {
    const shown = comparison.shift(side, citation);
    const fate = ofDirection.get(citation);
    if (!fate) return [shown];
    const { counterpart } = fate;
    const words = counterpart ? '' : ` and does not arrive at ${there}`;
    const left = { ...shown, summary: `${citation.summary}, leaves at ${here}${words}` };
    return counterpart ? [left, { ...counterpart, summary: `and arrives at ${there}` }] : [left];
  });
  return {
    ...problem,
    confidence: 'high',
    first: comparison.shift(side, problem.first),
    last: comparison.shift(side, problem.last),
    lastGood: problem.lastGood ? comparison.shift(side, problem.lastGood) : null,
    evidence,
    displayFilter: `(${problem.displayFilter}) || ${directionFilter(direction)}`,
    provenAtBothEnds: true,
  };
}
