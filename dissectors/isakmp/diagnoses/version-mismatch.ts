import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { NOTIFY_INVALID_MAJOR_VERSION } from '../layout.js';
import { sessionFilter } from '../pair-judgement.js';
import { establishedAfter, type IkePair, ikePairs } from '../pair-sessions.js';
import type { IkeRole, IkeSession } from '../session.js';

export default defineDiagnosis({
  id: 'ike.version-mismatch',
  title: 'IKE version mismatch',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 3,
  rule:
    'A peer answers INVALID-MAJOR-VERSION (5) to a message that is in the capture; or one host opens IKEv1 only and the other IKEv2 only, and neither gets an ' +
    'IKE SA out of it.',
  notWhen:
    'An IKE SA between the two stands, in whatever version; nobody is seen to ask: whoever sends such a notify unasked, with ' +
    'whatever cookies, says nothing of an exchange.',
  causes: [
    'One side is configured for IKEv1 only, the other for IKEv2 only (ikev2=, keyexchange=, version=)',
  ],
  nextSteps: [
    'Set the same version on both sides: ikev2=yes (libreswan), keyexchange=ikev2 or version = 2 (strongSwan)',
  ],
  refutedBy: 'An IKE SA between the two.',
  source: 'RFC 7296 sections 2.5 and 3.1; RFC 2408 section 3.1',
  fault: 'key-exchange',
  technology: 'ipsec',
  *diagnose(evidence) {
    for (const pair of ikePairs(evidence)) yield judge(evidence, pair);
  },
});

function judge(evidence: Evidence, pair: IkePair): Judgement {
  const isUp = establishedAfter(evidence, pair, 0) !== null;
  const refusals = pair.sessions.filter(({ notifies }) =>
    notifies.some(({ type }) => type === NOTIFY_INVALID_MAJOR_VERSION),
  );
  const refusing = refusals.filter(isAnswered);
  const other = crossingPair(evidence, pair);
  if (isUp || (refusals.length === 0 && !other)) return { result: 'healthy', subject: pair.subject };
  if (refusing.length === 0 && !other) {
    const reason =
      'INVALID-MAJOR-VERSION came, and the message that it answers is not in the capture; capture from before the first attempt.';
    return insufficientData(pair.subject, reason);
  }
  const sessions = refusing.length > 0 ? refusing : [...pair.sessions, ...(other?.sessions ?? [])];
  const notify = refusing[0]?.notifies.find(({ type }) => type === NOTIFY_INVALID_MAJOR_VERSION);
  const [version] = pair.sessions.map((session) => session.version);
  return {
    result: 'problem',
    subject: pair.subject,
    confidence: notify ? 'high' : 'medium',
    explanation: notify
      ? `${notify.from === 'initiator' ? pair.initiator : pair.responder} answers INVALID-MAJOR-VERSION to IKEv${version}.`
      : `${pair.initiator} opens IKEv${version} only and ${pair.responder} IKEv${3 - version} only, and no IKE SA comes of it.`,
    pair: [pair.initiator, pair.responder],
    where: 'receiver',
    first: notify ?? sessions[0].first,
    last: sessions[sessions.length - 1].last,
    ongoingAtEnd: true,
    counts: { attempts: sessions.length },
    evidence: sessions.map((session) => ({
      ...session.first,
      summary: `IKEv${session.version} opened by ${session.initiator}`,
    })),
    displayFilter: sessionFilter(pair, sessions),
    packetClass: 'ike',
  };
}

/** The message that was refused is there, before the refusal. */
function isAnswered({ exchanges, notifies }: IkeSession): boolean {
  const asked = (from: IkeRole, frame: number): boolean =>
    exchanges.some(({ messages }) =>
      messages.some((message) => message.from !== from && message.transmissions[0].frame < frame),
    );
  return notifies.some(
    ({ type, from, frame }) => type === NOTIFY_INVALID_MAJOR_VERSION && asked(from, frame),
  );
}

/** The other host opens towards this one in the other version only; reported once, for the pair seen first. */
function crossingPair(evidence: Evidence, pair: IkePair): IkePair | null {
  const versions = new Set(pair.sessions.map(({ version }) => version));
  if (versions.size > 1 || pair.sessions.some(({ startSeen }) => !startSeen)) return null;
  const pairs = ikePairs(evidence);
  const other = pairs.find(
    ({ initiator, responder, stack }) =>
      initiator === pair.responder && responder === pair.initiator && stack === pair.stack,
  );
  if (!other || pairs.indexOf(other) < pairs.indexOf(pair)) return null;
  const isOpposite = other.sessions.every(({ version, startSeen }) => startSeen && !versions.has(version));
  return isOpposite ? other : null;
}
