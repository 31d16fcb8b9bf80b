import type { CaptureQuality } from '../correlate/capture-quality.js';
import { DROP_SHARE_SEVERE, dropLimit, mayBeOwnDrops } from '../correlate/gates.js';
import { isWatched, unwatchedLossReason } from '../correlate/watched.js';
import type { FrameRef } from '../moment.js';
import type { Confidence, Severity, Subject } from '../report/report.js';
import { NS_PER_SECOND } from '../units.js';
import { plural } from '../wording/counts.js';
import type { Judgement, Problem } from './diagnosis.js';

/*
 * The family of losses that the numbers of packets tell: each packet of a direction has the next number, so a number
 * that never passes the capture point was lost before it, or by the capture itself.
 */

/** Packets of the other direction from which its lack of gaps speaks for the capture. */
const WITNESS_PACKETS = 100;
/** Losses that end this long before the last packet are over. */
const OVER_SECONDS = 10;
/** Numbers missing across pauses from which a direction is not called well. */
const UNWATCHED_MIN = 3;

/** Numbers that are missing between two packets of one time segment. */
export interface NumberGap {
  readonly before: FrameRef;
  readonly after: FrameRef;
  readonly missing: number;
}

export interface MissingNumbers<Gap extends NumberGap = NumberGap> {
  readonly lost: number;
  readonly expected: number;
  readonly gapCount: number;
  /** In order; those kept one by one. */
  readonly gaps: readonly Gap[];
  /** Missing where the capture may not have run: they are in none of the other numbers. */
  readonly unwatched?: number;
}

/** Without the gaps in which the capture may not have run. */
export function watchedNumbers<Gap extends NumberGap>(
  quality: CaptureQuality,
  numbers: MissingNumbers<Gap>,
): MissingNumbers<Gap> {
  const gaps = numbers.gaps.filter(({ before, after }) => isWatched(quality, before, after));
  const unwatched = numbers.gaps
    .filter((gap) => !gaps.includes(gap))
    .reduce((sum, { missing }) => sum + missing, 0);
  return {
    lost: numbers.lost - unwatched,
    expected: numbers.expected - unwatched,
    gapCount: numbers.gapCount - (numbers.gaps.length - gaps.length),
    gaps,
    unwatched,
  };
}

/** What makes missing numbers a finding: shares in percent, or so many in a row over so long. */
export interface LossLimits {
  readonly warningPercent: number;
  readonly errorPercent: number;
  readonly lost: number;
  readonly burstPackets: number;
  readonly burstSeconds: number;
}

/** Null where too few are missing; `parts` are judged by their own share too (one SA of several). */
export function severityOfLoss(
  whole: MissingNumbers,
  limits: LossLimits,
  parts: readonly MissingNumbers[] = [],
): Severity | null {
  if (whole.lost < limits.lost) return null;
  const lossy = [whole, ...parts].filter(({ lost }) => lost >= limits.lost);
  const percent = Math.max(...lossy.map(({ lost, expected }) => (100 * lost) / expected));
  if (percent > limits.errorPercent) return 'error';
  return percent > limits.warningPercent || whole.gaps.some((gap) => isBurst(gap, limits)) ? 'warning' : null;
}

function isBurst({ before, after, missing }: NumberGap, { burstPackets, burstSeconds }: LossLimits): boolean {
  return missing >= burstPackets && after.timeNs - before.timeNs >= burstSeconds * NS_PER_SECOND;
}

/** One direction whose packets are numbered. */
export interface NumberedDirection {
  readonly subject: Subject;
  readonly from: string;
  readonly to: string;
  readonly tally: MissingNumbers;
  readonly severity: Severity | null;
  readonly isCapturedAtSender: boolean;
  readonly isCapturedAtReceiver: boolean;
  /** Packets and missing numbers of the other direction; null where it is not numbered. */
  readonly other: { readonly packets: number; readonly missing: number } | null;
  /** Where no gap was kept. */
  readonly span: { readonly first: FrameRef; readonly last: FrameRef };
  readonly last: FrameRef | null;
  /** `ESP packets`, `sequence numbers`, and why else a number may be missing where it was sent. */
  readonly words: { readonly packets: string; readonly numbers: string; readonly atSender?: string };
}

/** Judges a direction by its missing numbers; `more` holds what only the protocol can add to a problem. */
export function judgeSequenceLoss(
  quality: CaptureQuality,
  direction: NumberedDirection,
  more: () => Pick<Problem, 'pair' | 'evidence' | 'displayFilter' | 'packetClass'> & Partial<Problem>,
): Judgement {
  const { subject, from, to, tally, severity, words, span, last } = direction;
  const { lost, expected, gapCount, gaps } = tally;
  if (severity === null && (tally.unwatched ?? 0) >= UNWATCHED_MIN) {
    const reason = unwatchedLossReason(`${tally.unwatched} ${words.numbers} of ${from}`, to);
    return { result: 'insufficient-data', subject, reason };
  }
  if (severity === null) return { result: 'healthy', subject };
  if (direction.isCapturedAtSender) {
    return {
      result: 'insufficient-data',
      subject,
      reason:
        `${lost} ${words.numbers} of ${from} are missing where they were sent, so the capture missed them${words.atSender ?? ''}; ` +
        'capture at the receiver, to a file, with a larger buffer (-B 4096).',
    };
  }
  const drops = dropLimit(quality);
  const end = gaps[gaps.length - 1]?.after ?? span.last;
  const largest = gaps.reduce((most, { missing }) => Math.max(most, missing), 0);
  const own = more();
  return {
    result: 'problem',
    subject,
    severity: (drops && drops.share > DROP_SHARE_SEVERE) || mayBeOwnDrops(quality, lost) ? 'info' : severity,
    confidence: confidenceOf(quality, direction),
    explanation:
      `${lost} of ${expected} ${words.packets} from ${from} to ${to} (${((100 * lost) / expected).toFixed(1)} %) are missing at the capture ` +
      `point, by their ${words.numbers}, in ${plural(gapCount, 'gap')} of at most ${largest}.`,
    direction: { from, to },
    where: 'path',
    first: gaps[0]?.before ?? span.first,
    last: end,
    lastGood: gaps[0]?.before ?? null,
    ongoingAtEnd:
      last !== null &&
      last.segment === end.segment &&
      last.timeNs - end.timeNs <= OVER_SECONDS * NS_PER_SECOND,
    ...(drops ? { limitedBy: [drops.id] } : {}),
    ...own,
    counts: { lost, expected, gaps: gapCount, largestGap: largest, ...own.counts },
  };
}

/** A capture that misses packets misses them in both directions: a direction without gaps speaks for it. */
function confidenceOf(
  quality: CaptureQuality,
  { tally: { lost, expected }, isCapturedAtReceiver, other }: NumberedDirection,
): Confidence {
  if (dropLimit(quality)) return 'low';
  if (isCapturedAtReceiver) return 'high';
  const isWitness =
    other !== null &&
    other.packets >= WITNESS_PACKETS &&
    other.missing / other.packets < lost / expected / 10;
  return isWitness ? 'high' : 'medium';
}
