import type { TimeSegment } from '../../../src/capture/capture-source.js';
import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { absoluteNs, NS_PER_MILLISECOND } from '../../../src/units.js';
import { captureSpan, captureSubject, framesFilter } from '../../../src/wording/capture-subject.js';

const STEP_BACK_MS = 100;
const STEPS_CITED_MAX = 4;

interface Step {
  readonly before: Citation | null;
  readonly after: Citation | null;
  readonly ns: bigint;
  /** True where the clock counted from an unknown start before: it was set. */
  readonly setsClock: boolean;
}

export default defineDiagnosis({
  id: 'capture.time-anomaly',
  title: 'Timestamps jump or are relative',
  severity: 'warning',
  subject: 'capture',
  layer: 'capture',
  priority: 2,
  rule:
    'Times step back by more than 10 s, or by 100 ms and more in a capture of one interface; or the clock is set in the middle of ' +
    'the capture; or frames have no time, or one more than an hour off both neighbours. Info for smaller steps back (above ' +
    '1 ms), for steps forward of more than a day (which may be a long silence), and for a clock that counts from an unknown start.',
  notWhen:
    'A file or a section of a file begins with an earlier time than the last one ended: these are separate captures. ' +
    'Frames of several interfaces that stand a little out of order.',
  causes: [
    'The clock of the capturing host was set (NTP after boot, by hand), or the virtual machine was suspended',
    'Captures were merged or appended out of order',
    'The writer has no absolute clock (VPP counts from its start) or writes no times (simple packet blocks)',
  ],
  nextSteps: [
    'Look at the clock of the capturing host: timedatectl, chronyc tracking or ntpq -pn; then capture again',
    'For a merged file, merge in order of time (mergecap -w OUT A B), or sort it (reordercap IN OUT)',
  ],
  refutedBy:
    'capinfos -o FILE says that the packets are in order of time, and its first and last time are right.',
  source: 'draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng (timestamps)',
  thresholds: {
    stepBackMs: [
      STEP_BACK_MS,
      'ms',
      'timers of rules are seconds; buffers of several queues shift frames by less',
    ],
  },
  fault: 'capture',
  *diagnose({ quality }): Iterable<Judgement> {
    if (quality.frames === 0) return;
    const subject = captureSubject(quality);
    const { withoutTime, stepsBack } = quality;
    const back = stepsOf(quality, 'step-backward');
    const forward = stepsOf(quality, 'step-forward');
    const relative = quality.segments.filter(({ clock }) => clock === 'relative').length;
    if (back.length + forward.length + withoutTime.count + stepsBack.count + relative === 0) {
      yield { result: 'healthy', subject };
      return;
    }
    const isSingle = quality.interfaces.length === 1;
    const isLoud =
      back.length > 0 ||
      withoutTime.count > 0 ||
      forward.some(({ setsClock }) => setsClock) ||
      (isSingle && stepsBack.largestNs >= STEP_BACK_MS * NS_PER_MILLISECOND);
    const evidence = [
      ...citationsOf(back),
      ...citationsOf(forward),
      ...stepsBack.examples.map((frame) => ({ ...frame, summary: 'earlier than the frame before it' })),
      ...withoutTime.examples.map((frame) => ({ ...frame, summary: 'without a usable time' })),
    ].sort((one, other) => one.frame - other.frame);
    const span = captureSpan(quality);
    yield {
      result: 'problem',
      subject,
      severity: isLoud ? 'warning' : 'info',
      confidence: 'high',
      explanation: sentence(describe(quality, back, forward, relative)),
      first: evidence[0] ?? span.first,
      last: evidence.at(-1) ?? span.last,
      ongoingAtEnd: false,
      counts: {
        stepsBackward: back.length,
        stepsForward: forward.length,
        framesOutOfOrder: stepsBack.count,
        framesWithoutTime: withoutTime.count,
        relativeSegments: relative,
      },
      evidence,
      displayFilter: framesFilter(evidence),
    };
  },
});

/** Steps of the clock inside a file: they open a segment. */
function stepsOf(quality: CaptureQuality, by: TimeSegment['openedBy']): Step[] {
  return quality.segments.flatMap(({ openedBy, baseNs, clock }, index) => {
    const previous = quality.segments[index - 1];
    if (openedBy !== by || !previous) return [];
    const before = quality.window(index - 1)?.last;
    const after = quality.window(index)?.first;
    const endNs = absoluteNs(previous.baseNs, before?.timeNs ?? 0) ?? previous.baseNs;
    return [
      {
        ns: baseNs > endNs ? baseNs - endNs : endNs - baseNs,
        setsClock: previous.clock === 'relative' && clock === 'absolute',
        before: before ? { ...before, summary: 'last frame before the clock steps' } : null,
        after: after ? { ...after, summary: `first frame after the ${by.replace('-', ' ')}` } : null,
      },
    ];
  });
}

function citationsOf(steps: readonly Step[]): Citation[] {
  return steps
    .slice(0, STEPS_CITED_MAX / 2)
    .flatMap(({ before, after }) => [before ?? [], after ?? []].flat());
}

function describe(
  quality: CaptureQuality,
  back: readonly Step[],
  forward: readonly Step[],
  relative: number,
): string {
  const { withoutTime, stepsBack } = quality;
  const parts: string[] = [];
  if (back.length > 0) {
    parts.push(`the clock steps back ${times(back.length)} (first by ${secondsText(back)})`);
  }
  if (forward.length > 0) {
    parts.push(`the clock steps forward ${times(forward.length)} (first by ${secondsText(forward)})`);
  }
  if (stepsBack.count > 0) {
    const largestMs = stepsBack.largestNs / NS_PER_MILLISECOND;
    parts.push(
      `${stepsBack.count} frames are earlier than the one before, by up to ${largestMs.toFixed(1)} ms`,
    );
  }
  if (withoutTime.count > 0) parts.push(`${frames(withoutTime.count)} without a usable time`);
  if (relative > 0) parts.push('times count from an unknown start, so no dates are given');
  if (back.length + forward.length > 0) parts.push('no timer of a check runs across a step');
  return parts.join('; ');
}

function frames(count: number): string {
  return count === 1 ? '1 frame is' : `${count} frames are`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function secondsText([first]: readonly Step[]): string {
  const seconds = Number((first?.ns ?? 0n) / 1_000_000n) / 1000;
  return seconds > 172_800 ? `${Math.round(seconds / 86_400)} days` : `${seconds.toFixed(1)} s`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
