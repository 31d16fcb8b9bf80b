import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { captureMayHide } from '../../../src/correlate/gates.js';
import { defineDiagnosis, type Evidence } from '../../../src/diagnose/diagnosis.js';
import { isNonEmpty, type NonEmpty, secondsBetween } from '../../../src/moment.js';
import { PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import { judgeStalls, sendingText, stallCounts, watchedText } from '../pair-judgement.js';
import { hasEspAfter, type IkePair } from '../pair-sessions.js';
import { CHILD_ANSWER_LENGTH_MIN } from '../progress.js';
import type { IkeMessage, IkeSession } from '../session.js';
import {
  firstOf,
  INFORMATIONAL_SECONDS,
  lastOf,
  type Stall,
  TRANSMISSIONS_MIN,
  transmissionsOf,
} from '../stall.js';
import { REFUSED_CHILD_SHORTER_BY } from '../stalls-v2.js';

const ATTEMPTS_SECONDS = 600;
/** Sides that ask for new keys at the same time try again within fractions of a second. */
const ASKED_AGAIN_SECONDS = 1;

export default defineDiagnosis({
  id: 'ike.quick-stalled',
  title: 'Quick mode does not complete',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'QI1 is repeated without QR1; or the peer answers QI1 within 2 s by an informational and no QR1 follows (low ' +
    'confidence, medium where it is tried again); or QR1 is repeated without QI2; or main mode completes and neither XAUTH nor quick mode begins, ' +
    'where XAUTH was chosen (medium), or where both announce it and two attempts within 10 minutes end so (a warning, low). IKEv2: the IKE_AUTH answer has 72 to ' +
    '149 encrypted bytes, at least 96 fewer than its request, and no ESP follows: the IKE SA stands, the CHILD_SA was refused. ' +
    'Or the last CREATE_CHILD_SA is answered with less than 72 encrypted bytes, room for an error alone, and no ESP follows; where it does, ' +
    'a warning from two such answers a second apart on.',
  notWhen:
    'A later quick mode, or CREATE_CHILD_SA, was answered; both sides announced IKE SAs without CHILD_SA (RFC 6023); the ' +
    'capture ends before an answer can be expected.',
  causes: [
    'The policies of phase 2 differ: subnets (leftsubnet, rightsubnet), ESP algorithms, PFS group',
    'The responder has no connection for these subnets, or no route to them',
    'QI1 or QR1 gets lost on the way',
    'One side expects XAUTH and the other is not configured for it, or each waits for the other to begin it',
  ],
  nextSteps: [
    'Read the log of the responder: the reason is encrypted on the wire, a capture cannot show it',
    'Where XAUTH is missing, compare who asks and who answers: leftxauthserver=, rightxauthclient= (swanctl: auth = xauth in a second remote section)',
    'Where it worked until new keys were due: compare PFS; the first CHILD_SA of IKEv2 is made without a group of its own (esp_proposals, esp=, pfs=)',
    'Compare the phase 2 settings of both sides: esp=, pfs=, leftsubnet=, rightsubnet= (swanctl: esp_proposals, local_ts, remote_ts)',
  ],
  ruledOut: {
    'lost-on-path': ['The policies of phase 2 differ', 'The responder has no connection'],
  },
  refutedBy: 'The log of the responder says that the IPsec SA was established.',
  source: 'Openswan guide, situation C; RFC 2409 section 5.5, RFC 7296 section 1.2',
  thresholds: {
    transmissions: [TRANSMISSIONS_MIN, 'sendings', 'a repetition means that the timer ran out'],
    informationalSeconds: [
      INFORMATIONAL_SECONDS,
      's',
      'a refusal comes at once; later informationals have other reasons',
    ],
    answerBytes: [
      CHILD_ANSWER_LENGTH_MIN,
      'bytes',
      'an answer with an SA and two traffic selectors has at least 153 encrypted bytes',
    ],
    shorterBy: [
      REFUSED_CHILD_SHORTER_BY,
      'bytes',
      'measured: a refused CHILD_SA answers 260 bytes with 116, success with 196',
    ],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'fragments'],
  technology: 'ipsec',
  diagnose: (evidence) =>
    judgeStalls(evidence, {
      kind: 'quick-stalled',
      applies: ({ childEstablished }: IkeSession) => childEstablished.length > 0,
      accepts: (pair, stall) => isAccepted(evidence, pair, stall),
      describe: (pair, stalls, quality) =>
        stalls[0].variant === 'later-refused'
          ? laterText(evidence, pair, stalls)
          : describe(pair, stalls, quality),
    }),
});

function isAccepted(evidence: Evidence, pair: IkePair, stall: Stall): boolean {
  switch (stall.variant) {
    case 'short-answer':
      return isWithoutEsp(evidence, stall, stall.instead);
    case 'later-refused':
      return isWithoutEsp(evidence, stall, stall.instead.slice(-1)) || isAskedAgain(stall);
    case 'xauth-missing':
      return (
        (stall.confidence === 'medium' || isRepeated(pair, stall)) &&
        isWithoutEsp(evidence, stall, stall.waiting)
      );
    default:
      return true;
  }
}

/** Two sides that ask at once refuse each other, once. */
function isAskedAgain({ waiting }: Stall): boolean {
  return secondsBetween(firstOf(waiting), lastOf(waiting)) >= ASKED_AGAIN_SECONDS;
}

/** Another attempt ended in the same way; a new IKE SA that takes over the IPsec SAs of the old one comes seldom. */
function isRepeated({ stalls }: IkePair, { session }: Stall): boolean {
  return stalls.some(
    (other) =>
      other.variant === 'xauth-missing' &&
      other.session !== session &&
      other.session.segment === session.segment &&
      Math.abs(secondsBetween(session.first, other.session.first)) <= ATTEMPTS_SECONDS,
  );
}

/** No ESP since those answers, and none that a capture filter may hide. */
function isWithoutEsp(evidence: Evidence, { session }: Stall, answers: readonly IkeMessage[]): boolean {
  const encapsulation = session.usesPort4500 ? { protocol: 17, port: PORT_NAT_TRAVERSAL } : { protocol: 50 };
  return (
    captureMayHide(evidence.quality, encapsulation, session.initiator, session.paths[0].stack) === null &&
    isNonEmpty(answers) &&
    !hasEspAfter(evidence, session, firstOf(answers).frame)
  );
}

function describe({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality) {
  const { variant, waiting, instead, exchange } = stalls[0];
  const [from, to] = exchange.from === 'initiator' ? [initiator, responder] : [responder, initiator];
  const counts = {
    ...stallCounts(stalls),
    informationals: transmissionsOf(
      stalls.filter((stall) => stall.variant === 'informational').flatMap((stall) => stall.instead),
    ),
  };
  const sent = `Phase 1 is complete; then ${from} sent ${sendingText(stalls)} to ${to}`;
  switch (variant) {
    case 'informational':
      return {
        explanation: `${sent}, and ${to} answered by an encrypted informational in place of QR1, probably a notify that refuses the proposal.`,
        counts,
        where: 'receiver' as const,
      };
    case 'short-answer':
      return {
        title: 'CHILD_SA was refused',
        explanation:
          `${to} accepted the IKE SA of ${from}, but its answer has ${instead[0].encryptedLength} encrypted bytes to a ` +
          `request of ${waiting[0].encryptedLength}: no room for an SA, so that the CHILD_SA was probably refused. No ESP follows.`,
        counts,
        where: 'receiver' as const,
      };
    case 'third-missing':
      return {
        explanation: `${to} answered quick mode with ${sendingText(stalls)}, and ${from} never confirmed it. ${watchedText(stalls, quality)}`,
        counts,
        direction: { from, to },
      };
    case 'xauth-missing':
      return xauthText(stalls, quality, initiator, responder);
    case 'answers-lost':
      return {
        explanation: `${sent}, although ${to} answered: the answers do not reach the IKE daemon of ${from}.`,
        counts,
        direction: { from: to, to: from },
      };
    default:
      return { explanation: `${sent} and got no answer. ${watchedText(stalls, quality)}`, counts };
  }
}

/** Who asks changes: new keys are asked for by the side whose timer runs out first. */
function laterText(evidence: Evidence, { initiator, responder }: IkePair, stalls: NonEmpty<Stall>) {
  const { session, waiting, instead } = stalls[stalls.length - 1];
  const asked = waiting[waiting.length - 1];
  const [from, to] = asked.from === 'initiator' ? [initiator, responder] : [responder, initiator];
  const times = waiting.length === 1 ? '' : `, as ${waiting.length - 1} before it,`;
  const isWorking = hasEspAfter(evidence, session, firstOf([instead[instead.length - 1]]).frame);
  return {
    title: 'A new CHILD_SA is refused',
    explanation:
      `In the standing IKE SA ${from} asked for a CHILD_SA, or for new keys, with ${asked.encryptedLength} encrypted bytes; the answer of ` +
      `${to}${times} has ${instead[instead.length - 1].encryptedLength}, room for an error notify only. ` +
      (isWorking ? 'ESP goes on with the keys of before, for as long as they last.' : 'No ESP follows.'),
    counts: { ...stallCounts(stalls), informationals: 0 },
    causes: [
      'PFS differs: the first CHILD_SA of IKEv2 is made without a group of its own, so that a difference shows when new keys are due',
      'The ESP algorithms or the subnets differ',
      'The peer refuses for other reasons: too many SAs, no address left, an error of its own',
    ],
    nextSteps: [
      `Read the log of ${to} at that time: NO_PROPOSAL_CHOSEN, TS_UNACCEPTABLE, or what else it says; on the wire the reason is encrypted`,
      'Compare PFS of both sides: a group at the end of esp_proposals (esp=, pfs=) on one of them alone is the difference',
      'Compare the subnets of both sides (local_ts, remote_ts; leftsubnet=, rightsubnet=)',
    ],
    direction: { from, to },
    where: 'receiver' as const,
    ...(isWorking ? { severity: 'warning' as const } : {}),
  };
}

function xauthText(stalls: NonEmpty<Stall>, quality: CaptureQuality, initiator: string, responder: string) {
  const isChosen = stalls.some(({ confidence }) => confidence === 'medium');
  const counts = { ...stallCounts(stalls), informationals: 0 };
  const times = counts.attempts > 1 ? `, ${counts.attempts} times` : '';
  return {
    title: 'XAUTH never starts after main mode',
    explanation:
      `Main mode between ${initiator} and ${responder} is complete${times}, and both ` +
      `${isChosen ? 'agreed on' : 'announced'} XAUTH; but neither the XAUTH request for name and password, which the gateway has to send, nor a quick mode follows. ` +
      watchedText(stalls, quality),
    counts,
    ...(isChosen ? {} : { severity: 'warning' as const }),
    where: 'receiver' as const,
  };
}
