import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { secondsToPause } from '../../src/correlate/watched.js';
import { isNonEmpty, type NonEmpty } from '../../src/moment.js';
import { NS_PER_SECOND, seconds } from '../../src/units.js';
import { secondsText } from '../../src/wording/durations.js';
import * as isakmp from './layout.js';
import { isWhole, mainModeMessages, phaseOne } from './progress.js';
import type { IkeExchange, IkeMessage, IkeRole, IkeSession } from './session.js';
import {
  answersLost,
  firstOf,
  INFORMATIONAL_GAP_SECONDS,
  INFORMATIONAL_SECONDS,
  isIpFragmented,
  isRepeatedAfter,
  lastOf,
  nothingFollows,
  portBlockedStall,
  refusedStall,
  type Stall,
  TRANSMISSIONS_MIN,
  transmissionsOf,
  V1_INFORMATIONALS_MIN,
  WAIT_SECONDS,
  waitingStall,
} from './stall.js';

/** Phase 1, quick modes and informationals of IKEv1 that were sent in vain. */
export function stallsOfV1(session: IkeSession, quality: CaptureQuality): Stall[] {
  const stalls: Stall[] = [];
  if (session.rolesKnown && !session.established) {
    const stall = mainModeStall(session, quality) ?? aggressiveStall(session, quality);
    if (stall) stalls.push(stall);
  }
  const unstarted = extendedAuthenticationStall(session, quality);
  if (unstarted) stalls.push(unstarted);
  const quick = session.exchanges.filter(({ exchangeType }) => exchangeType === isakmp.EXCHANGE_QUICK);
  for (const exchange of quick) {
    const stall = quickModeStall(session, exchange, quick, quality);
    if (stall) stalls.push(stall);
  }
  const dead = informationalStall(session, quality);
  return dead ? [...stalls, dead] : stalls;
}

/** Main mode that did not reach MR3: the first step without an answer. */
function mainModeStall(session: IkeSession, quality: CaptureQuality): Stall | null {
  const main = phaseOne(session, isakmp.EXCHANGE_MAIN);
  if (!main) return null;
  const [mi1, mr1, mi2, mr2, mi3] = (
    [
      ['initiator', 1],
      ['responder', 1],
      ['initiator', 2],
      ['responder', 2],
      ['initiator', 3],
    ] as const
  ).map(([from, step]) => mainModeMessages(main, from, step));
  const base = { session, exchange: main, instead: [] };
  if (isNonEmpty(mi3)) return thirdMessageStall(session, main, mi3, mr2, quality);
  if (session.notifies.some(({ from }) => from === 'responder')) return refusedStall(session, main);
  if (isNonEmpty(mr2)) {
    if (isNonEmpty(mi2) && isRepeatedAfter(mi2, mr2)) {
      return answersLost('mm2-stalled', session, main, mi2, mr2);
    }
    return neverSentStall(session, main, mr2, quality);
  }
  if (mi2.length > 0) {
    return waitingStall(quality, { ...base, kind: 'mm2-stalled', variant: 'silence', waiting: mi2 });
  }
  if (!isNonEmpty(mi1)) return null;
  if (isNonEmpty(mr1)) {
    return isRepeatedAfter(mi1, mr1) ? answersLost('no-response', session, main, mi1, mr1) : null;
  }
  if (session.messageCount.responder > 0) return null;
  return waitingStall(quality, { ...base, kind: 'no-response', variant: 'silence', waiting: mi1 });
}

function aggressiveStall(session: IkeSession, quality: CaptureQuality): Stall | null {
  const aggressive = phaseOne(session, isakmp.EXCHANGE_AGGRESSIVE);
  if (!aggressive || !session.startSeen) return null;
  const asked = aggressive.messages.filter(({ from }) => from === 'initiator');
  const answered = aggressive.messages.filter(({ from }) => from === 'responder');
  if (session.notifies.some(({ from }) => from === 'responder')) return refusedStall(session, aggressive);
  if (isNonEmpty(answered)) {
    return isNonEmpty(asked) && isRepeatedAfter(asked, answered)
      ? answersLost('no-response', session, aggressive, asked, answered)
      : null;
  }
  if (asked.length === 0 || session.messageCount.responder > 0) return null;
  const base = { session, exchange: aggressive, instead: [] };
  return waitingStall(quality, { ...base, kind: 'no-response', variant: 'silence', waiting: asked });
}

/**
 * Main mode is complete, and what has to come next never does: XAUTH where it was chosen (draft-beaulieu-ike-xauth-02, section 2),
 * or whatever it is where both sides merely announce it, as some daemons do in any case.
 */
function extendedAuthenticationStall(session: IkeSession, quality: CaptureQuality): Stall | null {
  const { established, exchangesAggregated, exchanges, peers } = session;
  if (!established || !session.startSeen || exchangesAggregated > 0) return null;
  const main = phaseOne(session, isakmp.EXCHANGE_MAIN);
  const isChosen = /XAUTH|hybrid/.test(peers.responder.proposal?.text ?? '');
  const isAnnounced = [peers.initiator, peers.responder].every(({ vendorIds }) => vendorIds.has('XAUTH'));
  if (!main || !(isChosen || isAnnounced)) return null;
  const hasBegun = exchanges.some(
    ({ exchangeType }) =>
      exchangeType === isakmp.EXCHANGE_TRANSACTION || exchangeType === isakmp.EXCHANGE_QUICK,
  );
  const waiting = mainModeMessages(main, 'responder', 3).filter(isWhole);
  // MR3 sent again was asked for again: it does not arrive, and XAUTH is not to be expected.
  if (hasBegun || transmissionsOf(waiting) !== 1) return null;
  const confidence = isChosen ? 'medium' : 'low';
  const kind = 'quick-stalled';
  return waitingStall(quality, {
    kind,
    variant: 'xauth-missing',
    session,
    exchange: main,
    waiting,
    instead: [],
    confidence,
  });
}

/** MI3 without MR3. The peer's informational excludes fragments, those exclude a blocked port. */
function thirdMessageStall(
  session: IkeSession,
  main: IkeExchange,
  mi3: NonEmpty<IkeMessage>,
  mr2: readonly IkeMessage[],
  quality: CaptureQuality,
): Stall | null {
  const base = { session, exchange: main, waiting: mi3, instead: [] };
  const answer = mainModeMessages(main, 'responder', 3);
  if (answer.length > 0) {
    return waitingStall(quality, {
      ...base,
      kind: 'fragments-incomplete',
      variant: 'not-arriving',
      waiting: answer,
    });
  }
  const informationals = informationalsAfter(session, mi3, 'responder');
  if (informationals.length > 0) {
    const confidence = session.notifies.some(({ type }) => type === isakmp.NOTIFY_AUTHENTICATION_FAILED)
      ? 'high'
      : session.notifies.length > 0 || informationals.length > 1
        ? 'medium'
        : 'low';
    return {
      ...base,
      kind: 'auth-failure',
      variant: 'informational',
      instead: informationals,
      confidence,
      insufficient: null,
    };
  }
  if (!mi3.some(isWhole)) {
    return waitingStall(quality, { ...base, kind: 'fragments-incomplete', variant: 'not-arriving' });
  }
  if (isIpFragmented(mi3)) {
    return waitingStall(quality, { ...base, kind: 'mi3-unanswered', variant: 'ip-fragments' });
  }
  const blocked = portBlockedStall(session, main, mi3, quality);
  if (blocked) return blocked;
  const isMr2Repeated = isNonEmpty(mr2) && isRepeatedAfter(mr2, mi3);
  const variant = isMr2Repeated ? 'not-arriving' : 'silence';
  return waitingStall(quality, {
    ...base,
    kind: 'mi3-unanswered',
    variant,
    instead: isMr2Repeated ? mr2 : [],
  });
}

/** MR2 repeated and no MI3: it never left, or got lost before the capture point. */
function neverSentStall(
  session: IkeSession,
  main: IkeExchange,
  mr2: NonEmpty<IkeMessage>,
  quality: CaptureQuality,
): Stall | null {
  if (transmissionsOf(mr2) < TRANSMISSIONS_MIN) return null;
  const isAtResponder = session.capturedAt === 'responder' || quality.local.includes(session.responder);
  const blocked = isAtResponder ? nothingFollows(session, main, mr2, quality) : null;
  if (blocked) return blocked;
  const waited = secondsToPause(quality, firstOf(mr2));
  const insufficient =
    session.messageCount.initiator === 0
      ? {
          reason: `the capture holds nothing that ${session.initiator} sent, though MR2 answers it; capture both directions`,
        }
      : waited >= WAIT_SECONDS
        ? null
        : {
            reason: `the capture ends ${secondsText(waited)} after MR2; ${WAIT_SECONDS} s show whether MI3 is sent`,
            neededSeconds: WAIT_SECONDS,
          };
  return {
    kind: 'mi3-never-sent',
    variant: 'third-missing',
    session,
    exchange: main,
    waiting: mr2,
    instead: [],
    confidence: 'medium',
    insufficient,
  };
}

/** Informationals of one side that came within two seconds of a sending. */
function informationalsAfter(
  session: IkeSession,
  messages: readonly IkeMessage[],
  from: IkeRole,
): IkeMessage[] {
  const sendings = messages.flatMap(({ transmissions }) => transmissions);
  return session.exchanges
    .filter(({ exchangeType }) => exchangeType === isakmp.EXCHANGE_V1_INFORMATIONAL)
    .flatMap((exchange) => exchange.messages)
    .filter(
      (message) =>
        message.from === from &&
        message.transmissions.some((answer) =>
          sendings.some((sent) => {
            const elapsed = answer.timeNs - sent.timeNs;
            return answer.frame > sent.frame && elapsed >= 0 && elapsed <= seconds(INFORMATIONAL_SECONDS);
          }),
        ),
    );
}

/** One quick mode that did not complete, unless a later one from the same side did. */
function quickModeStall(
  session: IkeSession,
  exchange: IkeExchange,
  all: readonly IkeExchange[],
  quality: CaptureQuality,
): Stall | null {
  const peer: IkeRole = exchange.from === 'initiator' ? 'responder' : 'initiator';
  const own = exchange.messages.filter(({ from }) => from === exchange.from);
  const answers = exchange.messages.filter(({ from }) => from === peer);
  if (!isNonEmpty(own) || own.length > 1) return null;
  const later = all.filter((one) => one !== exchange && one.from === exchange.from && isAfter(one, exchange));
  if (later.some((one) => one.messages.some(({ from }) => from === peer))) return null;
  const base = { session, exchange, kind: 'quick-stalled' } as const;
  if (isNonEmpty(answers)) {
    if (transmissionsOf(answers) < TRANSMISSIONS_MIN) return null;
    if (isRepeatedAfter(own, answers)) return answersLost('quick-stalled', session, exchange, own, answers);
    return waitingStall(quality, { ...base, variant: 'third-missing', waiting: answers, instead: [] });
  }
  const informationals = informationalsAfter(session, own, peer);
  if (informationals.length > 0) {
    const isRetried = transmissionsOf(own) >= TRANSMISSIONS_MIN || later.length > 0;
    const confidence = isRetried ? 'medium' : 'low';
    return {
      ...base,
      variant: 'informational',
      waiting: own,
      instead: informationals,
      confidence,
      insufficient: null,
    };
  }
  if (transmissionsOf(own) < TRANSMISSIONS_MIN) return null;
  return waitingStall(quality, { ...base, variant: 'silence', waiting: own, instead: [] });
}

function isAfter(a: IkeExchange, b: IkeExchange): boolean {
  return (
    isNonEmpty(a.messages) && isNonEmpty(b.messages) && firstOf(a.messages).frame > firstOf(b.messages).frame
  );
}

/** IKEv1: at least three informationals of equal length, at least two seconds apart, and no message of the peer since. */
function informationalStall(session: IkeSession, quality: CaptureQuality): Stall | null {
  for (const from of ['initiator', 'responder'] as const) {
    const peer = from === 'initiator' ? 'responder' : 'initiator';
    const heard = session.lastFrom[peer]?.frame ?? 0;
    const sent = session.exchanges
      .filter(({ exchangeType }) => exchangeType === isakmp.EXCHANGE_V1_INFORMATIONAL)
      .flatMap((exchange) => exchange.messages)
      .filter(
        (message) => message.from === from && message.transmissions[0].frame > heard && message.isEncrypted,
      );
    const waiting = apart(sent.filter(({ length }) => length === sent[0].length));
    if (transmissionsOf(waiting) < V1_INFORMATIONALS_MIN) continue;
    const exchange = session.exchanges.find(({ messages }) => messages.includes(waiting[0]));
    if (!exchange) continue;
    return waitingStall(quality, {
      kind: 'dpd-unanswered',
      variant: 'silence',
      session,
      exchange,
      waiting,
      instead: [],
    });
  }
  return null;
}

/** Messages of which each follows the last one by at least two seconds. */
function apart(messages: readonly IkeMessage[]): IkeMessage[] {
  const kept: IkeMessage[] = [];
  for (const message of messages) {
    const last = kept.at(-1);
    const gap = last
      ? (firstOf([message]).timeNs - lastOf([last]).timeNs) / NS_PER_SECOND
      : INFORMATIONAL_GAP_SECONDS;
    if (gap >= INFORMATIONAL_GAP_SECONDS) kept.push(message);
  }
  return kept;
}
