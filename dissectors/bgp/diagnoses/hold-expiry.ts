import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef, Moment } from '../../../src/moment.js';
import { NS_PER_SECOND, seconds } from '../../../src/units.js';
import { cite } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import { tcpServices } from '../../tcp/correlator.js';
import { arrivedSegments } from '../../tcp/shared/arrived.js';
import { CODE_HOLD_TIMER, PORT_BGP } from '../layout.js';
import { citationsInOrder, establishedAfter, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, notificationsOf, type PeerConnection, type Peering } from '../peerings.js';
import { isAsleep, type SpeakerSilence, silencesOf, timersOf } from '../silences.js';

/** Timers of daemons fire up to a second late. */
const SLACK_SECONDS = 1;
const KEEPALIVES_PER_HOLD = 3;
const KEEPALIVE_SHARE_MIN = 0.75;
const CITED = 3;

export default defineDiagnosis({
  id: 'bgp.hold-expiry',
  title: 'BGP hold timer expired',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 1,
  rule:
    'A NOTIFICATION with code 4 (hold timer expired): its sender heard no message of the peer for the hold time. Or, without one in the capture: a side of an ' +
    'established session sends nothing new for longer than the hold time (smaller one of both OPENs; a warning after four usual keepalive intervals where no OPEN is ' +
    'in the capture), while the other side goes on sending or repeating.',
  notWhen:
    'Hold time 0. Data of that time is missing in the capture. The other side keeps the session after that: then it heard what the capture lacks. ' +
    'Both sides fall silent at once: the capture lost sight of the session.',
  causes: [
    'The BGP process of the silent side hangs or is overloaded, while its kernel still acknowledges',
    'The path from the silent side is broken, or carries large segments no more (see bgp.mtu)',
    'The host of the silent side was stopped: a live migration, a snapshot, memory pressure',
  ],
  nextSteps: [
    'On the silent side: is the daemon running (ps, top), what does its log say at that time?',
    'Does TCP of the silent side still acknowledge? Then the path is fine and the process hangs; else ping it, and capture there',
    'show ip bgp neighbors ADDRESS: hold time in force, last read, last write',
  ],
  ruledOut: {
    'lost-on-path': ['The BGP process of the silent side', 'The host of the silent side'],
  },
  refutedBy: 'Messages of the silent side in a capture at the other one in that time.',
  source: 'RFC 4271, sections 4.2, 4.4 and 6.5; MidoNet guide (timers 5 15)',
  thresholds: {
    hold: [1, 'hold times', 'learned from the OPENs'],
    slackSeconds: [SLACK_SECONDS, 's', 'timers of daemons fire late'],
  },
  // The longest common hold time (RFC 4271, section 4.2, proposes 90 s; Junos and others use up to 240 s).
  noticedAfterSeconds: 240,
  fault: 'session-down',
  consequenceOf: ['path-loss', 'unreachable', 'large-packets-lost', 'session-down'],
  consequenceOfIds: ['tcp.arrived-not-acknowledged'],
  technology: 'bgp',
  diagnose: (evidence) => judgeEach(bgpPeerings(evidence), (peering) => judge(evidence, peering)),
});

/** An expiry: who heard nothing of whom, and what shows it. */
interface Expiry {
  readonly from: string;
  readonly to: string;
  readonly connection: PeerConnection;
  /** The NOTIFICATION, or the last thing that the waiting side sent. */
  readonly shown: FrameRef;
  readonly isNotified: boolean;
  /** The silence where the capture shows it. */
  readonly silence: SpeakerSilence | null;
}

function judge(evidence: Evidence, peering: Peering): Judgement | null {
  const { quality } = evidence;
  const established = peering.connections.filter((one) => one.established !== null);
  const silences = peering.connections.flatMap((one) => silencesOf(quality, one));
  const notified = notificationsOf(peering).flatMap((one): Expiry[] => {
    if (one.notification.code !== CODE_HOLD_TIMER) return [];
    const to = one.from.address;
    const from = to === peering.a ? peering.b : peering.a;
    const silence = silences.find((candidate) =>
      isNoticed(candidate, one.connection, from, one.notification),
    );
    return [
      {
        from,
        to,
        connection: one.connection,
        shown: one.notification,
        isNotified: true,
        silence: silence ?? null,
      },
    ];
  });
  const silent =
    notified.length > 0
      ? []
      : silences.flatMap((one) => (isAsleep(quality, one) ? [] : (silentExpiry(one) ?? [])));
  const expiries = [...notified, ...silent];
  if (expiries.length > 0) return problemOf(evidence, peering, expiries);
  if (established.length === 0) return null;
  const subject = peeringSubject(quality, peering);
  const lost = silences.find((one) => isOverHold(one) && one.to === null && one.connection.end === null);
  if (!lost) return { result: 'healthy', subject };
  return insufficientData(
    subject,
    `${lost.speaker.address} sends nothing new for ${durationText(lost.lastedNs)}, longer than the hold time, and nothing shows what ` +
      `${lost.listener.address} made of it; capture at ${lost.listener.address}.`,
  );
}

function isNoticed(
  silence: SpeakerSilence,
  connection: PeerConnection,
  from: string,
  { frame }: FrameRef,
): boolean {
  return (
    silence.connection === connection &&
    silence.speaker.address === from &&
    silence.from.frame < frame &&
    (silence.to === null || silence.to.frame > frame)
  );
}

function holdLimitNs({ connection, speaker }: SpeakerSilence): number {
  const { holdNs, keepaliveNs } = timersOf(connection, speaker);
  // Keepalives come up to 25 % early (RFC 4271, section 10).
  const limit = Number.isNaN(holdNs) ? (KEEPALIVES_PER_HOLD / KEEPALIVE_SHARE_MIN) * keepaliveNs : holdNs;
  return limit > 0 ? limit + seconds(SLACK_SECONDS) : Number.NaN;
}

function isOverHold(silence: SpeakerSilence): boolean {
  return silence.lastedNs > holdLimitNs(silence);
}

/**
 * No NOTIFICATION is in the capture: the waiting side goes on for a while, but not for longer than its hold timer lets it.
 * What comes of the silent side afterwards, and the RST that meets it, are remnants of a session that is over.
 */
function silentExpiry(silence: SpeakerSilence): Expiry | null {
  const { connection, speaker, listener, from, to, isTorn } = silence;
  const isOver = connection.end !== null || to === null;
  if (!isOver || isTorn || !isOverHold(silence)) return null;
  const signs = [listener.lastData, listener.lastRepeat].flatMap((one) => (one ? [one] : []));
  const alive = signs.sort((a, b) => a.frame - b.frame).at(-1);
  if (!alive || !(alive.timeNs - from.timeNs >= NS_PER_SECOND)) return null;
  const newest = listener.lastData;
  // After the hold time nobody sends a new message in a session but the one that ends it.
  const keepsUp = newest !== null && newest.timeNs - from.timeNs > holdLimitNs(silence);
  if (keepsUp) return null;
  return {
    from: speaker.address,
    to: listener.address,
    connection,
    shown: alive,
    isNotified: false,
    silence,
  };
}

function problemOf(evidence: Evidence, peering: Peering, expiries: readonly Expiry[]): Problem {
  const { quality } = evidence;
  const [expiry] = expiries;
  const { from, to, silence, isNotified } = expiry;
  const last = expiries[expiries.length - 1];
  const recovered = establishedAfter(
    peering,
    last.isNotified ? last.shown : (last.silence?.from ?? last.shown),
  );
  const again = expiries.length > 1 ? ` This happened ${plural(expiries.length, 'time')}.` : '';
  const estimated = expiries.some((one) => one.silence !== null && Number.isNaN(holdOf(one)));
  const holdNs = holdOf(expiry);
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    ...(estimated && !isNotified ? { severity: 'warning' } : {}),
    confidence: isNotified ? 'high' : estimated ? 'low' : 'medium',
    explanation:
      (isNotified
        ? `${to} ended the session with NOTIFICATION 4/0: it heard nothing of ${from} for the hold time${holdWords(holdNs)}. `
        : `${from} sent nothing new for longer than the hold time${holdWords(holdNs)}, while ${to} went on. `) +
      (isDroppedHere(evidence, peering, expiry) ? droppedWords(expiry) : silenceWords(expiry)) +
      again +
      (recovered
        ? ' A session was established again.'
        : ' No session was established after that in the capture.'),
    direction: { from, to },
    where: isDroppedHere(evidence, peering, expiry) ? 'receiver' : 'unknown',
    first: onsetOf(expiry),
    last: momentOf(recovered?.established ?? last.shown),
    lastGood: silence?.from ?? null,
    ongoingAtEnd: recovered === null,
    counts: {
      expirations: expiries.length,
      notifications: expiries.filter((one) => one.isNotified).length,
      ...(holdNs > 0 ? { holdSeconds: holdNs / NS_PER_SECOND } : {}),
    },
    evidence: citationsInOrder([...expiries.slice(0, CITED), last].flatMap(citationsOf)),
  };
}

function holdOf({ connection }: Expiry): number {
  return timersOf(connection, connection.client).holdNs;
}

function holdWords(holdNs: number): string {
  return holdNs > 0 ? ` of ${durationText(holdNs)}` : '';
}

/** When the first keepalive that did not come was due. */
function onsetOf(expiry: Expiry): Moment {
  const { silence, shown } = expiry;
  const holdNs = holdOf(expiry);
  const interval = holdNs > 0 ? holdNs / KEEPALIVES_PER_HOLD : 0;
  if (silence) return { segment: silence.from.segment, timeNs: silence.from.timeNs + interval };
  return { segment: shown.segment, timeNs: shown.timeNs - (holdNs > 0 ? holdNs - interval : 0) };
}

/** What the silent side repeats comes in at the host that captured, which never acknowledges it. */
function isDroppedHere(evidence: Evidence, { stack }: Peering, { from, to }: Expiry): boolean {
  return evidence
    .sessions(tcpServices)
    .some(
      (service) =>
        service.stack === stack &&
        service.port === PORT_BGP &&
        arrivedSegments(evidence, service).some((one) => one.from === from && one.to === to),
    );
}

function droppedWords({ from, to }: Expiry): string {
  return `What ${from} sends comes in at ${to}, on which this was captured, again and again, and ${to} never acknowledges it: ${to} itself drops it behind the capture point, nothing is lost on the way.`;
}

function silenceWords({ silence, from, to, shown, isNotified }: Expiry): string {
  if (!silence) {
    return isNotified
      ? `The capture does not show ${from} silent: what it sent was lost behind the capture point, or not read.`
      : '';
  }
  const quiet = durationText(shown.timeNs - silence.from.timeNs);
  const { lastSegment, lastRepeat, lastMissed } = silence.speaker;
  if (lastMissed && lastMissed.frame > silence.from.frame) {
    return `In the capture it sends no message for ${quiet} either, and ${to} goes on asking for data that is not in the capture: segments are lost before this point.`;
  }
  if (lastRepeat && lastRepeat.frame > silence.from.frame) {
    return `In the capture it sends nothing new for ${quiet} either, but repeats what was not acknowledged: its segments end behind this point, on the way or in ${to} itself.`;
  }
  const acknowledges = lastSegment !== null && lastSegment.timeNs - silence.from.timeNs > NS_PER_SECOND;
  return acknowledges
    ? `In the capture it sends no message for ${quiet} either, but its TCP goes on acknowledging: the path works, the process hangs.`
    : `In the capture it sends nothing at all for ${quiet}.`;
}

function citationsOf({ silence, shown, isNotified, to, from }: Expiry): Citation[] {
  return [
    ...(silence ? [cite(silence.from, `last message of ${from} before that`)] : []),
    cite(shown, isNotified ? `NOTIFICATION 4/0 of ${to}: hold timer expired` : `${to} is still sending`),
  ];
}
