import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import {
  NOTIFY_INVALID_MAJOR_VERSION,
  NOTIFY_NO_PROPOSAL_CHOSEN,
  NOTIFY_V2_INVALID_KE_PAYLOAD,
} from '../layout.js';
import { sessionFilter } from '../pair-judgement.js';
import { establishedAfter, type IkePair, ikePairs } from '../pair-sessions.js';
import type { IkeNotify, IkeSession } from '../session.js';
import { notifyName } from '../shared/names.js';

interface Received {
  readonly session: IkeSession;
  readonly notify: IkeNotify;
}

export default defineDiagnosis({
  id: 'ike.notify',
  title: 'Peer sent an IKE error notify',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 2,
  rule: 'An error notify in clear (IKEv1: types 1 to 8191; IKEv2: below 16384) that no more specific finding speaks of.',
  notWhen:
    'It is NO-PROPOSAL-CHOSEN or INVALID_KE_PAYLOAD (ike.no-proposal), INVALID-MAJOR-VERSION (ike.version-mismatch), or ' +
    'the refusal of a third message (ike.auth-failure).',
  causes: [
    'INVALID-COOKIE, INVALID_IKE_SPI, INVALID_SPI: the sender of the notify lost the SA, usually by a restart',
    'PAYLOAD-MALFORMED, INVALID_SYNTAX: it could not read the message, by different keys or by a broken implementation',
    'Others name their reason',
  ],
  nextSteps: [
    'Read the log of the host that sent the notify, at that time',
    'After a restart of one side: restart the connection on the other (ipsec auto --down, --up), or enable dead peer detection',
  ],
  refutedBy:
    'The notify is forged: in clear it is not authenticated. The log of its sender would not mention it.',
  source: 'RFC 2408 section 3.14.1, RFC 7296 sections 1.5, 2.21 and 3.10.1',
  fault: 'key-exchange',
  technology: 'ipsec',
  explicitSignal: true,
  *diagnose(evidence) {
    for (const pair of ikePairs(evidence)) {
      const received = pair.sessions.flatMap((session) =>
        session.notifies
          .filter((notify) => isUnclaimed(pair, session, notify))
          .map((notify) => ({ session, notify })),
      );
      if (received.length > 0)
        yield problemOf(
          pair,
          received,
          establishedAfter(evidence, pair, received[received.length - 1].notify.frame) !== null,
        );
      else if (pair.sessions.some(({ messageCount }) => messageCount.responder > 0)) {
        yield { result: 'healthy', subject: pair.subject };
      }
    }
  },
});

const PRIVATE_FIRST_V1 = 8192;

function isUnclaimed(pair: IkePair, session: IkeSession, { type, from, frame }: IkeNotify): boolean {
  if (type === NOTIFY_NO_PROPOSAL_CHOSEN || type === NOTIFY_INVALID_MAJOR_VERSION) return false;
  if (session.version === 1 && type >= PRIVATE_FIRST_V1) return false;
  if (session.version === 2 && type === NOTIFY_V2_INVALID_KE_PAYLOAD) return false;
  return !pair.stalls.some(
    (stall) =>
      stall.kind === 'auth-failure' &&
      stall.session === session &&
      from === 'responder' &&
      stall.instead.some(({ transmissions }) => transmissions.some((sent) => sent.frame === frame)),
  );
}

function problemOf(pair: IkePair, received: readonly Received[], hasRecovered: boolean) {
  const [{ session, notify: first }] = received;
  const last = received[received.length - 1].notify;
  const names = [...new Set(received.map(({ notify }) => notifyName(session.version, notify.type)))];
  const [from, to] =
    first.from === 'initiator' ? [pair.initiator, pair.responder] : [pair.responder, pair.initiator];
  return {
    result: 'problem',
    subject: pair.subject,
    confidence: 'high',
    title: `Peer sent ${names[0]}`,
    explanation: `${from} sent ${names.join(', ')} to ${to} in clear${received.length > 1 ? `, ${received.length} notifies in all` : ''}.`,
    pair: [pair.initiator, pair.responder],
    direction: { from, to },
    where: 'sender',
    first,
    last,
    ongoingAtEnd: !hasRecovered,
    counts: { notifies: received.length },
    evidence: received.map(({ notify }) => ({
      frame: notify.frame,
      timeNs: notify.timeNs,
      segment: notify.segment,
      summary: `${notifyName(session.version, notify.type)} from ${from}`,
    })),
    displayFilter: sessionFilter(
      pair,
      received.map((one) => one.session),
    ),
    packetClass: 'ike',
  } as const;
}
