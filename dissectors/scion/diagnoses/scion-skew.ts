import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  type Problem,
  thresholdOf,
} from '../../../src/diagnose/diagnosis.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { scionLinks } from '../correlator.js';
import { directionSubject, directionText, endsOf, linkFilter } from '../links.js';
import type { ClockStamps, ScionLink } from '../session.js';

const ID = 'time.scion-skew';
const SKEW_SECONDS = 5;
const PACKETS_MIN = 3;
/** Whole seconds in the packet, the delay of the path, and the time in a queue. */
const SPREAD_SECONDS_MAX = 3;
const HOUR_SECONDS = 3600;

export default defineDiagnosis({
  id: ID,
  title: 'Clock of a SCION router is wrong',
  severity: 'warning',
  subject: 'host',
  layer: 'overlay-control',
  priority: 3,
  rule:
    'At least 3 packets whose path of one hop carries the time at which it was made (BFD of border routers, keepalives since April 2018) differ from the time ' +
    'of the capture by more than 5 s, all by the same. Information where both directions of the link differ alike: then it is the clock of the host that captured.',
  notWhen:
    'The capture has no date, or the time in the packets stands still or wanders by more than 3 s: then it is not that of the packets.',
  causes: [
    'No time service (ntpd, chronyd, timesyncd) runs on the host, or it reaches no server',
    'A virtual machine was suspended or restored from a snapshot, and its clock was not set afterwards',
    'The clock was set by hand, an hour or more off: a wrong time zone',
  ],
  nextSteps: [
    'On that host: date -u; timedatectl; ntpq -pn or chronyc sources -v',
    'Set the clock and start a time service, then restart the SCION services, which keep times of their own',
    'Compare with a capture taken on another host: if both directions are off there, the clock of the first capture was wrong',
  ],
  refutedBy: 'The clock of the host that captured was wrong by that much.',
  source: 'SCION header specification, one-hop paths; SCIONLab guide; scionproto border router (BFD sender)',
  thresholds: {
    skew: [
      SKEW_SECONDS,
      's',
      'routers accept paths of up to 10 s in the future; half of that is no accident',
      'adjustable',
    ],
    packets: [PACKETS_MIN, 'packets', 'one packet may have waited in a queue'],
    spread: [SPREAD_SECONDS_MAX, 's', 'the packets carry whole seconds, and travel for less than one'],
  },
  fault: 'application',
  consequenceOfIds: ['time.ntp-unsynchronised', 'time.ntp-no-response'],
  technology: 'scion',
  *diagnose(evidence) {
    for (const link of evidence.sessions(scionLinks)) yield* judgeLink(evidence, link);
  },
});

function* judgeLink(evidence: Evidence, link: ScionLink): Generator<Judgement> {
  const limit = thresholdOf(evidence, ID, 'skew', SKEW_SECONDS);
  const skews = link.directions.map(({ stamps }) => skewOf(evidence.quality, link, stamps));
  for (const [index, { stamps }] of link.directions.entries()) {
    if (stamps === null || stamps.count < PACKETS_MIN) continue;
    const subject = directionSubject(evidence.quality, link, index);
    const skew = skews[index];
    if (skew === null) {
      yield { result: 'insufficient-data', subject, reason: unreadable(evidence.quality, link, stamps) };
    } else if (Math.abs(skew) <= limit) yield { result: 'healthy', subject };
    else {
      const other = skews[1 - index];
      const isOfCapture = other !== null && Math.abs(other - skew) <= limit;
      yield problemOf(evidence.quality, link, index, stamps, skew, isOfCapture);
    }
  }
}

/** Seconds by which the sender is behind the clock of the capture; null where the packets do not tell. */
function skewOf(quality: CaptureQuality, { segment }: ScionLink, stamps: ClockStamps | null): number | null {
  const clock = quality.segments[segment];
  if (stamps === null || stamps.count < PACKETS_MIN || !clock || clock.clock === 'relative') return null;
  const { isMoving, leastLagSeconds, mostLagSeconds } = stamps;
  if (!isMoving || mostLagSeconds - leastLagSeconds > SPREAD_SECONDS_MAX) return null;
  return Number(clock.baseNs) / NS_PER_SECOND + leastLagSeconds;
}

function unreadable(quality: CaptureQuality, { segment }: ScionLink, { isMoving }: ClockStamps): string {
  if (quality.segments[segment]?.clock === 'relative')
    return 'The capture has no date to compare the clock of the router with.';
  return isMoving
    ? 'The time in the packets goes at another pace than that of the capture, and is not that of the packets.'
    : 'All packets carry the same time; capture for at least 3 s.';
}

function problemOf(
  quality: CaptureQuality,
  link: ScionLink,
  index: number,
  { count, first, last }: ClockStamps,
  skew: number,
  isOfCapture: boolean,
): Problem {
  const { from } = endsOf(link, index);
  const words = `${skewWords(Math.abs(skew))} ${skew > 0 ? 'behind' : 'ahead of'}`;
  return {
    result: 'problem',
    subject: directionSubject(quality, link, index),
    ...(isOfCapture
      ? { severity: 'info' as const, title: 'Clock of the capture differs from SCION routers' }
      : {}),
    confidence: isOfCapture ? 'low' : 'medium',
    explanation: isOfCapture
      ? `Both routers of the link say in their packets that the clock of the capture is wrong by ${skewWords(Math.abs(skew))}: it is ${skew > 0 ? 'ahead of' : 'behind'} theirs.`
      : `${directionText(link, index)}: ${count} packets carry the time at which ${from} made them, and by that its clock is ${words} the capture.`,
    where: 'sender',
    first,
    last,
    ongoingAtEnd: true,
    counts: { packets: count, skewSeconds: Math.round(skew) },
    evidence: [
      { ...first, summary: `the time in the packet is ${words} that of the capture` },
      { ...last, summary: 'so is that of the last one' },
    ],
    displayFilter: linkFilter(link),
  };
}

/** `7500 s (2.1 h)`. */
function skewWords(seconds: number): string {
  const whole = `${seconds.toFixed(seconds < 100 ? 1 : 0)} s`;
  return seconds < HOUR_SECONDS ? whole : `${whole} (${(seconds / HOUR_SECONDS).toFixed(1)} h)`;
}
