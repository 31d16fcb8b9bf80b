import type { ComparedPacket } from '../../compare/compared-packet.js';
import type { ComparedDirection, Comparison } from '../../compare/comparison.js';
import type { LossClass } from '../../compare/loss-profile.js';
import { otherSide } from '../../compare/side.js';
import { DROP_SHARE_SEVERE, dropShare, reportedDrops } from '../../correlate/gates.js';
import type { Citation, FrameRef } from '../../moment.js';
import type { Subject } from '../../report/report.js';
import { NS_PER_SECOND } from '../../units.js';
import { plural } from '../../wording/counts.js';
import { addressFilter } from '../../wording/display-filters.js';
import type { Judgement, Problem } from '../diagnosis.js';
import { type PacketClass, type PacketCount, serviceWord } from '../packet-class.js';

/** While it happens, loss is not over because the next packet arrived. */
const ONGOING_SECONDS = 10;
/** An outage: so many losses of one flow in a row. */
export const RUN_PACKETS = 5;
export const RUN_SECONDS = 3;
const CITED_LOST_FIRST = 3;
const CITED_LOST_LAST = 2;

/** The direction as a subject. */
export function directionSubject({ plan }: ComparedDirection): Subject {
  return {
    kind: 'pair',
    endpoints: [plan.from, plan.to],
    ...(plan.tunnel === null ? {} : { inside: [plan.tunnel] }),
  };
}

/** Share of packets that were lost, of those that both captures could show, in percent. */
export function lossPercent({ tally }: ComparedDirection): number {
  const judged = tally.matched + tally.lost;
  return judged === 0 ? 0 : (100 * tally.lost) / judged;
}

/** What the packets of a direction are called: `10.0.0.1 to 10.0.0.2`. */
export function directionWords({ plan }: ComparedDirection): string {
  const inside = plan.tunnel === null ? '' : ` inside ${plan.tunnel}`;
  return `from ${plan.from} to ${plan.to}${inside}`;
}

/** `A` or `B`, as the report calls the sides. */
export function sideName(side: 'a' | 'b'): string {
  return side.toUpperCase();
}

type Insufficient = Extract<Judgement, { readonly result: 'insufficient-data' }>;

/** A capture that lost packets by itself cannot prove that the network did. */
export function receiverLimit({ plan }: ComparedDirection, comparison: Comparison): Insufficient | null {
  const receiver = otherSide(plan.sender);
  const share = dropShare(comparison.qualities[receiver]);
  if (share < DROP_SHARE_SEVERE) return null;
  return {
    result: 'insufficient-data',
    subject: { kind: 'pair', endpoints: [plan.from, plan.to] },
    reason:
      `The capture at ${sideName(receiver)} itself lost ${share.toFixed(1)} % of its packets; ` +
      'capture there again, to a file, with a larger buffer (-B 4096).',
  };
}

/** Packets that the capture at the receiving end says it lost itself: so many of those missing there may have arrived. */
function ownDrops({ plan }: ComparedDirection, comparison: Comparison): number {
  return reportedDrops(comparison.qualities[otherSide(plan.sender)]);
}

/**
 * At least 5 consecutive losses of one flow over at least 3 s. A capture that drops misses packets here and there, or all of
 * them for moments.
 */
export function isOutage({ tally: { longestRun } }: ComparedDirection): boolean {
  return (
    longestRun !== null &&
    longestRun.count >= RUN_PACKETS &&
    longestRun.last.timeNs - longestRun.first.timeNs >= RUN_SECONDS * NS_PER_SECOND
  );
}

/** Lost packets that the receiving capture did not lose itself, whatever it dropped: a lower bound. */
export function lostAtLeast(direction: ComparedDirection, comparison: Comparison): number {
  const { lost } = direction.tally;
  return isOutage(direction) ? lost : Math.max(0, lost - ownDrops(direction, comparison));
}

/** As `receiverLimit`, for losses without a pattern: none is proven where the capture dropped as many packets itself. */
export function ownLossLimit(
  direction: ComparedDirection,
  comparison: Comparison,
  least: number,
): Insufficient | null {
  const severe = receiverLimit(direction, comparison);
  if (severe || lostAtLeast(direction, comparison) >= least) return severe;
  const drops = ownDrops(direction, comparison);
  if (drops === 0) return null;
  const receiver = sideName(otherSide(direction.plan.sender));
  return {
    result: 'insufficient-data',
    subject: directionSubject(direction),
    reason:
      `${direction.tally.lost} packets ${directionWords(direction)} are missing at ${receiver}, but the capture there reports that it ` +
      `dropped ${drops} packets itself; capture there again, to a file, with a larger buffer (-B 4096).`,
  };
}

/** What the drops of the receiving capture leave open, as a sentence; empty where it reports none. */
export function ownDropsWords(direction: ComparedDirection, comparison: Comparison): string {
  const drops = ownDrops(direction, comparison);
  if (drops === 0 || isOutage(direction)) return '';
  const receiver = sideName(otherSide(direction.plan.sender));
  return (
    ` The capture at ${receiver} reports ${plural(drops, 'drop')} of its own, so at least ` +
    `${lostAtLeast(direction, comparison)} are lost on the path.`
  );
}

/** What both ends count of the packets of a direction since its first loss, of the class that all of `of` name or of one class. */
export function packetsOf(
  { tally: { profile, lost } }: ComparedDirection,
  { protocols }: Comparison,
  of: readonly string[] = [],
  count?: PacketCount,
): PacketClass {
  const delivered = profile?.delivered ?? 0;
  const parts = new Map<string, PacketCount>([['', { lost, delivered }]]);
  for (const lossClass of profile?.classes.values() ?? []) {
    const { sent } = lossClass;
    parts.set(classWord(lossClass, protocols), { lost: lossClass.lost, delivered: sent - lossClass.lost });
  }
  const [word = ''] = of;
  return { of, ...(count ?? parts.get(word) ?? { lost, delivered }), parts };
}

/** The word of a class in `PacketClass.of`. */
export function classWord({ kind, value }: LossClass, protocols: readonly string[]): string {
  switch (kind) {
    case 'port':
      return serviceWord(Math.floor(value / 65_536), value % 65_536);
    case 'protocol':
      return protocols[value] ?? `protocol-${value}`;
    case 'fragment':
      return FRAGMENT_WORDS[value] ?? 'fragments';
    case 'dscp':
    case 'dont-fragment':
      return `${kind}/${value}`;
  }
}

const FRAGMENT_WORDS = ['fragments/first', 'fragments/later', 'fragments'];

/** Everything of a finding about lost packets but its words. */
export function lossProblem(
  direction: ComparedDirection,
  comparison: Comparison,
  of: Pick<Problem, 'explanation' | 'severity' | 'confidence'> & Partial<Problem>,
): Problem {
  const { plan, tally } = direction;
  const { notComparable } = tally;
  const cited = tally.citedLost;
  const first = comparison.refOf(cited[0]);
  const last = comparison.refOf(cited[cited.length - 1]);
  const limited = dropShare(comparison.qualities[otherSide(plan.sender)]) > 0;
  return {
    result: 'problem',
    subject: directionSubject(direction),
    pair: [plan.from, plan.to],
    direction: { from: plan.from, to: plan.to },
    where: 'path',
    first,
    last,
    lastGood: tally.lastGood ? comparison.refOf(tally.lastGood) : null,
    ongoingAtEnd: tally.nextGood === null || isStillLive(direction, comparison),
    counts: {
      sent: tally.sent,
      arrived: tally.matched,
      lost: tally.lost,
      outsideWindow: notComparable.outsideWindow,
      notComparable: notComparable.snaplen + notComparable.captureLoss + notComparable.captureFilter,
    },
    evidence: lossCitations(direction, comparison),
    displayFilter: directionFilter(direction),
    limitedBy: limited ? ['capture.kernel-drops'] : [],
    provenAtBothEnds: true,
    ...of,
  };
}

/** In a live comparison: among the packets of the last seconds some are lost. */
function isStillLive({ tally }: ComparedDirection, { isLive }: Comparison): boolean {
  const lost = tally.citedLost[tally.citedLost.length - 1];
  const delivered = tally.lastDelivered;
  if (isLive !== true || !lost || !delivered) return false;
  return delivered.timeNs - lost.timeNs <= ONGOING_SECONDS * NS_PER_SECOND;
}

/** The last packet that arrived, those that did not, and the next one that did; on both sides. */
function lossCitations({ plan, tally }: ComparedDirection, comparison: Comparison): Citation[] {
  const [here, there] = [sideName(plan.sender), sideName(otherSide(plan.sender))];
  const both = (packet: ComparedPacket | null, words: string): Citation[] => {
    if (!packet) return [];
    const left = { ...comparison.refOf(packet), summary: `${words} leaves at ${here}` };
    if (!packet.partner) return [left];
    return [left, { ...comparison.refOf(packet.partner), summary: `${words} arrives at ${there}` }];
  };
  const lost = [...tally.firstLost.slice(0, CITED_LOST_FIRST), ...tally.lastLost.slice(-CITED_LOST_LAST)];
  return [
    ...both(tally.lastGood, 'the last packet before the loss'),
    ...lost.map((packet) => ({
      ...comparison.refOf(packet),
      summary: `${packet.networkLength} bytes leave at ${here} and do not arrive at ${there}`,
    })),
    ...both(tally.nextGood, 'the next packet that is not lost'),
  ];
}

/** Packets of the direction on either side, whatever a NAT calls their ends. */
export function directionFilter({ plan }: ComparedDirection): string {
  const filters = [addressFilter(plan.from, plan.to), addressFilter(plan.fromAtReceiver, plan.toAtReceiver)];
  return [...new Set(filters)].map((one) => `(${one})`).join(' || ');
}

/** Times for sentences: seconds from the first frame of that side. */
export function secondsAt(ref: FrameRef, comparison: Comparison, side: 'a' | 'b'): string {
  const start = comparison.edges[side]?.first;
  if (!start || start.segment !== ref.segment || Number.isNaN(ref.timeNs)) return '';
  return ` from ${((ref.timeNs - start.timeNs) / 1e9).toFixed(3)} s of capture ${sideName(side)} on`;
}
