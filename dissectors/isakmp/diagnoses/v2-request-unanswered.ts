import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import type { NonEmpty } from '../../../src/moment.js';
import { EXCHANGE_SA_INIT } from '../layout.js';
import { judgeStalls, type StallText, sendingText, stallCounts, watchedText } from '../pair-judgement.js';
import { hasEspAfter, type IkePair } from '../pair-sessions.js';
import type { IkeSession } from '../session.js';
import { firstOf, type Stall, TRANSMISSIONS_MIN, transmissionsOf } from '../stall.js';
import { ANSWERED_IN_VAIN_MIN } from '../stalls-v2.js';

export default defineDiagnosis({
  id: 'ike.v2-request-unanswered',
  // A line does not tell the fragments of a message from its repetitions.
  lines: 'mislead',
  title: 'IKEv2 request unanswered',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'An IKEv2 request after the first answer (IKE_SA_INIT with a cookie, IKE_AUTH, CREATE_CHILD_SA and others, not ' +
    'INFORMATIONAL) is sent at least twice, and no response with its message id comes; or the initiator sends it at least 4 times though it is answered, and says nothing more.',
  notWhen:
    'Fragments of the request are missing (ike.fragments-incomplete); port 4500 as a whole is silent ' +
    '(ike.natt-4500-blocked); it is an INFORMATIONAL (ike.dpd-unanswered); the capture ends too soon.',
  causes: [
    'The request gets lost: it is larger than those that worked (certificates), and fragments are filtered',
    'The responder dropped it: cannot authenticate, cannot decrypt, has lost the IKE SA',
    'The response gets lost on the way back',
  ],
  nextSteps: [
    'Read the log of the responder: a request that arrived is logged there',
    "Capture on both ends at once: tcpdump -ni IFACE -w sgN.pcap 'host PEER and not port 22'",
    'With certificates: ping -s 5000 PEER; enable IKE fragmentation (fragmentation=yes) on both sides',
  ],
  ruledOut: {
    'lost-on-path': ['The responder dropped it'],
    arrives: ['The request gets lost'],
  },
  refutedBy: 'The response in a capture of the same time at the side that asked.',
  source: 'RFC 7296 sections 2.1 and 2.4; Openswan guide, fragmentation problem',
  thresholds: {
    transmissions: [
      TRANSMISSIONS_MIN,
      'sendings',
      'IKEv2 requests are repeated, bit by bit, only when the timer has run out',
    ],
    answered: [ANSWERED_IN_VAIN_MIN, 'sendings', 'three answers in a row are not lost by chance'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused', 'fragments', 'mtu', 'large-packets-lost'],
  consequenceOfIds: [
    'ike.auth-failure',
    'ike.fragments-incomplete',
    'ike.natt-4500-blocked',
    'ike.natt-4500-local',
    'ike.port-moved-back',
    'natt.keepalive-missing',
  ],
  technology: 'ipsec',
  diagnose: (evidence) =>
    judgeStalls(evidence, {
      kind: 'v2-request-unanswered',
      applies,
      accepts: (pair, stall, evidence) =>
        !isOfBlockedPort(pair, stall) &&
        (stall.variant !== 'answers-lost' ||
          !hasEspAfter(evidence, stall.session, firstOf([...stall.waiting, ...stall.instead]).frame)),
      describe,
    }),
});

function applies({ version, exchanges }: IkeSession): boolean {
  return version === 2 && exchanges.some(({ exchangeType }) => exchangeType !== EXCHANGE_SA_INIT);
}

/** The end of an attempt that began before the capture, where others prove that port 4500 is silent. */
function isOfBlockedPort({ stalls }: IkePair, { session }: Stall): boolean {
  return (
    !session.startSeen &&
    session.usesPort4500 &&
    stalls.some(({ kind }) => kind === 'natt-4500-blocked' || kind === 'natt-4500-local')
  );
}

function describe({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality) {
  const { exchange, variant } = stalls[0];
  const [from, to] = exchange.from === 'initiator' ? [initiator, responder] : [responder, initiator];
  const explanation = `${from} sent its ${sendingText(stalls)} to ${to}, and no response came. ${watchedText(stalls, quality)}`;
  const counts = stallCounts(stalls);
  if (variant === 'answers-lost') return describeAnswersLost(from, to, stalls);
  if (variant !== 'ip-fragments') return { explanation, counts };
  return {
    explanation: `${explanation} The request travels in IP fragments, which are the first thing to suspect.`,
    counts,
    causes: [
      'A router or firewall on the way drops IP fragments; the request with a certificate is larger than one packet',
      'A firewall on the responder drops fragments before they are put together',
    ],
  };
}

function describeAnswersLost(from: string, to: string, stalls: NonEmpty<Stall>): StallText {
  const answers = transmissionsOf(stalls.flatMap(({ instead }) => instead));
  return {
    title: 'IKEv2 answers do not reach the initiator',
    explanation:
      `${from} sent its ${sendingText(stalls)} to ${to}, although ${to} answered (${answers} answers in this capture), and then ` +
      'nothing more: the answers get lost between this capture point and the IKE daemon of the initiator.',
    counts: { ...stallCounts(stalls), answers },
    direction: { from: to, to: from },
  };
}
