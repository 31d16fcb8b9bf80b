import type { CaptureQuality } from '../correlate/capture-quality.js';
import { dropLimit, tooLittleAfter } from '../correlate/gates.js';
import type { KeepaliveStream, Pause } from '../correlate/periodic/session.js';
import { type Citation, type FrameRef, isNonEmpty, type Moment, type NonEmpty } from '../moment.js';
import type { Confidence, Subject } from '../report/report.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { durationText } from '../wording/durations.js';
import { insufficientData, type Judgement, type Problem } from './diagnosis.js';

/*
 * Messages that come at a period and then do not come: keepalives, pings, hellos of whatever protocol. What a protocol
 * takes for one, and after how many the other side gives up, it says itself.
 */

/** A stretch between two messages in which others were due. */
export interface Silence {
  readonly before: FrameRef;
  /** Null where nothing came any more. */
  readonly after: FrameRef | null;
  readonly missed: number;
  /** To the next message, or as far as it was watched. */
  readonly lengthNs: Nanoseconds;
}

/** How a finding about silences names their edges, and how many it cites. */
export interface SilenceWords<One extends Silence> {
  readonly before: (silence: One) => string;
  readonly after: string;
  /** Of more than these the first ones are cited, and the last one unless `firstAlone`. */
  readonly cited: number;
  readonly firstAlone?: true;
}

/** What several silences of one sender are together, in their order. */
export interface Silences<One extends Silence> {
  readonly longest: One;
  readonly last: One;
  readonly missed: number;
  /** From the first message that is missing to the first one that came again; `lastGood`: the last one before. */
  readonly span: Pick<Problem, 'first' | 'last' | 'lastGood'>;
  readonly evidence: readonly Citation[];
}

export function sumSilences<One extends Silence>(
  silences: NonEmpty<One>,
  periodNs: Nanoseconds,
  words: SilenceWords<One>,
): Silences<One> {
  const [first] = silences;
  const last = silences[silences.length - 1];
  return {
    longest: silences.reduce<One>((a, b) => (b.lengthNs > a.lengthNs ? b : a), first),
    last,
    missed: silences.reduce((sum, { missed }) => sum + missed, 0),
    span: {
      first: dueAfter(first.before, periodNs),
      last: last.after ?? { segment: last.before.segment, timeNs: last.before.timeNs + last.lengthNs },
      lastGood: first.before,
    },
    evidence: citedOf(silences, words).flatMap((one) => [
      { ...one.before, summary: words.before(one) },
      ...(one.after ? [{ ...one.after, summary: words.after }] : []),
    ]),
  };
}

function citedOf<One extends Silence>(
  silences: readonly One[],
  { cited, firstAlone }: SilenceWords<One>,
): readonly One[] {
  if (silences.length <= cited || firstAlone) return silences.slice(0, cited);
  return [...silences.slice(0, cited - 1), silences[silences.length - 1]];
}

/** When the message after `last` was due: the onset of its absence. */
export function dueAfter(last: Moment, periodNs: Nanoseconds): Moment {
  return { segment: last.segment, timeNs: Math.round(last.timeNs + periodNs) };
}

/** A silence of the whole capture counts from that many periods on. */
const SILENCE_PERIODS_MIN = 1.5;

/** How many of the messages due after `lastNs` fell into a time in which the capture saw frames of some kind. */
export function dueWhileCapturing(
  { silences }: Pick<CaptureQuality, 'silences'>,
  last: Moment,
  periodNs: Nanoseconds,
  missed: number,
): number {
  let due = missed;
  for (const { segment, fromNs, toNs } of silences) {
    if (segment !== last.segment || toNs - fromNs < SILENCE_PERIODS_MIN * periodNs) continue;
    const firstAsleep = Math.max(1, Math.ceil((fromNs - last.timeNs) / periodNs));
    const lastAsleep = Math.min(missed, Math.floor((toNs - last.timeNs) / periodNs));
    if (lastAsleep >= firstAsleep) due -= lastAsleep - firstAsleep + 1;
  }
  return due;
}

/** The capture slept as long as the sender, or with it. `end`: where another capture would tell. */
export function asleepReason(length: string, end: string): string {
  return `In a pause of ${length} the capture holds no frame at all: whether the keepalives or the capture paused, only a capture at the other ${end} shows.`;
}

/** As `asleepReason`, where the messages do not come again. */
export function asleepWhileDue(end: string): string {
  return `The capture holds no frame at all while the keepalives were due; capture at the other ${end}.`;
}

/** Other packets in a pause, in multiples of what regular intervals see, from which they may stand in for the keepalive. */
const UNUSUAL_TRAFFIC = 2;
/** Keepalives that came regardless of other traffic, so that other traffic is no excuse for their absence. */
const INDEPENDENCE_MIN = 3;

/**
 * Other traffic may replace the keepalives of an idle timer (they are sent only where nothing else is). It does not
 * where keepalives came in the midst of such traffic before, nor where there was as much of it all the time.
 */
export function isStoodIn(stream: KeepaliveStream, own: number, reverse: number, periods: number): boolean {
  const usual = UNUSUAL_TRAFFIC * (periods + 1);
  return (
    (own > usual * stream.ownShare && stream.ownIndependence < INDEPENDENCE_MIN) ||
    (reverse > usual * stream.reverseShare && stream.reverseIndependence < INDEPENDENCE_MIN)
  );
}

/** Whether keepalives of one side come on time although the other has just sent something. */
export function isIndependent({ reverseIndependence }: KeepaliveStream): boolean {
  return reverseIndependence >= INDEPENDENCE_MIN;
}

/** A pause of a learned stream that came to an end. */
export interface StreamPause extends Pause, Silence {
  readonly after: FrameRef;
}

/** What a protocol takes for a gap in a learned stream. */
export interface GapRule {
  readonly subject: Subject;
  readonly missedMin: number;
  /** Regular intervals after a pause: the stream has resumed, and not just changed its period. */
  readonly resumedMin: number;
  /** Where another capture would tell what this one does not: `host`, `end`. */
  readonly otherEnd: string;
}

/** Judges the pauses of a learned stream after which it resumed; those that the capture or other traffic explains are none. */
export function judgeGaps(
  quality: CaptureQuality,
  stream: KeepaliveStream,
  { subject, missedMin, resumedMin, otherEnd }: GapRule,
  problem: (gaps: NonEmpty<StreamPause>) => Judgement | null,
): Judgement | null {
  const gaps: StreamPause[] = [];
  const hidden: StreamPause[] = [];
  for (const pause of stream.pauses) {
    if (pause.missed < missedMin || isStoodIn(stream, pause.own, pause.reverse, pause.missed)) continue;
    const silence = { ...pause, lengthNs: pause.after.timeNs - pause.before.timeNs };
    const due = dueWhileCapturing(quality, pause.before, stream.periodNs, pause.missed);
    (due >= missedMin ? gaps : hidden).push(silence);
  }
  const resumed = gaps.filter(({ regularAfter }) => regularAfter >= resumedMin);
  if (isNonEmpty(resumed)) return problem(resumed);
  const [asleep] = hidden;
  if (asleep) return insufficientData(subject, asleepReason(durationText(asleep.lengthNs), otherEnd));
  const late = gaps.at(-1);
  const needed = ((resumedMin + 1) * stream.periodNs) / NS_PER_SECOND;
  const shortage = late && tooLittleAfter(quality, late.after, needed);
  return shortage ? insufficientData(subject, shortage) : { result: 'healthy', subject };
}

/** `Once 3 in a row are missing, for 4.00 s`, with what is said of a single one; `In 2 gaps 7 are missing, 4 in the longest one of 5.00 s`. */
export function gapsText(
  gaps: readonly Silence[],
  { missed, longest }: Pick<Silences<Silence>, 'missed' | 'longest'>,
  ofOne = '',
): string {
  const length = durationText(longest.lengthNs);
  return gaps.length === 1
    ? `Once ${missed} in a row are missing, for ${length}${ofOne}`
    : `In ${gaps.length} gaps ${missed} are missing, ${longest.missed} in the longest one of ${length}`;
}

/** What packets that the capture itself lost leave of the confidence. */
export function confidenceUnderDrops(
  quality: CaptureQuality,
  confidence: Confidence,
): { readonly confidence: Confidence; readonly limitedBy?: readonly string[] } {
  const drops = dropLimit(quality);
  return drops ? { confidence: 'low', limitedBy: [drops.id] } : { confidence };
}
