import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { captureMayHide } from '../../../src/correlate/gates.js';
import { isNoMoreThanPorts } from '../../../src/correlate/port-filter-signature.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import { defineDiagnosis, type Evidence } from '../../../src/diagnose/diagnosis.js';
import { isNonEmpty, type NonEmpty } from '../../../src/moment.js';
import { seconds } from '../../../src/units.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import { secondsText } from '../../../src/wording/durations.js';
import {
  judgeStalls,
  type StallText,
  sendingText,
  stallCounts,
  waitingOf,
  watchedText,
} from '../pair-judgement.js';
import { establishedAfter, hasEspAfter, type IkePair } from '../pair-sessions.js';
import { judgePort4500 } from '../port-4500.js';
import type { IkeMessage, IkeSession } from '../session.js';
import { firstOf, type Stall, TRANSMISSIONS_MIN, transmissionsOf, WAIT_SECONDS } from '../stall.js';
import { ANSWERED_IN_VAIN_MIN } from '../stalls-v2.js';

/** The answering side sees attempts that end, not messages in vain. */
const ATTEMPTS_MIN = 2;
const WINDOW_SECONDS = 600;

export default defineDiagnosis({
  id: 'ike.natt-4500-blocked',
  title: 'UDP 4500 is blocked',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'The exchange worked on port 500, moved to port 4500, and at least two sendings there (MI3, IKE_AUTH) stay without ' +
    'an answer on any port. At the answering side: the answer on port 500 is the last message (the hashes in it show a NAT, so that ' +
    'port 4500 comes next), again in at least two attempts with fresh cookies within 10 minutes, and nothing is on port 4500; or it answers there at least 4 sendings of one request, after which the initiator says nothing more. ' +
    'With captures of both ends: the sendings leave one end and none arrives at the other, or the ' +
    'answers leave there and none comes back.',
  notWhen:
    'Any packet of the responder came from or to port 4500 (unless its answers are what is lost), or for the answering side any packet at all; the unanswered message travels in IP fragments (frag.*); the ' +
    'peer answered by an informational (ike.auth-failure).',
  causes: [
    'A firewall on the way lets UDP 500 pass and drops UDP 4500',
    'Firewall rules demand port 4500 (or 500) on both sides, while a NAT gives the initiator another source port',
    'The firewall of the responder has no rule for port 4500',
    'Seen from the answering side also: IKE_AUTH with certificates travels in IP fragments, which are dropped on the way',
  ],
  nextSteps: [
    'Allow UDP with source port 4500 or destination port 4500: iptables -A INPUT -p udp --dport 4500 -j ACCEPT and the same with --sport',
    "Capture at the responder: tcpdump -ni IFACE -w sg2.pcap 'host PEER and not port 22', to see whether port 4500 arrives",
    'If it does not arrive, ask the provider and whoever runs the firewalls on the way',
  ],
  ruledOut: {
    arrives: ['A firewall on the way lets UDP 500 pass'],
  },
  refutedBy: 'A packet from the responder on port 4500 in a capture of the same time at the initiator.',
  source: 'Openswan guide, "Port-4500 is closed"; RFC 3947 section 4, RFC 7296 section 2.23',
  thresholds: {
    transmissions: [TRANSMISSIONS_MIN, 'sendings', 'a single one may be lost by chance'],
    attempts: [
      ATTEMPTS_MIN,
      'attempts',
      'at the answering side: a client that begins anew has failed; one that gave up once says nothing',
    ],
    answered: [ANSWERED_IN_VAIN_MIN, 'sendings', 'three answers in a row are not lost by chance'],
    windowSeconds: [WINDOW_SECONDS, 's', 'clients try again within a minute or two'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'fragments'],
  consequenceOfIds: ['ike.fragments-incomplete', 'ike.natt-4500-local'],
  technology: 'ipsec',
  judgePair: (pair) => judgePort4500(pair, 'ike.natt-4500-blocked'),
  diagnose: (evidence) =>
    judgeStalls(evidence, {
      kind: 'natt-4500-blocked',
      applies: ({ usesPort4500 }) => usesPort4500,
      // Lines without -v do not say that the message itself came in fragments, which are another fault.
      accepts: (pair, stall, evidence) =>
        evidence.quality.captures.every(({ fragmentsUntold }) => fragmentsUntold === 0) &&
        acceptsVariant(pair, stall, evidence),
      describe,
    }),
});

function acceptsVariant(pair: IkePair, stall: Stall, evidence: Evidence): boolean | string {
  const { variant, session, waiting, instead } = stall;
  const { quality } = evidence;
  if (variant === 'answers-lost')
    return !hasEspAfter(evidence, session, firstOf([...waiting, ...instead]).frame);
  if (variant !== 'nothing-follows') return true;
  if (session.version === 1) return isRepeatedInVain(waiting, quality);
  if (attemptsInVain(pair, evidence).includes(session)) return true;
  const watched = secondsToPause(quality, firstOf(waiting));
  const isUp =
    hasEspAfter(evidence, session, session.first.frame) || establishedAfter(evidence, pair, 0) !== null;
  if (isUp || watched < WAIT_SECONDS) return false;
  return (
    `${pair.responder} answered ${pair.initiator} on UDP 500 once, and nothing came for ${secondsText(watched)}: ` +
    `what comes next on port 4500 does not arrive, or ${pair.initiator} went no further; capture at ${pair.initiator}, or until it tries again.`
  );
}

/** Clients that have failed try again from the same port, or as often as their timer says. */
const SAME_PORT_ATTEMPTS_MIN = 3;
const TIMED_ATTEMPTS_MIN = 4;
const TIMER_SPREAD = 0.1;

/** Sessions of a pair that end with an answer on port 500; empty where one of its attempts succeeded. */
function attemptsInVain(pair: IkePair, evidence: Evidence): readonly IkeSession[] {
  const sessions = pair.stalls
    .filter(({ kind, variant }) => kind === 'natt-4500-blocked' && variant === 'nothing-follows')
    .map(({ session }) => session);
  const isUp = sessions.some((session) => hasEspAfter(evidence, session, session.first.frame));
  if (isUp || establishedAfter(evidence, pair, 0) !== null) return [];
  return sessions.filter((session) =>
    sessions.some(
      ({ first, segment }) =>
        first !== session.first &&
        segment === session.segment &&
        isApart(Math.abs(first.timeNs - session.first.timeNs)),
    ),
  );
}

/** A responder of IKEv1 repeats its answer by itself. */
function isRepeatedInVain(answers: NonEmpty<IkeMessage>, quality: CaptureQuality): boolean {
  return (
    transmissionsOf(answers) >= TRANSMISSIONS_MIN && secondsToPause(quality, firstOf(answers)) >= WAIT_SECONDS
  );
}

/** Long enough for the next message to come, and soon enough to be the same client that begins anew. */
function isApart(ns: number): boolean {
  return ns >= seconds(WAIT_SECONDS) && ns <= seconds(WINDOW_SECONDS);
}

function describe(pair: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality): StallText {
  const lost = stalls.filter(({ variant }) => variant === 'answers-lost');
  if (isNonEmpty(lost)) return describeAnswersLost(pair, lost);
  const sent = stalls.filter(({ variant }) => variant !== 'nothing-follows');
  if (!isNonEmpty(sent)) return describeAnswered(pair, stalls, quality);
  const { initiator, responder } = pair;
  return {
    explanation:
      `IKE between ${initiator} and ${responder} worked on UDP 500 and moved to port 4500. There ${initiator} sent ` +
      `${sendingText(sent)} without an answer, and nothing at all came from ${responder} on port 4500. ` +
      watchedText(sent, quality),
    counts: stallCounts(sent),
    packets: {
      of: ['udp/4500'],
      lost: transmissionsOf(waitingOf(sent)),
      delivered: 0,
    },
    where: 'path',
  };
}

/** The view of the side that answers, where its answers on port 4500 are lost. */
function describeAnswersLost({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>): StallText {
  const answers = transmissionsOf(stalls.flatMap(({ instead }) => instead));
  return {
    title: 'Answers on UDP 4500 do not arrive',
    explanation:
      `IKE between ${initiator} and ${responder} worked on UDP 500 and moved to port 4500. There ${initiator} sent ` +
      `${sendingText(stalls)}, although ${responder} answered each time (${answers} answers in this capture), and then nothing more: ` +
      'the answers get lost on the way back.',
    counts: { ...stallCounts(stalls), answers },
    direction: { from: responder, to: initiator },
    where: 'path',
  };
}

/** The view of the side that answers: port 4500 stays empty. */
function describeAnswered(pair: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality): StallText {
  const { initiator, responder, stack } = pair;
  const attempts = new Set(stalls.map(({ session }) => session)).size;
  const hidden = captureMayHide(
    quality,
    { protocol: PROTOCOL_UDP, port: PORT_NAT_TRAVERSAL },
    initiator,
    stack,
  );
  const isExcerpt = hidden === null && stack === 0 && isNoMoreThanPorts(quality, initiator);
  const isUnsure = hidden !== null || isExcerpt;
  const doubt =
    hidden?.reason ??
    `It holds nothing of ${initiator} but a few packets of port 500, which do not show whether a filter kept port 4500 out.`;
  const words = attempts === 1 ? 'once' : `in ${attempts} attempts, each with a new cookie`;
  return {
    title: isUnsure ? 'IKE ends before it moves to UDP 4500' : 'Nothing comes on UDP 4500',
    severity: isUnsure ? (areRepeated(stalls) ? 'warning' : 'info') : attempts >= 3 ? 'error' : 'warning',
    confidence: !isUnsure && attempts >= 3 ? 'medium' : 'low',
    explanation:
      `${responder} answered ${initiator} on UDP 500 (${words}), and then nothing came: with the NAT that the hashes show, the next ` +
      `message goes to port 4500, where ${isUnsure ? 'this capture has no packet' : 'no packet comes'}. ` +
      (isUnsure
        ? `${doubt} If port 4500 is in it and stays empty, it is blocked on the way.`
        : 'It is blocked on the way, or the message is so large that it travels in IP fragments, and those are dropped.'),
    counts: { ...stallCounts(stalls), attempts, packetsOn4500: 0 },
    direction: { from: initiator, to: responder },
    where: 'path',
    ...(hidden && { limitedBy: [hidden.id] }),
  };
}

function areRepeated(stalls: NonEmpty<Stall>): boolean {
  const sessions = [...new Set(stalls.map(({ session }) => session))];
  const ports = new Set(sessions.map(({ paths }) => paths[0].initiatorPort));
  if (ports.size === 1 && sessions.length >= SAME_PORT_ATTEMPTS_MIN) return true;
  const starts = sessions.map(({ first }) => first.timeNs).sort((a, b) => a - b);
  const gaps = starts.slice(1).map((start, at) => start - starts[at]);
  return sessions.length >= TIMED_ATTEMPTS_MIN && Math.max(...gaps) <= Math.min(...gaps) * (1 + TIMER_SPREAD);
}
