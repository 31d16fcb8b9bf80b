import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { secondsToPause, watchedSecondsAfter } from '../../src/correlate/watched.js';
import { isNonEmpty, secondsBetween } from '../../src/moment.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { secondsText } from '../../src/wording/durations.js';
import * as isakmp from './layout.js';
import {
  answersOf,
  CHILD_ANSWER_LENGTH_MIN,
  ERROR_ANSWER_LENGTH_MAX,
  isAuthRefused,
  isWhole,
  lastAuthAnswer,
  refusedChildren,
  requestsOf,
} from './progress.js';
import type { IkeExchange, IkeSession } from './session.js';
import {
  answersLost,
  firstOf,
  hasMovedTo4500,
  INFORMATIONAL_GAP_SECONDS,
  isIpFragmented,
  isRepeatedAfter,
  lastOf,
  nothingFollows,
  portBlockedStall,
  refusedStall,
  SLOW_ANSWER_SECONDS,
  type Stall,
  TRANSMISSIONS_MIN,
  transmissionsOf,
  waitingStall,
} from './stall.js';

/** Requests that are answered each time, at least: three answers in a row are not lost by chance. */
export const ANSWERED_IN_VAIN_MIN = 4;
/** By how many bytes an answer that refuses the CHILD_SA is shorter than its request, at least. */
export const REFUSED_CHILD_SHORTER_BY = 96;
/** Checking a certificate chain takes milliseconds; dead peer detection and users who think better of it take longer. */
export const GIVEN_UP_SECONDS = 1;

/** Requests of IKEv2 that were sent in vain, and answers that refuse. */
export function stallsOfV2(session: IkeSession, quality: CaptureQuality): Stall[] {
  const stalls: (Stall | null)[] = [];
  for (const exchange of session.exchanges) {
    // A refusal of the version comes as an informational of IKEv1; nobody answers that.
    if (exchange.exchangeType === isakmp.EXCHANGE_V1_INFORMATIONAL) continue;
    if (exchange.exchangeType === isakmp.EXCHANGE_SA_INIT) {
      if (session.startSeen) stalls.push(initStall(session, exchange, quality));
    } else if (answersOf(exchange).length > 0) {
      stalls.push(incompleteAnswer(session, exchange, quality) ?? answeredInVain(session, exchange, quality));
    } else if (exchange.exchangeType === isakmp.EXCHANGE_V2_INFORMATIONAL) {
      stalls.push(informationalStall(session, exchange, quality));
    } else if (exchange.messages.length > 0) {
      stalls.push(requestStall(session, exchange, quality));
    }
  }
  stalls.push(refusedAuth(session, quality) ?? refusedChild(session) ?? givenUp(session));
  stalls.push(refusedLater(session, quality));
  return stalls.filter((stall) => stall !== null);
}

function initStall(session: IkeSession, exchange: IkeExchange, quality: CaptureQuality): Stall | null {
  const requests = requestsOf(exchange);
  const answers = answersOf(exchange);
  const base = { session, exchange, instead: [] };
  if (!isNonEmpty(requests)) return null;
  if (!isNonEmpty(answers)) {
    if (session.messageCount.responder > 0) return null;
    return waitingStall(quality, { ...base, kind: 'no-response', variant: 'silence', waiting: requests });
  }
  const accepted = answers.filter(({ payloads }) => (payloads & isakmp.HAS_SA) !== 0);
  if (isNonEmpty(accepted)) {
    if (session.exchanges.length > 1) return null;
    return isRepeatedAfter(requests, accepted)
      ? answersLost('no-response', session, exchange, requests, accepted)
      : nothingFollows(session, exchange, accepted, quality);
  }
  // The answer asked for a cookie or another group, or refused; the next request waits for its own answer.
  if (!isNonEmpty(answers)) return null;
  const lastAnswer = lastOf(answers);
  const waiting = requests.filter((request) => firstOf([request]).frame > lastAnswer.frame);
  if (transmissionsOf(waiting) >= TRANSMISSIONS_MIN) {
    return waitingStall(quality, { ...base, kind: 'v2-request-unanswered', variant: 'silence', waiting });
  }
  return answers.some(({ notifyType }) => notifyType !== 0) ? refusedStall(session, exchange) : null;
}

function requestStall(session: IkeSession, exchange: IkeExchange, quality: CaptureQuality): Stall | null {
  const waiting = requestsOf(exchange);
  const base = { session, exchange, waiting, instead: [] };
  if (!waiting.some(isWhole)) {
    return waitingStall(quality, { ...base, kind: 'fragments-incomplete', variant: 'not-arriving' });
  }
  const isShort = transmissionsOf(waiting) < TRANSMISSIONS_MIN;
  const stall = { ...base, kind: 'v2-request-unanswered' } as const;
  if (isIpFragmented(waiting)) {
    return isShort ? null : waitingStall(quality, { ...stall, variant: 'ip-fragments' });
  }
  const opens =
    exchange.exchangeType === isakmp.EXCHANGE_AUTH || exchange.exchangeType === isakmp.EXCHANGE_INTERMEDIATE;
  const blocked =
    opens && exchange.from === 'initiator' ? portBlockedStall(session, exchange, waiting, quality) : null;
  if (blocked) return blocked;
  const result = waitingStall(quality, { ...stall, variant: 'silence' });
  return isShort && result?.insufficient === null ? null : result;
}

/** Fragments of an answer that never came whole, and the request is repeated because of it. */
function incompleteAnswer(session: IkeSession, exchange: IkeExchange, quality: CaptureQuality): Stall | null {
  const answers = answersOf(exchange);
  const requests = requestsOf(exchange);
  if (!isNonEmpty(requests) || !isNonEmpty(answers) || answers.some(isWhole)) return null;
  if (!isRepeatedAfter(requests, answers)) return null;
  return waitingStall(quality, {
    kind: 'fragments-incomplete',
    variant: 'not-arriving',
    session,
    exchange,
    waiting: answers,
    instead: [],
  });
}

/**
 * A request that is repeated although it is answered, and of which the sender says no more: the answers do not arrive. One that
 * was lost is made up for by the next; informationals have a rule of their own. Where the last answer may still have helped, or
 * the capture is at the asking end, it says nothing.
 */
function answeredInVain(session: IkeSession, exchange: IkeExchange, quality: CaptureQuality): Stall | null {
  const { initiator, capturedAt } = session;
  const requests = requestsOf(exchange);
  const answers = answersOf(exchange);
  if (exchange.exchangeType === isakmp.EXCHANGE_V2_INFORMATIONAL || exchange.from !== 'initiator')
    return null;
  if (!isNonEmpty(requests) || !isNonEmpty(answers) || capturedAt === 'initiator') return null;
  if (quality.local.includes(initiator)) return null;
  const isLast = session.lastFrom.initiator?.frame === lastOf(requests).frame;
  if (!isLast || transmissionsOf(requests) < ANSWERED_IN_VAIN_MIN || !isRepeatedAfter(requests, answers))
    return null;
  if (secondsToPause(quality, lastOf(requests)) < SLOW_ANSWER_SECONDS) return null;
  const isMoved = exchange.exchangeType === isakmp.EXCHANGE_AUTH && hasMovedTo4500(session, requests);
  const kind = isMoved ? 'natt-4500-blocked' : 'v2-request-unanswered';
  return answersLost(kind, session, exchange, requests, answers);
}

/** The same INFORMATIONAL at least twice, at least two seconds apart, and no message of the peer since the first. */
function informationalStall(
  session: IkeSession,
  exchange: IkeExchange,
  quality: CaptureQuality,
): Stall | null {
  const waiting = requestsOf(exchange).filter(({ isEncrypted }) => isEncrypted);
  if (!isNonEmpty(waiting) || transmissionsOf(waiting) < TRANSMISSIONS_MIN) return null;
  const first = firstOf(waiting);
  const apart = (lastOf(waiting).timeNs - first.timeNs) / NS_PER_SECOND;
  const peer = exchange.from === 'initiator' ? 'responder' : 'initiator';
  const heard = session.lastFrom[peer];
  if (!(apart >= INFORMATIONAL_GAP_SECONDS) || (heard && heard.frame > first.frame)) return null;
  return waitingStall(quality, {
    kind: 'dpd-unanswered',
    variant: 'silence',
    session,
    exchange,
    waiting,
    instead: [],
  });
}

/**
 * The last IKE_AUTH answer is an error notify by its length. With EAP short answers are normal until the exchange goes
 * on, so that there the initiator must have stayed silent for a while.
 */
function refusedAuth(session: IkeSession, quality: CaptureQuality): Stall | null {
  const last = lastAuthAnswer(session);
  if (!last || !isAuthRefused(session)) return null;
  const { exchange, answer } = last;
  // Whose request is not in the capture is not judged by the answer alone.
  const waiting = requestsOf(exchange);
  if (!isNonEmpty(waiting)) return null;
  const isEap = exchange.messageId > 1;
  const waited = secondsToPause(quality, firstOf([answer]));
  const insufficient =
    isEap && waited < SLOW_ANSWER_SECONDS
      ? {
          reason: `the capture ends ${secondsText(waited)} after a short IKE_AUTH answer, which may be a step of EAP`,
          neededSeconds: SLOW_ANSWER_SECONDS,
        }
      : null;
  return {
    kind: 'auth-failure',
    variant: 'short-answer',
    session,
    exchange,
    waiting,
    instead: [answer],
    confidence: 'medium',
    insufficient,
  };
}

/**
 * The last IKE_AUTH answer has no room for an SA: the IKE SA stands, the CHILD_SA was refused. That a peer can do without
 * one (CHILDLESS_IKEV2_SUPPORTED, RFC 6023, section 3) says nothing: an initiator that wants none sends no SA payload, and its
 * request is as short.
 */
function refusedChild(session: IkeSession): Stall | null {
  const last = lastAuthAnswer(session);
  if (!last || session.childEstablished.length > 0) return null;
  const { exchange, answer } = last;
  const request = requestsOf(exchange)[0];
  const isRefusal =
    request !== undefined &&
    exchange.messageId === 1 &&
    answer.fragmentTotal === 0 &&
    answer.encryptedLength >= ERROR_ANSWER_LENGTH_MAX &&
    answer.encryptedLength < CHILD_ANSWER_LENGTH_MIN &&
    request.encryptedLength - answer.encryptedLength >= REFUSED_CHILD_SHORTER_BY;
  if (!isRefusal) return null;
  return {
    kind: 'quick-stalled',
    variant: 'short-answer',
    session,
    exchange,
    waiting: [request],
    instead: [answer],
    confidence: 'low',
    insufficient: null,
  };
}

/**
 * What was asked for last in a standing IKE SA, another CHILD_SA or new keys, was refused. Two sides that ask at once refuse
 * each other for a moment (RFC 7296, section 2.25) and succeed then, and the old keys may still be good: ESP tells.
 */
function refusedLater(session: IkeSession, quality: CaptureQuality): Stall | null {
  const refused = refusedChildren(session);
  const waiting = refused.flatMap((exchange) => requestsOf(exchange)[0] ?? []);
  const instead = refused.flatMap((exchange) => answersOf(exchange)[0] ?? []);
  if (!isNonEmpty(waiting) || !isNonEmpty(instead)) return null;
  const refusal = lastOf(instead);
  // A filter for IPsec lets nothing through where there is none; later messages of the IKE SA show that the capture ran.
  const watched = Math.max(watchedSecondsAfter(quality, refusal), secondsBetween(refusal, session.last) || 0);
  const insufficient =
    watched < SLOW_ANSWER_SECONDS
      ? {
          reason: `the capture ends ${secondsText(watched)} after a CHILD_SA was refused; what follows tells whether it was needed`,
          neededSeconds: SLOW_ANSWER_SECONDS,
        }
      : null;
  return {
    kind: 'quick-stalled',
    variant: 'later-refused',
    session,
    exchange: refused[refused.length - 1],
    waiting,
    instead,
    confidence: 'medium',
    insufficient,
  };
}

/**
 * The initiator has the whole answer to its last IKE_AUTH, sends one informational at once and never uses the SA: it does not
 * accept the responder (RFC 7296, section 2.21.2). A client that tells its other addresses (MOBIKE) begins like that, so that
 * several attempts that end like this are needed.
 */
function givenUp(session: IkeSession): Stall | null {
  const last = lastAuthAnswer(session);
  if (!last || session.exchangesAggregated > 0) return null;
  const { exchange, answer } = last;
  const [parting, ...more] = session.exchanges.filter(
    ({ exchangeType }) => exchangeType === isakmp.EXCHANGE_V2_INFORMATIONAL,
  );
  const isLast = session.exchanges.at(-1) === parting && more.length === 0;
  if (parting?.from !== 'initiator' || !isLast) return null;
  const request = requestsOf(parting)[0];
  const waiting = requestsOf(exchange);
  if (!request || !isNonEmpty(waiting)) return null;
  const after = (firstOf([request]).timeNs - firstOf([answer]).timeNs) / NS_PER_SECOND;
  if (!(after >= 0 && after <= GIVEN_UP_SECONDS)) return null;
  return {
    kind: 'auth-failure',
    variant: 'given-up',
    session,
    exchange,
    waiting,
    instead: [answer, request],
    confidence: 'medium',
    insufficient: null,
  };
}
