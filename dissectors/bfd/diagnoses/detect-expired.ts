import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { type Citation, isNonEmpty, type Moment, mostBy, type NonEmpty } from '../../../src/moment.js';
import { NS_PER_MILLISECOND } from '../../../src/units.js';
import { inOrder } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import { bfdSessions } from '../correlator.js';
import {
  type DetectionSilence,
  detectionOf,
  fadedSide,
  silenceBefore,
  toleratedSilences,
} from '../detection.js';
import { type Drop, dropsOf, type Leaving, wasUp } from '../drops.js';
import { DIAGNOSTIC_TIME_EXPIRED, STATE_ADMIN_DOWN } from '../layout.js';
import type { BfdSession } from '../session.js';
import { otherSide, phaseBefore, phaseCitation, sessionFacts, sessionSubject } from '../session-subject.js';

const DROPS_CITED = 3;

export default defineDiagnosis({
  id: 'bfd.detect-expired',
  title: 'BFD detection time exceeded',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A system leaves Up with diagnostic 1 (control detection time expired): for the detection time, which is the multiplier of its ' +
    'peer times the larger of what the peer wants to send and what it wants to receive, none of the peer’s packets reached it. ' +
    'Information where the capture lacks the packets of such a time and both systems stay Up.',
  notWhen:
    'No state change follows: then the packets are missing in the capture alone. Demand mode. The capture holds no frame at all meanwhile.',
  causes: [
    'Packets of the peer are lost on the way: a link or a radio fails, a queue drops, a filter was put in',
    'The peer sends too late: its CPU is busy, its virtual machine was stopped, its BFD process hangs',
    'The receiver is too busy to read them in time',
    'The timers are too short for the path or for software BFD',
  ],
  nextSteps: [
    'Capture at both systems at once: udp port 3784; packets that leave one and do not arrive at the other are lost between them',
    'Counters and logs of the interface at that time: ip -s link, dmesg, switch port errors; load of the host that fell silent',
    'Where only BFD suffers, use longer timers: 300 ms × 3 for software, 1 s × 3 for busy virtual machines',
  ],
  ruledOut: {
    'lost-on-path': ['The peer sends too late', 'The receiver is too busy'],
    arrives: ['Packets of the peer are lost'],
  },
  refutedBy: 'The missing packets in a capture at the system that went down.',
  source: 'RFC 5880, sections 6.8.4 and 4.1; RFC 5881; SCION router BFD',
  thresholds: {
    detectionTime: [
      1,
      'detection times',
      'learned from the session: multiplier × max(desired min TX, required min RX)',
    ],
  },
  // A detection time: some seconds at most, with common timers.
  noticedAfterSeconds: 10,
  fault: 'session-down',
  consequenceOf: ['path-loss', 'unreachable'],
  technology: 'bfd',
  *diagnose({ sessions, quality }) {
    for (const session of sessions(bfdSessions)) {
      if (wasUp(session)) yield judge(quality, session);
    }
  },
});

function judge(quality: CaptureQuality, session: BfdSession): Judgement {
  const expired = dropsOf(session).flatMap((drop) => {
    const leaving = drop.leavings.find(isExpiry);
    return leaving ? [{ drop, leaving }] : [];
  });
  if (isNonEmpty(expired)) return expiryProblem(quality, session, expired);
  const tolerated = toleratedSilences(quality, session);
  if (isNonEmpty(tolerated)) return toleratedProblem(quality, session, tolerated);
  const subject = sessionSubject(quality, session);
  const faded = fadedSide(session);
  if (!faded) return { result: 'healthy', subject };
  const peer = otherSide(session, faded.sender).address;
  return insufficientData(
    subject,
    `The capture holds no more packets of ${faded.sender.address} although ${peer} stays Up for longer than its detection ` +
      `time of ${durationText(faded.detection.timeNs)}, so they reach it by another way; capture at ${peer}.`,
  );
}

function isExpiry({ down }: Leaving): boolean {
  return down.diagnostic === DIAGNOSTIC_TIME_EXPIRED && down.state !== STATE_ADMIN_DOWN;
}

interface Expiry {
  readonly drop: Drop;
  readonly leaving: Leaving;
}

function expiryProblem(quality: CaptureQuality, session: BfdSession, expired: NonEmpty<Expiry>): Problem {
  const [{ leaving }] = expired;
  const silences = expired.map((one) => silenceBefore(session, one.leaving));
  const [silence] = silences;
  const peer = otherSide(session, leaving.side);
  const last = expired[expired.length - 1].drop;
  const again = expired.length > 1 ? `, ${expired.length} times in all` : '';
  return {
    result: 'problem',
    ...sessionFacts(quality, session),
    confidence: 'high',
    explanation:
      `${leaving.side.address} took the session down because no packet of ${peer.address} reached it for its detection time${again}. ` +
      silenceWords(silence, leaving, peer.ends.length > 0) +
      (last.returned ? ' The session came up again.' : ' It did not come up again in the capture.'),
    direction: { from: peer.address, to: leaving.side.address },
    where: 'unknown',
    first: silence ? dueAfter(silence) : onsetOf(session, leaving),
    last: last.returned ?? session.last,
    lastGood: silence?.from ?? null,
    ongoingAtEnd: last.returned === null,
    counts: {
      expirations: expired.length,
      missed: silences.reduce((sum, one) => sum + (one?.missed ?? 0), 0),
      ...(silence ? { detectionMs: Math.round(silence.detection.timeNs / NS_PER_MILLISECOND) } : {}),
    },
    evidence: inOrder(
      [...expired.slice(0, DROPS_CITED), ...expired.slice(-1)].flatMap((one) =>
        expiryCitations(session, one),
      ),
    ),
  };
}

function silenceWords(silence: DetectionSilence | null, { down }: Leaving, isPeerSeen: boolean): string {
  if (!silence) {
    return isPeerSeen
      ? 'The capture holds the packets that it missed: they were lost behind the capture point, or came too late to be read.'
      : 'The capture holds no packet of the peer.';
  }
  const lasted = durationText(down.first.timeNs - silence.from.timeNs);
  return (
    `The capture holds none for ${lasted} before that (detection time ${durationText(silence.detection.timeNs)}): ` +
    `at least ${plural(silence.missed, 'packet')} were not sent or were lost before the capture point.`
  );
}

/** When the first packet was due that the receiver missed, by its own timer. */
function onsetOf(session: BfdSession, { side, up, down }: Leaving): Moment {
  const spoken = phaseBefore(otherSide(session, side), down.first);
  const { segment, timeNs } = down.first;
  if (!spoken) return { segment, timeNs };
  const detection = detectionOf(spoken, up);
  return { segment, timeNs: timeNs - detection.timeNs + detection.intervalNs };
}

/** When the first packet that is missing was due. */
function dueAfter({ from, detection }: DetectionSilence): Moment {
  return { segment: from.segment, timeNs: from.timeNs + detection.intervalNs };
}

function expiryCitations(session: BfdSession, { drop, leaving }: Expiry): Citation[] {
  const silence = silenceBefore(session, leaving);
  const citations = [phaseCitation(leaving.side, leaving.down)];
  if (silence)
    citations.push({ ...silence.from, summary: `last packet of ${silence.sender.address} before that` });
  if (drop.returned) citations.push({ ...drop.returned, summary: 'the session is Up again' });
  return citations;
}

function toleratedProblem(
  quality: CaptureQuality,
  session: BfdSession,
  silences: NonEmpty<DetectionSilence>,
): Problem {
  const worst = mostBy(silences, ({ missed }) => missed);
  const { sender, receiver, from, detection } = worst;
  const to = worst.to ?? session.last;
  return {
    result: 'problem',
    ...sessionFacts(quality, session),
    severity: 'info',
    confidence: 'low',
    title: 'BFD packets are missing in the capture, and the session stays up',
    explanation:
      `At least ${plural(worst.missed, 'packet')} of ${sender.address} are missing: the capture holds none for ` +
      `${durationText(to.timeNs - from.timeNs)}, more than the detection time of ${durationText(detection.timeNs)}, and yet ` +
      `${receiver.address} stays Up. It got them, and the capture lost them or did not see their path; or it does not keep to the announced timers.`,
    direction: { from: sender.address, to: receiver.address },
    where: 'unknown',
    first: dueAfter(silences[0]),
    last: silences[silences.length - 1].to ?? session.last,
    lastGood: silences[0].from,
    ongoingAtEnd: false,
    counts: {
      gaps: silences.length,
      missed: silences.reduce((sum, { missed }) => sum + missed, 0),
      detectionMs: Math.round(detection.timeNs / NS_PER_MILLISECOND),
    },
    evidence: inOrder(
      [worst, ...silences.slice(0, DROPS_CITED)].flatMap((one) => [
        { ...one.from, summary: `last packet of ${one.sender.address} before the gap` },
        { ...(one.to ?? session.last), summary: `first packet of ${one.sender.address} after it` },
      ]),
    ),
    causes: [
      'The capture lost packets: a small buffer, a mirror port that drops',
      'The packets took a path that the capture point does not see',
      'The receiver does not take the session down although it misses packets',
    ],
    nextSteps: [
      `Capture at ${receiver.address} with a larger buffer: -B 4096, and see whether the packets arrive there`,
    ],
  };
}
