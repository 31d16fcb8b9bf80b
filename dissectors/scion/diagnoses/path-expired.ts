import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { confidenceUnderDrops } from '../../../src/diagnose/silences.js';
import { isNonEmpty, type NonEmpty, spanOf } from '../../../src/moment.js';
import { secondsText } from '../../../src/wording/durations.js';
import { scionLinks } from '../correlator.js';
import { absoluteSeconds, directionSubject, directionText, endsOf, linkFilter } from '../links.js';
import { meaningOf } from '../scmp-codes.js';
import { scmpProblem } from '../scmp-findings.js';
import type { PathUse, ScionLink } from '../session.js';

const PACKETS_MIN = 3;
/** Routers allow for clocks that differ that much. */
const TOLERANCE_SECONDS = 10;
/** Hop fields live for at most a day: a path that is older was not made for this traffic, or the clock is wrong. */
const LATE_SECONDS_MAX = 86_400;

export default defineDiagnosis({
  id: 'scion.path-expired',
  title: 'Expired SCION path in use',
  severity: 'warning',
  subject: 'session',
  layer: 'overlay-control',
  priority: 2,
  rule:
    'A router reports an expired hop field (SCMP 4/52; in 2018 path error 2). Or: at least 3 packets go out on a path of which a hop ' +
    'field has expired by more than 10 s: a warning where the other direction answered before and no longer does, else information.',
  notWhen:
    'Packets on the path are still answered (then the clock of the capturing host is wrong, not the path); the path expired more ' +
    'than a day ago; the capture has no date.',
  causes: [
    'The clock of the sender, or of a router on the path, is wrong',
    'The application keeps a path and does not refresh it',
    'No new beacons arrive, so that no fresh paths exist',
  ],
  nextSteps: [
    'ntpq -pn (or chronyc sources) on the sender and on the border router',
    'scion showpaths DESTINATION --refresh: when do the paths expire?',
    'Do beacons still arrive (scion.pcb-silence)?',
  ],
  refutedBy: 'Answers to packets on the same path',
  source: 'SCION header specification, "Hop Field" (ExpTime); SCMP specification, parameter problem 52',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'a single one may have been on its way when the path expired'],
    tolerance: [TOLERANCE_SECONDS, 's', 'clocks of routers may differ by that much'],
  },
  fault: 'session-down',
  consequenceOfIds: ['scion.pcb-silence'],
  technology: 'scion',

  *diagnose({ sessions, quality }) {
    for (const link of sessions(scionLinks)) {
      const reported = link.errors.filter((error) => meaningOf(error) === 'path-expired');
      for (const error of reported) yield scmpProblem(quality, link, error, 'warning');
      if (reported.length > 0) continue;
      for (const index of [0, 1]) {
        const judgement = judge(quality, link, index);
        if (judgement) yield judgement;
      }
    }
  },
});

function judge(quality: CaptureQuality, link: ScionLink, index: number): Judgement | null {
  const { paths } = link.directions[index];
  if (paths.length === 0) return null;
  const subject = directionSubject(quality, link, index);
  const expired = paths.filter((use) => latenessOf(quality, use) > TOLERANCE_SECONDS);
  const packets = expired.reduce((sum, use) => sum + use.packets, 0);
  if (packets < PACKETS_MIN || !isNonEmpty(expired)) {
    if (absoluteSeconds(quality, paths[0].last) !== null) return { result: 'healthy', subject };
    const reason =
      'The capture has no date, so it cannot be said whether a path has expired; capture with absolute times.';
    return insufficientData(subject, reason);
  }
  const late = Math.max(...expired.map((use) => latenessOf(quality, use)));
  if (late > LATE_SECONDS_MAX) {
    const reason = `Paths here expired ${(late / 86_400).toFixed(1)} days before their packets were captured: the clock of the capturing host is wrong, or the packets were replayed; capture live traffic with a right clock.`;
    return insufficientData(subject, reason);
  }
  return judgeExpired(quality, link, index, expired, packets, late);
}

function judgeExpired(
  quality: CaptureQuality,
  link: ScionLink,
  index: number,
  expired: NonEmpty<PathUse>,
  packets: number,
  late: number,
): Judgement {
  const subject = directionSubject(quality, link, index);
  const { first, last } = spanOf(expired);
  const back = link.directions[1 - index];
  if (back.last !== null && back.last.timeNs > first.timeNs + TOLERANCE_SECONDS * 1e9) {
    const reason =
      'By the clock of the capture the path has expired, but the other direction goes on: check the clock of the capturing host (ntpq -pn).';
    return insufficientData(subject, reason);
  }
  const ends = endsOf(link, index);
  return {
    result: 'problem',
    subject,
    severity: back.packets > 0 ? 'warning' : 'info',
    ...confidenceUnderDrops(quality, 'low'),
    explanation: `${directionText(link, index)}: ${packets} packets use a path that expired up to ${secondsText(late)} before${back.packets > 0 ? ', and the other direction has stopped to answer' : ''}.`,
    pair: [ends.from, ends.to],
    direction: { from: ends.from, to: ends.to },
    where: 'sender',
    first,
    last,
    lastGood: back.last,
    ongoingAtEnd: quality.secondsToEnd(last) < TOLERANCE_SECONDS,
    counts: { packets, lateSeconds: Math.round(late), reversePackets: back.packets },
    evidence: [
      { ...first, summary: 'first packet on an expired path' },
      { ...last, summary: 'last packet on an expired path' },
    ],
    displayFilter: linkFilter(link),
  };
}

/** Seconds by which the last packet on the path came after its expiry; negative where it did not. */
function latenessOf(quality: CaptureQuality, use: PathUse): number {
  const at = absoluteSeconds(quality, use.last);
  return at === null ? Number.NEGATIVE_INFINITY : at - use.expirySeconds;
}
