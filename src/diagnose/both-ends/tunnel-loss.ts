import type { ComparedPacket } from '../../compare/compared-packet.js';
import type { ComparedDirection, Comparison } from '../../compare/comparison.js';
import { otherSide, SIDES, type Side } from '../../compare/side.js';
import { reportedDrops } from '../../correlate/gates.js';
import type { Citation } from '../../moment.js';
import type { Severity } from '../../report/report.js';
import type { Judgement, PairEvidence, Problem } from '../diagnosis.js';
import { directionFilter, directionWords, lossProblem, ownLossLimit, sideName } from './loss-finding.js';
import { otherSideWatched } from './watched-time.js';

/*
 * What one side concludes from gaps or unanswered requests inside a tunnel, by the packets of both ends: how many were
 * lost on the path, exactly, and whether it was the path at all.
 */

/** A diagnosis of losses inside tunnels of one protocol. */
export interface TunnelLossRule {
  readonly id: string;
  /** Of the catalogue, and as the report calls its packets. */
  readonly protocol: string;
  readonly name: string;
  /** What one side sees: numbers that are missing, packets that are due, or requests that stay unanswered. */
  readonly seenAs: 'gaps' | 'pauses' | 'unanswered';
  readonly lostMin: number;
  readonly warningPercent: number;
  readonly errorPercent: number;
}

/** Of messages of a period that one end misses: a single one that the other end sent tells. */
export function judgePausesAtBothEnds(
  pair: PairEvidence,
  id: string,
  protocol: string,
  name: string,
): Iterable<Judgement> {
  const limits = { lostMin: 1, warningPercent: 1, errorPercent: 5 };
  return judgeTunnelLoss(pair, { id, protocol, name, seenAs: 'pauses', ...limits });
}

/** A finding of one side, in the names and numbers of the comparison's sender. */
interface Alone {
  readonly side: Side;
  readonly problem: Problem;
}

/** Judges every direction about which one side said something. */
export function* judgeTunnelLoss(pair: PairEvidence, rule: TunnelLossRule): Iterable<Judgement> {
  const { comparison } = pair;
  const bit = comparison.protocols.indexOf(rule.protocol);
  if (bit < 0) return;
  const found = SIDES.flatMap((side) =>
    (pair[side].judgements.get(rule.id) ?? []).flatMap((one): Alone[] =>
      one.result === 'problem' ? [{ side, problem: one }] : [],
    ),
  );
  for (const alone of found) {
    const directions = directionsOf(alone, comparison).filter(
      ({ tally }) => tally.deliveredOf[bit] + tally.lostOf[bit] > 0,
    );
    const judged = judge(alone, directions, comparison, rule, bit);
    if (judged) yield judged;
  }
}

/** The direction that the finding is about; both where it may be either. */
function directionsOf({ side, problem }: Alone, comparison: Comparison): readonly ComparedDirection[] {
  const named = (host: string | undefined): string | undefined =>
    host !== undefined && side === 'b' ? (comparison.plan.hostsOfB.get(host) ?? host) : host;
  const [low, high] = problem.pair ?? [];
  const [from, to] = [named(problem.direction?.from), named(problem.direction?.to)];
  const ends = [named(low), named(high)].sort().join(' ');
  return comparison.directions.filter(({ plan }) => {
    const [own, peer] = plan.sender === 'a' ? [plan.from, plan.to] : [plan.fromAtReceiver, plan.toAtReceiver];
    if (from !== undefined) return own === from && peer === to;
    return [own, peer].sort().join(' ') === ends;
  });
}

function judge(
  alone: Alone,
  directions: readonly ComparedDirection[],
  comparison: Comparison,
  rule: TunnelLossRule,
  bit: number,
): Judgement | null {
  if (directions.length === 0) return null;
  const least = leastLost(alone, rule);
  const lossy = directions.filter(({ tally }) => tally.lostOf[bit] >= least);
  const [worst] = [...lossy].sort((a, b) => b.tally.lostOf[bit] - a.tally.lostOf[bit]);
  if (!worst) {
    const isCertain =
      directions.every(({ tally }) => tally.lost === 0) && isSeenBySender(alone, directions, comparison);
    if (!isCertain || directions.length < (rule.seenAs === 'unanswered' ? 2 : 1)) return null;
    return elsewhere(alone, directions, comparison, rule, bit);
  }
  const limit = ownLossLimit(worst, comparison, least);
  if (limit) return { ...limit, subject: alone.problem.subject, refutes: [rule.id] };
  return onThePath(alone, worst, comparison, rule, bit);
}

/** The capture of the sending end would show the packets, had they left. */
function isSeenBySender(
  { side, problem }: Alone,
  directions: readonly ComparedDirection[],
  comparison: Comparison,
): boolean {
  if (directions.some(({ plan }) => reportedDrops(comparison.qualities[plan.sender]) > 0)) return false;
  return otherSideWatched(problem, side, comparison);
}

/** Lost between the captures. */
function onThePath(
  { problem }: Alone,
  direction: ComparedDirection,
  comparison: Comparison,
  rule: TunnelLossRule,
  bit: number,
): Problem {
  const { tally, plan } = direction;
  const lost = tally.lostOf[bit];
  const sent = tally.deliveredOf[bit] + lost;
  const percent = (100 * lost) / sent;
  const [here, there] = [sideName(plan.sender), sideName(otherSide(plan.sender))];
  const before = rule.seenAs === 'pauses' ? `${problem.explanation} ` : '';
  const after =
    rule.seenAs === 'unanswered' ? ' That is why requests inside the tunnel stay unanswered.' : '';
  const base = lossProblem(direction, comparison, {
    severity: severityOf(percent, rule, problem.severity),
    confidence: 'high',
    explanation:
      `${before}${lost} of ${sent} ${rule.name} packets ${directionWords(direction)} (${percent.toFixed(1)} %) leave at ${here} and do not ` +
      `arrive at ${there}.${after}`,
  });
  const cited = citedOf(direction, bit);
  return {
    ...base,
    subject: problem.subject,
    ...(cited.length > 0
      ? {
          first: comparison.refOf(cited[0]),
          last: comparison.refOf(cited[cited.length - 1]),
          evidence: cited.map(
            (packet): Citation => ({
              ...comparison.refOf(packet),
              summary: `${rule.name}, ${packet.networkLength} bytes, leaves at ${here} and does not arrive at ${there}`,
            }),
          ),
        }
      : {}),
    counts: { sent, arrived: tally.deliveredOf[bit], lost },
    ...(problem.packetClass === undefined ? {} : { packetClass: problem.packetClass }),
  };
}

/** Everything that leaves one end arrives at the other: what is missing was missing before, or failed behind it. */
function elsewhere(
  { side, problem }: Alone,
  directions: readonly ComparedDirection[],
  comparison: Comparison,
  { name, seenAs }: TunnelLossRule,
  bit: number,
): Problem {
  const arrived = directions.reduce((sum, { tally }) => sum + tally.deliveredOf[bit], 0);
  const [direction] = directions;
  const [here, there] = [sideName(direction.plan.sender), sideName(otherSide(direction.plan.sender))];
  const { from } = direction.plan;
  const all = `All ${arrived} ${name} packets ${directionWords(direction)} that leave at ${here} arrive at ${there}`;
  const words = {
    gaps:
      `${all}, so the missing numbers are not lost between the captures: ${from} numbered packets that never passed the ` +
      `capture point of ${here}.`,
    pauses: `${all}, so nothing is lost between the captures: ${from} did not send, or dropped it itself.`,
    unanswered:
      `All ${arrived} ${name} packets that leave one end arrive at the other, in both directions, so the requests are not lost ` +
      'between the captures: the host behind the tunnel end, or the end itself, did not answer them.',
  }[seenAs];
  const title = {
    gaps: { title: `${name} packets are missing before they leave` },
    pauses: {},
    unanswered: { title: `Requests in a ${name} tunnel arrive and are not answered` },
  }[seenAs];
  return {
    ...problem,
    confidence: 'high',
    ...title,
    explanation: `${problem.explanation} ${words}`,
    where: seenAs === 'unanswered' ? 'receiver' : 'sender',
    first: comparison.shift(side, problem.first),
    last: comparison.shift(side, problem.last),
    lastGood: problem.lastGood ? comparison.shift(side, problem.lastGood) : null,
    evidence: problem.evidence.map((citation) => comparison.shift(side, citation)),
    counts: { ...problem.counts, arrived, lostBetween: 0 },
    displayFilter: `(${problem.displayFilter}) || ${directionFilter(directions[0])}`,
  };
}

/** A remark stays one (mirrored traffic, a poller that may pause), and a pause is as grave as it is long. */
function severityOf(
  percent: number,
  { seenAs, warningPercent, errorPercent }: TunnelLossRule,
  alone: Severity | undefined,
): Severity {
  if (alone === 'info' || seenAs === 'pauses') return alone ?? 'warning';
  if (percent > errorPercent) return 'error';
  return percent > warningPercent ? 'warning' : (alone ?? 'warning');
}

/** Packets of the protocol that must be lost to be what one side sees: of a pause, half of what is due in it. */
function leastLost({ problem }: Alone, { seenAs, lostMin }: TunnelLossRule): number {
  if (seenAs !== 'pauses') return lostMin;
  return Math.max(lostMin, Math.ceil((problem.counts.missed ?? 0) / 2));
}

/** Lost packets of the protocol, in order: those that are kept. */
function citedOf({ tally }: ComparedDirection, bit: number): readonly ComparedPacket[] {
  const kept = tally.citedLost.filter(({ protocols }) => (protocols & (1 << bit)) !== 0);
  if (kept.length > 0) return kept;
  const longest = tally.profile?.classOf('protocol', bit)?.longest;
  if (!longest) return [];
  return longest.count === 1 ? [longest.first] : [longest.first, longest.last];
}
