import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { mayBeOwnDrops } from '../../../src/correlate/gates.js';
import {
  BLOCK_INTERVALS,
  LENGTH_SPREAD_MAX,
  MEDIAN_TOLERANCE,
  PERIODS_MIN,
} from '../../../src/correlate/periodic/cadence.js';
import type { KeepaliveStream, Pause } from '../../../src/correlate/periodic/session.js';
import { judgePausesAtBothEnds } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import {
  confidenceUnderDrops,
  gapsText,
  judgeGaps,
  type SilenceWords,
  type StreamPause,
  sumSilences,
} from '../../../src/diagnose/silences.js';
import type { NonEmpty } from '../../../src/moment.js';
import type { Nanoseconds } from '../../../src/units.js';
import { lengthText } from '../../../src/wording/counts.js';
import { udpFlowFilter } from '../../../src/wording/display-filters.js';
import { durationText } from '../../../src/wording/durations.js';
import {
  directionText,
  isPollLike,
  type Keepalive,
  keepalivesOf,
  PERIODS_MIN_BOTH_WAYS,
  pairTraffic,
  streamSubject,
} from '../streams.js';

const MISSED_MIN = 2;
/** Regular intervals after a pause: the stream has resumed, and not just changed its period. */
const RESUMED_MIN = 3;
/** How near to a whole number of periods a pause must be for the sender's timer to have run on. */
const IN_STEP_TOLERANCE = 0.05;
/** Over more periods than this the drift of two clocks decides, not the timer. */
const IN_STEP_PERIODS_MAX = 50;
/** Pauses of both directions together that may still be trouble; more of them are a habit. */
const SHARED_MAX = 2;
const GAP_WORDS: SilenceWords<StreamPause> = {
  before: ({ missed }) => `last keepalive before ${missed} missing ones`,
  after: 'first keepalive after the gap',
  cited: 3,
};

export default defineDiagnosis({
  id: 'keepalive.gap',
  lines: 'suffice',
  title: 'Gap in a periodic keepalive',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A keepalive stream (unicast UDP on a port of no known protocol, datagrams of one length at a constant period, ' +
    'learned from at least 20 periods, or from 5 where the other direction has the same period) misses at least 2 in ' +
    'a row and then resumes at its period. Information where both directions pause together and one of them may ' +
    'only be the answer to the other: a poller may pause. Captures of ' +
    'both ends tell packets that were lost from a sender that sent none.',
  notWhen:
    'The whole capture is silent meanwhile (the capturing host slept); the datagrams come bunched afterwards (they ' +
    'were late, not lost); other traffic stands in for a keepalive that only an idle timer sends; the receiver ' +
    'never sends anything, so that nobody can be said to keep a session alive; both directions pause together more ' +
    'than twice, as a habit.',
  causes: [
    'Packets were lost on the way (a tunnel that changes its keys, a route change, an overloaded link or queue)',
    'The sending process or its host stood still (CPU starvation, virtual machine paused, live migration)',
    'A firewall or NAT dropped the direction for a while (state expired, rules reloaded)',
  ],
  nextSteps: [
    'Capture on both hosts at once, tcpdump -n -s 0 -w SIDE.pcap host PEER: were the missing keepalives sent?',
    'On the sender look at the time of the gap: process log, dmesg, steal time (vmstat 1), suspended virtual machine',
    'On the way look for a rekey, a route change or a reload of firewall rules at that time',
  ],
  ruledOut: {
    'lost-on-path': ['The sending process'],
  },
  refutedBy: 'The missing keepalives in a capture taken at the receiver, at the same time',
  source: 'SCIONLab guide (one packet per second and direction); RFC 6335, section 6 (system ports)',
  thresholds: {
    missed: [MISSED_MIN, 'keepalives', 'a single lost datagram is ordinary on any network'],
    periods: [PERIODS_MIN, 'periods', 'fewer may look periodic by chance'],
    periodsBothWays: [
      PERIODS_MIN_BOTH_WAYS,
      'periods',
      'two directions of one flow with the same period are no chance',
    ],
    resumed: [RESUMED_MIN, 'periods', 'after fewer the sender may have changed its period'],
    lengthSpread: [LENGTH_SPREAD_MAX, 'bytes', 'a packed identifier varies by a few bytes'],
    medianTolerance: [
      MEDIAN_TOLERANCE * 100,
      '%',
      `medians of ${BLOCK_INTERVALS} intervals of a timer stay that near to each other; those of polls do not`,
    ],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'unreachable'],
  consequenceOfIds: ['keepalive.one-way', 'keepalive.stopped'],
  judgePair: (pair) => judgePausesAtBothEnds(pair, 'keepalive.gap', 'keepalive', 'plain UDP'),

  diagnose: (evidence) =>
    judgeEach(keepalivesOf(evidence), (keepalive) => judge(keepalive, evidence.quality)),
});

function judge(keepalive: Keepalive, quality: CaptureQuality): Judgement | null {
  const { direction, stream } = keepalive;
  const subject = streamSubject(quality, keepalive);
  const rule = { subject, missedMin: MISSED_MIN, resumedMin: RESUMED_MIN, otherEnd: 'host' };
  return judgeGaps(quality, stream, rule, (gaps) => {
    const insufficient = (reason: string): Judgement => insufficientData(subject, reason);
    // One finding for gaps of both directions at the same time: that of the direction that fell silent first.
    if (gaps.every((one) => isEchoed(one, keepalive.reverseStream))) return null;
    if ((pairTraffic(quality, keepalive)?.fromB.packets ?? 0) === 0) {
      return insufficient(
        `${direction.to} sends nothing, so it cannot be said whether anybody misses the keepalives; capture at that host.`,
      );
    }
    if (gaps.length > SHARED_MAX && gaps.every((one) => isShared(one, stream))) {
      return insufficient(
        `Both directions pause together, ${gaps.length} times: the two hosts may talk in bursts on purpose; capture at both hosts.`,
      );
    }
    return problemOf(keepalive, gaps, quality);
  });
}

/** The other direction paused too: it sent less than half of what it usually does in that time. */
function isShared({ reverse, missed }: Pause, { reverseShare }: KeepaliveStream): boolean {
  return reverse === 0 || reverse < (reverseShare * (missed + 1)) / 2;
}

/** The other direction has been silent for longer, and still is. */
function isEchoed({ before }: Pause, reverse: KeepaliveStream | null): boolean {
  return (reverse?.pauses ?? []).some(
    (other) =>
      other.missed >= MISSED_MIN &&
      other.regularAfter >= RESUMED_MIN &&
      other.after.timeNs > before.timeNs &&
      other.before.timeNs < before.timeNs,
  );
}

function problemOf(keepalive: Keepalive, gaps: NonEmpty<StreamPause>, quality: CaptureQuality): Judgement {
  const { direction, stream, reverse } = keepalive;
  const { from, to } = direction;
  const sum = sumSilences(gaps, stream.periodNs, GAP_WORDS);
  const isInStep = gaps.every(({ lengthNs }) => keptStep(lengthNs, stream.periodNs));
  const reverseWentOn = !gaps.some((one) => isShared(one, stream));
  const isPause = gaps.every((one) => isShared(one, stream)) && isPollLike(keepalive);
  return {
    result: 'problem',
    subject: streamSubject(quality, keepalive),
    severity: isPause || mayBeOwnDrops(quality, sum.missed) ? 'info' : 'warning',
    ...confidenceUnderDrops(quality, reverseWentOn ? 'medium' : 'low'),
    explanation: explain(keepalive, gapsText(gaps, sum, ', then they resume'), isInStep, reverseWentOn),
    pair: [from, to],
    direction: { from, to },
    where: isInStep && reverseWentOn ? 'path' : 'unknown',
    ...sum.span,
    ongoingAtEnd: false,
    counts: {
      gaps: gaps.length + stream.morePauses,
      missed: sum.missed,
      longestMissed: sum.longest.missed,
      received: stream.packets,
      periodMilliseconds: Math.round(stream.periodNs / 1e6),
      reverseMeanwhile: gaps.reduce((all, one) => all + one.reverse, 0),
      reversePackets: reverse.packets,
    },
    evidence: sum.evidence,
    displayFilter: udpFlowFilter(direction),
    packetClass: 'keepalive',
  };
}

function explain(
  { direction, stream }: Keepalive,
  gaps: string,
  isInStep: boolean,
  reverseWentOn: boolean,
): string {
  const what =
    `${directionText(direction)} carries a keepalive of ${lengthText(stream)} every ${durationText(stream.periodNs)}. ` +
    gaps;
  const other = reverseWentOn
    ? ' while the other direction went on'
    : stream.reverseShare === 0
      ? ' (on these ports nothing is sent the other way)'
      : ', and the other direction is silent in the meantime too';
  const step = isInStep
    ? ' They resume in step with the old cadence: the sender kept its timer running.'
    : '';
  return `${what}${other}.${step}`;
}

function keptStep(pause: Nanoseconds, periodNs: Nanoseconds): boolean {
  const periods = pause / periodNs;
  return periods <= IN_STEP_PERIODS_MAX && Math.abs(periods - Math.round(periods)) <= IN_STEP_TOLERANCE;
}
