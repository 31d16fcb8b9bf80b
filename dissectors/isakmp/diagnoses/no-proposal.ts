import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { seconds } from '../../../src/units.js';
import { EXCHANGE_SA_INIT, NOTIFY_NO_PROPOSAL_CHOSEN, NOTIFY_V2_INVALID_KE_PAYLOAD } from '../layout.js';
import { directionOf, sessionFilter } from '../pair-judgement.js';
import { establishedAfter, type IkePair, ikePairs } from '../pair-sessions.js';
import { requestsOf } from '../progress.js';
import type { IkeNotify, IkeSession } from '../session.js';
import { notifyName } from '../shared/names.js';

interface Refusal {
  readonly session: IkeSession;
  readonly notify: IkeNotify;
}

/** An attempt with other proposals that succeeds within that time belongs to the same attempt to connect. */
const FALLBACK_SECONDS = 60;

export default defineDiagnosis({
  id: 'ike.no-proposal',
  title: 'No common IKE proposal',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'NO-PROPOSAL-CHOSEN (14), or INVALID_KE_PAYLOAD (17, IKEv2) that no request with the wanted group follows, in clear, ' +
    'before the IKE SA stands. Information where the initiator went on with another offer and succeeded within 60 s.',
  notWhen:
    'The notify is encrypted: then it is about phase 2, and a capture cannot show it (ike.quick-stalled). ' +
    'INVALID_KE_PAYLOAD where no request of the initiator is in the capture.',
  causes: [
    'The IKE policies of both sides have no cipher, hash, group and authentication method in common',
    'The responder has no connection at all for this address, and says it this way',
    'One side insists on a group or a key length that the other has switched off',
  ],
  nextSteps: [
    'Compare the ike= lines (swanctl: proposals) of both sides; what was offered stands in this finding',
    'Log of the responder: it lists the proposals it received and those it is configured for',
  ],
  refutedBy: 'An IKE SA between the two that was established with the same offer.',
  source:
    'RFC 2408 section 3.14.1, RFC 7296 sections 1.2, 2.7 and 3.10.1; Openswan guide, situation C (policy)',
  thresholds: {
    fallbackSeconds: [
      FALLBACK_SECONDS,
      's',
      'a daemon that has another offer sends it at once; a longer pause is a new attempt by hand or timer',
    ],
  },
  fault: 'key-exchange',
  technology: 'ipsec',
  explicitSignal: true,
  *diagnose(evidence) {
    for (const pair of ikePairs(evidence)) {
      const told = pair.sessions.flatMap((session) => refusalsOf(session));
      const refusals = told.filter((refusal) => isFinal(pair, refusal));
      if (refusals.length > 0) yield judge(evidence, pair, refusals);
      else if (told.length > 0) yield requestsMissing(pair);
      else if (pair.sessions.some(({ messageCount }) => messageCount.responder > 0)) {
        yield { result: 'healthy', subject: pair.subject };
      }
    }
  },
});

function refusalsOf(session: IkeSession): Refusal[] {
  return session.notifies
    .filter(
      ({ from, type, frame }) =>
        from === 'responder' &&
        (type === NOTIFY_NO_PROPOSAL_CHOSEN ||
          (session.version === 2 && type === NOTIFY_V2_INVALID_KE_PAYLOAD)) &&
        (session.established === null || frame < session.established.frame),
    )
    .map((notify) => ({ session, notify }));
}

/** INVALID_KE_PAYLOAD asks for another request: whether that came shows only where requests are in the capture. */
function isFinal({ sessions }: IkePair, { notify: { type } }: Refusal): boolean {
  if (type !== NOTIFY_V2_INVALID_KE_PAYLOAD) return true;
  return sessions.some(({ messageCount }) => messageCount.initiator > 0);
}

function requestsMissing({ initiator, responder, subject }: IkePair): Judgement {
  return insufficientData(subject, {
    id: 'capture.one-sided',
    reason:
      `${responder} asks for another key exchange group, and no request of ${initiator} is in the capture, which would show ` +
      'whether it took that group; capture both directions.',
  });
}

/** The initiator sent its request again, under the same SPI or a new one, with the group that the responder asked for. */
function isGroupTaken(pair: IkePair, { notify }: Refusal): boolean {
  if (notify.type !== NOTIFY_V2_INVALID_KE_PAYLOAD) return false;
  return pair.sessions
    .flatMap(({ exchanges }) => exchanges)
    .filter(({ exchangeType }) => exchangeType === EXCHANGE_SA_INIT)
    .flatMap(requestsOf)
    .some(
      ({ keyExchangeGroup, transmissions }) =>
        keyExchangeGroup === notify.wantedGroup &&
        transmissions.some((sent) => sent.frame > notify.frame && isSoonAfter(sent, notify)),
    );
}

function isSoonAfter(later: FrameRef, earlier: FrameRef): boolean {
  return later.segment === earlier.segment && later.timeNs - earlier.timeNs <= seconds(FALLBACK_SECONDS);
}

function judge(evidence: Evidence, pair: IkePair, refusals: readonly Refusal[]): Judgement {
  const [{ session, notify: first }] = refusals;
  const last = refusals[refusals.length - 1].notify;
  const isTaken = refusals.every((refusal) => isGroupTaken(pair, refusal));
  const next = establishedAfter(evidence, pair, last.frame);
  const isFallback = next !== null && isSoonAfter(next, last);
  const offered = session.peers.initiator.proposal;
  const offer = offered ? ` Offered: ${offered.text}.` : '';
  const group = first.wantedGroup > 0 ? ` and asks for DH group ${first.wantedGroup}` : '';
  return {
    result: 'problem',
    subject: pair.subject,
    ...((isTaken || isFallback) && { severity: 'info' }),
    ...(isTaken && { title: 'The first key exchange group was refused' }),
    confidence: 'high',
    explanation:
      `${pair.responder} answers ${notifyName(session.version, first.type)} to the first message of ${pair.initiator}${group}` +
      `${refusals.length > 1 ? `, ${refusals.length} times` : ''}.${offer}` +
      `${isTaken ? ' The initiator repeated its request with that group.' : ''}` +
      `${!isTaken && isFallback ? ' A later attempt succeeded.' : ''}`,
    pair: [pair.initiator, pair.responder],
    direction: directionOf(pair),
    where: 'receiver',
    first,
    last,
    ongoingAtEnd: !isTaken && next === null,
    counts: { refusals: refusals.length, attempts: new Set(refusals.map((one) => one.session)).size },
    evidence: refusals.map(({ session: { version }, notify }) => ({
      frame: notify.frame,
      timeNs: notify.timeNs,
      segment: notify.segment,
      summary: `${notifyName(version, notify.type)} from ${pair.responder}`,
    })),
    displayFilter: sessionFilter(
      pair,
      refusals.map((one) => one.session),
    ),
    packetClass: 'ike',
  };
}
