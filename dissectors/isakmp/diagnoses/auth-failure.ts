import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { isNonEmpty, type NonEmpty } from '../../../src/moment.js';
import { seconds } from '../../../src/units.js';
import { isAuthenticationRefused } from '../daemon-log.js';
import * as isakmp from '../layout.js';
import { judgeStalls, type StallRule, sendingText, stallCounts } from '../pair-judgement.js';
import type { IkePair } from '../pair-sessions.js';
import { hasEspAfter, ikePairs } from '../pair-sessions.js';
import { ERROR_ANSWER_LENGTH_MAX } from '../progress.js';
import type { IkeSession } from '../session.js';
import { notifyName } from '../shared/names.js';
import { firstOf, INFORMATIONAL_SECONDS, type Stall, type StallKind, transmissionsOf } from '../stall.js';
import { GIVEN_UP_SECONDS } from '../stalls-v2.js';

const WINDOW_SECONDS = 600;

export default defineDiagnosis({
  id: 'ike.auth-failure',
  title: 'IKE authentication failed',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'IKEv1: an informational of the responder with the same cookies within 2 s of MI3, on whatever port, in place of ' +
    'MR3. IKEv2: the last IKE_AUTH answer has less than 72 encrypted bytes, room for an error notify and nothing else. ' +
    'Or the initiator has the whole IKE_AUTH answer, sends one informational within 1 s and never uses the SA, in at least two attempts ' +
    'within 10 minutes: it does not accept the responder. High confidence where AUTHENTICATION-FAILED is readable, or where the log of a daemon (--log) says that authentication failed; ' +
    'medium where the informational is repeated or readable. With such a log also: MI3 or the IKE_AUTH request stays unanswered.',
  notWhen: 'MR3 came; the IKE SA went on after the short answer (EAP does); ESP follows.',
  causes: [
    'Different pre-shared keys: the responder decrypts MI3 to garbage (PAYLOAD-MALFORMED, INVALID-ID-INFORMATION)',
    'The certificate or RSA key is not the one the peer expects, has expired, or its authority is not trusted',
    'The clock of the side that verifies is wrong: a certificate is expired, or not yet valid',
    'The identity (leftid, rightid) is not the one of the configuration on the other side',
  ],
  nextSteps: [
    'Read the log of the side that refuses: it names the reason that the wire does not show',
    'With certificates: date on both sides, and openssl x509 -noout -dates -subject -in CERT on the one that is refused',
    'Compare the pre-shared keys and identities of both sides, character by character',
    'Test with raw RSA keys, which rule out certificates and typing',
  ],
  refutedBy: 'The log of the responder says that it authenticated the initiator.',
  source: 'Openswan guide, situation B; RFC 2408 section 3.14.1, RFC 7296 sections 1.2 and 2.21.2',
  thresholds: {
    givenUpSeconds: [
      GIVEN_UP_SECONDS,
      's',
      'checking certificates takes milliseconds; dead peer detection and users take longer',
    ],
    informationalSeconds: [INFORMATIONAL_SECONDS, 's', 'a peer that cannot read a message says so at once'],
    encryptedBytes: [
      ERROR_ANSWER_LENGTH_MAX,
      'bytes',
      'an error notify alone takes 68 with the longest checksum; measured: refused CHILD_SA 116, success 196',
    ],
  },
  fault: 'key-exchange',
  technology: 'ipsec',
  explicitSignal: true,
  *diagnose(evidence) {
    yield* judgeStalls(evidence, {
      kind: 'auth-failure',
      applies: ({ established }: IkeSession) => established !== null,
      accepts: (pair, stall) =>
        isNonEmpty(stall.instead) &&
        !hasEspAfter(evidence, stall.session, firstOf(stall.instead).frame) &&
        (stall.variant !== 'given-up' || isRepeated(pair, stall)),
      describe: (pair, stalls) => ({
        ...describe(pair, stalls),
        ...(isAuthenticationRefused(evidence, pair) ? { confidence: 'high' as const } : {}),
      }),
    });
    for (const kind of SILENT_REFUSALS) yield* judgeStalls(evidence, refusedByLog(evidence, kind));
    yield* begunBefore(evidence);
  },
});

const HANDSHAKES = [
  isakmp.EXCHANGE_MAIN,
  isakmp.EXCHANGE_AGGRESSIVE,
  isakmp.EXCHANGE_SA_INIT,
  isakmp.EXCHANGE_AUTH,
];

/** A handshake without its first messages that comes to nothing: what it failed for stands in those. */
function* begunBefore(evidence: Evidence): Generator<Judgement> {
  for (const { sessions, stalls, subject } of ikePairs(evidence)) {
    if (stalls.length > 0 || sessions.some(({ established }) => established !== null)) continue;
    const isCut = sessions.some(
      ({ startSeen, exchanges }) =>
        !startSeen && exchanges.some(({ exchangeType }) => HANDSHAKES.includes(exchangeType)),
    );
    if (!isCut) continue;
    yield insufficientData(
      subject,
      'The key exchange began before the capture and is not seen to succeed: whether it failed, and for what, its first messages tell; ' +
        'start the capture, then the tunnel: udp port 500 or udp port 4500.',
    );
  }
}

/** Another attempt ended in the same way. */
function isRepeated({ stalls }: IkePair, { session }: Stall): boolean {
  return stalls.some(
    (other) =>
      other.variant === 'given-up' &&
      other.session !== session &&
      other.session.segment === session.segment &&
      Math.abs(other.session.first.timeNs - session.first.timeNs) <= seconds(WINDOW_SECONDS),
  );
}

/** A responder that refuses without a word leaves these; its log is what tells them from loss. */
const SILENT_REFUSALS: readonly StallKind[] = ['mi3-unanswered', 'v2-request-unanswered'];

function refusedByLog(evidence: Evidence, kind: StallKind): StallRule {
  return {
    kind,
    applies: () => false,
    accepts: (pair, { insufficient }) =>
      insufficient === null &&
      isAuthenticationRefused(evidence, pair) &&
      !pair.stalls.some((stall) => stall.kind === 'auth-failure'),
    describe: (pair, stalls) => ({
      explanation: `${pair.initiator} authenticated itself with its ${sendingText(stalls)}, and ${pair.responder} did not answer.`,
      confidence: 'high',
      counts: { ...stallCounts(stalls), refusals: 0 },
      where: 'receiver',
    }),
  };
}

function describe({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>) {
  const answers = stalls.flatMap(({ instead }) => instead);
  const counts = { ...stallCounts(stalls), refusals: transmissionsOf(answers) };
  const sent = `${initiator} authenticated itself with its ${sendingText(stalls)}`;
  if (stalls.every(({ variant }) => variant === 'given-up')) {
    return {
      title: 'The initiator does not accept the responder',
      explanation:
        `${sent}; ${responder} answered in full, and at once ${initiator} sent one informational and left the SA, ` +
        `${counts.attempts} times. So it does when it cannot verify the responder: its certificate is expired or not yet valid ` +
        'by the clock of the initiator, its authority is not trusted, or its identity is another one.',
      counts: { ...stallCounts(stalls), refusals: counts.attempts },
      where: 'sender' as const,
    };
  }
  const readable = answers.find(({ notifyType }) => notifyType !== 0);
  const words = readable
    ? `${responder} answered ${notifyName(stalls[0].session.version, readable.notifyType)} in clear`
    : stalls[0].variant === 'short-answer'
      ? `the answer of ${responder} has ${answers[0].encryptedLength} encrypted bytes, room for an error notify only`
      : `${responder} answered each time by an encrypted informational in place of MR3 (${counts.refusals} times)`;
  return { explanation: `${sent}; ${words}.`, counts, where: 'receiver' as const };
}
