import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { isNonEmpty, mostBy, type NonEmpty } from '../../../src/moment.js';
import { NS_PER_SECOND, seconds } from '../../../src/units.js';
import { cite } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import { citationsInOrder, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, type Peering } from '../peerings.js';
import { isAsleep, type SpeakerSilence, silencesOf, timersOf } from '../silences.js';

const HOLD_SHARE = 0.5;
const INTERVALS_WITH_HOLD = 1.5;
const INTERVALS_WITHOUT_HOLD = 2;
const SLACK_SECONDS = 5;
const CITED = 3;

export default defineDiagnosis({
  id: 'bgp.keepalive-gap',
  title: 'Gap in BGP keepalives',
  severity: 'warning',
  subject: 'session',
  layer: 'overlay-control',
  priority: 2,
  rule:
    'A side of an established session sends nothing new for longer than half of the hold time and 1.5 of its usual keepalive intervals, then goes ' +
    'on in the same session. Where no OPEN is in the capture: for longer than 2 usual intervals and 5 s.',
  notWhen:
    'Fewer than 3 keepalive intervals are in the capture: nobody knows what is usual. Data of that time is missing in the capture, or was sent again (then ' +
    'it is loss). The capture holds no frame at all meanwhile. The pause exceeds the hold time and the session lives on: then the capture lacks messages.',
  causes: [
    'Loss on the path: a lost keepalive comes with TCP’s repetition, seconds later',
    'The BGP process or its host is overloaded: a full table is processed, a virtual machine was stopped',
  ],
  nextSteps: [
    'Look at TCP repetitions of the connection: tcp.analysis.retransmission && tcp.port == 179',
    'Load of the host at that time; show processes cpu',
    'Capture at the sender: do the keepalives leave in time?',
  ],
  ruledOut: {
    'lost-on-path': ['The BGP process or its host'],
  },
  refutedBy: 'Keepalives in time in a capture at the sender.',
  source: 'RFC 4271, section 4.4 (a third of the hold time, less up to 25 %)',
  thresholds: {
    holdShare: [HOLD_SHARE, 'hold times', 'keepalives come every third of it: one is missing'],
    intervals: [INTERVALS_WITH_HOLD, 'intervals', 'operators may choose longer intervals'],
    intervalsWithoutHold: [INTERVALS_WITHOUT_HOLD, 'intervals', 'the hold time is unknown'],
    slackSeconds: [SLACK_SECONDS, 's', 'short intervals vary more'],
  },
  fault: 'session-down',
  consequenceOf: ['path-loss', 'large-packets-lost', 'session-down'],
  consequenceOfIds: ['bgp.hold-expiry'],
  technology: 'bgp',
  diagnose: (evidence) => judgeEach(bgpPeerings(evidence), (peering) => judge(evidence.quality, peering)),
});

function judge(quality: CaptureQuality, peering: Peering): Judgement | null {
  const established = peering.connections.filter((one) => one.established !== null);
  if (established.length === 0) return null;
  const silences = established.flatMap((one) => silencesOf(quality, one));
  const gaps = silences
    .filter((one) => isGap(one) && !isAsleep(quality, one))
    .sort((a, b) => a.from.frame - b.from.frame);
  if (isNonEmpty(gaps)) return problemOf(quality, peering, gaps);
  const subject = peeringSubject(quality, peering);
  const isKnown = established.some((one) =>
    [one.client, one.server].some((side) => !Number.isNaN(timersOf(one, side).keepaliveNs)),
  );
  if (isKnown) return { result: 'healthy', subject };
  return insufficientData(
    subject,
    'The capture holds fewer than three intervals between KEEPALIVEs of a side; capture for several hold times.',
  );
}

function isGap(silence: SpeakerSilence): boolean {
  const { to, isTorn, lastedNs, connection, speaker, from } = silence;
  if (to === null || isTorn) return false;
  const { lastRepeat } = speaker;
  if (lastRepeat && lastRepeat.frame > from.frame && lastRepeat.frame < to.frame) return false;
  const { holdNs, keepaliveNs } = timersOf(connection, speaker);
  if (holdNs === 0 || lastedNs > holdNs) return false;
  return lastedNs > limitNs(holdNs, keepaliveNs);
}

/** NaN, which nothing exceeds, where the usual interval is unknown. */
function limitNs(holdNs: number, keepaliveNs: number): number {
  if (Number.isNaN(holdNs)) return INTERVALS_WITHOUT_HOLD * keepaliveNs + seconds(SLACK_SECONDS);
  return Math.max(HOLD_SHARE * holdNs, INTERVALS_WITH_HOLD * keepaliveNs);
}

function problemOf(quality: CaptureQuality, peering: Peering, gaps: NonEmpty<SpeakerSilence>): Problem {
  const worst = mostBy(gaps, (gap) => gap.lastedNs);
  const { speaker, listener, connection, lastedNs } = worst;
  const { holdNs, keepaliveNs } = timersOf(connection, speaker);
  const last = gaps[gaps.length - 1];
  const isOneWay = gaps.every((one) => one.speaker.address === speaker.address);
  const hold = holdNs > 0 ? `the hold time is ${durationText(holdNs)}` : 'no OPEN is in the capture';
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    confidence: holdNs > 0 ? 'medium' : 'low',
    explanation:
      `${speaker.address} sent no message for ${durationText(lastedNs)}, where it usually sends a KEEPALIVE every ` +
      `${durationText(keepaliveNs)} (${hold}); then it went on${gaps.length > 1 ? `. ${plural(gaps.length, 'gap')} in all` : ''}.`,
    ...(isOneWay ? { direction: { from: speaker.address, to: listener.address } } : {}),
    where: 'unknown',
    first: { segment: gaps[0].from.segment, timeNs: gaps[0].from.timeNs + (keepaliveNs || 0) },
    last: momentOf(last.to ?? last.from),
    lastGood: gaps[0].from,
    ongoingAtEnd: false,
    counts: { gaps: gaps.length, longestSeconds: Math.round((lastedNs / NS_PER_SECOND) * 10) / 10 },
    evidence: citationsInOrder(
      [worst, ...gaps.slice(0, CITED)].flatMap((one) => [
        cite(one.from, `last data of ${one.speaker.address} before the gap`),
        ...(one.to ? [cite(one.to, `first data of ${one.speaker.address} after it`)] : []),
      ]),
    ),
  };
}
