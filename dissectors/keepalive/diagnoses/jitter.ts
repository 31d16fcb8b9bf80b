import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import {
  BLOCK_INTERVALS,
  isSamePeriod,
  isSteady,
  PERIODS_MIN,
} from '../../../src/correlate/periodic/cadence.js';
import type {
  Jitter,
  KeepaliveLink,
  KeepaliveStream,
  LinkDirection,
} from '../../../src/correlate/periodic/session.js';
import { defineDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { confidenceUnderDrops } from '../../../src/diagnose/silences.js';
import type { FrameRef } from '../../../src/moment.js';
import { lengthText } from '../../../src/wording/counts.js';
import { udpFlowFilter } from '../../../src/wording/display-filters.js';
import { durationText } from '../../../src/wording/durations.js';
import { keepaliveLinks } from '../correlator.js';
import { directionText, isJudged, type Keepalive, streamSubject } from '../streams.js';

/** Jittery blocks one after the other. */
const RUN_BLOCKS_MIN = 2;
/** Calm blocks before them that show that the stream can do better. */
const CALM_BLOCKS_MIN = 2;

export default defineDiagnosis({
  id: 'keepalive.jitter',
  title: 'Keepalives come unevenly',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'In at least 2 blocks of 10 intervals one after the other, at least 2 intervals each are shorter than 75 % of the ' +
    'period (and by 50 ms): keepalives come late and the next one on time. It counts only where the stream was even ' +
    'before for at least 2 blocks, or where the other direction has the same period and is even.',
  notWhen:
    'The stream is uneven from the start and nothing shows that it should be even (timers with intended jitter, ' +
    'polls); keepalives are only lost, not late; both directions are uneven at once, as on a busy capturing host.',
  causes: [
    'A queue on the way fills and empties (congestion, a rate limit, bufferbloat)',
    'The sending host has too little processor time: its timers run late',
    'A radio link or a power-saving interface holds packets back',
  ],
  nextSteps: [
    'Ping the peer for a minute during the trouble: mtr -n PEER; does the delay vary with the keepalives?',
    'On the sender: vmstat 1 (steal and run queue), and the load of the process at that time',
    'Capture on both hosts at once: does the capture of the sender show the same jitter?',
  ],
  refutedBy: 'Even intervals in a capture taken at the receiver at the same time',
  source: 'SCIONLab guide (intervals of 0.93 to 1.07 s in its example)',
  thresholds: {
    runBlocks: [RUN_BLOCKS_MIN, 'blocks', 'a single block may hold one short disturbance'],
    calmBlocks: [CALM_BLOCKS_MIN, 'blocks', 'twenty even intervals are no chance'],
    blockIntervals: [BLOCK_INTERVALS, 'intervals', 'the size of a block of the learner'],
    shortInterval: [
      75,
      '%',
      'timers of an idle host are exact to a few percent, and timeouts are three periods',
    ],
  },
  fault: 'remark',
  consequenceOfIds: ['keepalive.one-way', 'keepalive.stopped'],

  *diagnose(evidence) {
    for (const link of evidence.sessions(keepaliveLinks)) {
      const [up, down] = link.directions;
      if (!isJudged(up)) continue;
      for (const [direction, reverse] of [
        [up, down],
        [down, up],
      ] as const) {
        const judgement = judge(link, direction, reverse, evidence.quality);
        if (judgement) yield judgement;
      }
    }
  },
});

function judge(
  link: KeepaliveLink,
  direction: LinkDirection,
  reverse: LinkDirection,
  quality: CaptureQuality,
): Judgement | null {
  const { stream } = direction;
  if (stream === null || stream.intervals < PERIODS_MIN) return null;
  const periodNs = expectedPeriod(stream, reverse.stream);
  if (Number.isNaN(periodNs)) return null;
  const keepalive: Keepalive = { link, direction, stream, reverse, reverseStream: null };
  const subject = streamSubject(quality, keepalive);
  const { jitter } = stream;
  if (jitter.longestRun < RUN_BLOCKS_MIN || jitter.first === null || jitter.last === null) {
    return isSteady(stream) ? { result: 'healthy', subject } : null;
  }
  if (isUnevenToo(reverse.stream, jitter)) {
    const reason =
      'Both directions are uneven at the same time, as on a capturing host that is busy; capture at the other host.';
    return insufficientData(subject, reason);
  }
  return problemOf(keepalive, periodNs, jitter.first, jitter.last, quality);
}

/** The period to measure by: the stream's own from when it was even, else that of an even stream opposite. NaN without one. */
function expectedPeriod(stream: KeepaliveStream, reverse: KeepaliveStream | null): number {
  if (
    isSteady(stream) ||
    (stream.jitter.calmBefore >= CALM_BLOCKS_MIN && stream.steadyBlocks >= CALM_BLOCKS_MIN)
  ) {
    return stream.periodNs;
  }
  if (reverse === null || !isSteady(reverse) || reverse.jitter.jitteryBlocks > 0) return Number.NaN;
  return isSamePeriod(stream.meanIntervalNs, reverse.periodNs) ? reverse.periodNs : Number.NaN;
}

function isUnevenToo(reverse: KeepaliveStream | null, own: Jitter): boolean {
  if (reverse === null) return false;
  const { first, last, longestRun } = reverse.jitter;
  if (longestRun < RUN_BLOCKS_MIN || !first || !last || !own.first || !own.last) return false;
  return first.timeNs <= own.last.timeNs && own.first.timeNs <= last.timeNs;
}

function problemOf(
  keepalive: Keepalive,
  periodNs: number,
  first: FrameRef,
  last: FrameRef,
  quality: CaptureQuality,
): Judgement {
  const { direction, stream } = keepalive;
  const { jitter } = stream;
  return {
    result: 'problem',
    subject: streamSubject(quality, keepalive),
    ...confidenceUnderDrops(quality, 'medium'),
    explanation:
      `${directionText(direction)} carries a keepalive of ${lengthText(stream)} every ${durationText(periodNs)}. For ` +
      `${durationText(last.timeNs - first.timeNs)} the intervals vary between ${durationText(jitter.shortestNs)} and ` +
      `${durationText(jitter.longestNs)}: keepalives come late.`,
    pair: [direction.from, direction.to],
    direction: { from: direction.from, to: direction.to },
    first,
    last,
    lastGood: first,
    ongoingAtEnd: stream.last.timeNs - last.timeNs < BLOCK_INTERVALS * periodNs,
    counts: {
      unevenBlocks: jitter.jitteryBlocks,
      evenBlocks: jitter.calmBlocks,
      shortIntervals: jitter.shortIntervals,
      shortestMilliseconds: Math.round(jitter.shortestNs / 1e6),
      longestMilliseconds: Math.round(jitter.longestNs / 1e6),
      periodMilliseconds: Math.round(periodNs / 1e6),
    },
    evidence: [
      { ...first, summary: 'last keepalive before the intervals became uneven' },
      { ...last, summary: 'end of the uneven intervals' },
    ],
    displayFilter: udpFlowFilter(direction),
    packetClass: 'keepalive',
  };
}
