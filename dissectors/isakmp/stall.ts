import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { reverseWasHeard } from '../../src/correlate/gates.js';
import { secondsToPause } from '../../src/correlate/watched.js';
import type { InsufficientData } from '../../src/diagnose/diagnosis.js';
import { earliestOf, type FrameRef, isNonEmpty, latestOf, type NonEmpty } from '../../src/moment.js';
import type { Confidence } from '../../src/report/report.js';
import { PROTOCOL_UDP } from '../../src/wire/ip.js';
import { PORT_NAT_TRAVERSAL } from '../../src/wire/transport.js';
import { secondsText } from '../../src/wording/durations.js';
import type { IkeExchange, IkeMessage, IkeSession } from './session.js';
import { natOf } from './shared/nat-detection.js';

export type StallKind =
  | 'no-response'
  | 'refused'
  | 'mm2-stalled'
  | 'mi3-never-sent'
  | 'mi3-unanswered'
  | 'auth-failure'
  | 'natt-4500-blocked'
  | 'natt-4500-local'
  | 'quick-stalled'
  | 'v2-request-unanswered'
  | 'fragments-incomplete'
  | 'dpd-unanswered';

/** What sharpens a verdict. */
export type StallVariant =
  | 'silence'
  /** The peer answers, and the sender goes on as if it did not. */
  | 'answers-lost'
  /** The unanswered message travels in IP fragments. */
  | 'ip-fragments'
  /** The peer repeats its own message: the unanswered one does not arrive. */
  | 'not-arriving'
  /** The peer's informational came instead of the answer. */
  | 'informational'
  /** The answer is too short for what was asked. */
  | 'short-answer'
  /** In a standing IKE SA another CHILD_SA, or new keys, were refused. */
  | 'later-refused'
  | 'third-missing'
  /** The peer was answered and sends nothing of what comes next, as the answering side sees it. */
  | 'nothing-follows'
  /** The initiator has the whole answer, says one thing more, and leaves the SA. */
  | 'given-up'
  /** Phase 1 is complete, and neither XAUTH nor a quick mode begins. */
  | 'xauth-missing';

export interface Stall {
  readonly kind: StallKind;
  readonly variant: StallVariant;
  readonly session: IkeSession;
  readonly exchange: IkeExchange;
  /** Messages that were sent in vain, all of one side; their sendings are what is counted. */
  readonly waiting: NonEmpty<IkeMessage>;
  /** What the peer sent in their place: repeated answers, informationals, a refusal. */
  readonly instead: readonly IkeMessage[];
  readonly confidence: Confidence;
  /** Set where the capture does not suffice for a verdict. */
  readonly insufficient: Pick<InsufficientData, 'reason' | 'limitedBy' | 'neededSeconds'> | null;
}

/** ike.wait: openswan repeats after 10 s at the latest; nobody waits longer for the first repetition. */
export const WAIT_SECONDS = 10;
export const TRANSMISSIONS_MIN = 2;
/** A slow responder (large groups, a busy CPU) answers within that time; libreswan repeats from 0.5 s on. */
export const SLOW_ANSWER_SECONDS = 2;
/** A peer that cannot read a message says so at once. */
export const INFORMATIONAL_SECONDS = 2;
/** Dead peer detection: R-U-THERE messages of IKEv1 have a new message id each; an IKEv2 request is repeated as it is. */
export const V1_INFORMATIONALS_MIN = 3;
export const INFORMATIONAL_GAP_SECONDS = 2;
/** A repetition that soon after the answer crossed it on the way. */
const CROSSING_NS = 400_000_000;

/**
 * Builds a stall that rests on the absence of an answer; null where no sending of what waits is in the capture. Where the
 * capture provably lacks what the peer sent, the answer may be among it.
 */
export function waitingStall(
  quality: CaptureQuality,
  stall: Omit<Stall, 'insufficient' | 'confidence' | 'waiting'> & {
    readonly waiting: readonly IkeMessage[];
    readonly confidence?: Confidence;
  },
): Stall | null {
  const { waiting } = stall;
  if (!isNonEmpty(waiting)) return null;
  const count = transmissionsOf(waiting);
  const first = firstOf(waiting);
  const waited = secondsToPause(quality, first);
  const needed = count >= TRANSMISSIONS_MIN ? SLOW_ANSWER_SECONDS : WAIT_SECONDS;
  const unseen = reverseWasHeard(quality, ...endsOf(stall.session, waiting[0].from));
  const insufficient =
    unseen !== null
      ? { reason: unseen.reason }
      : waited >= needed
        ? null
        : {
            reason:
              `the capture ends ${secondsText(waited)} after the first unanswered message; capture at least ` +
              `${needed} s more to see whether an answer comes`,
            neededSeconds: needed,
          };
  return { confidence: count >= TRANSMISSIONS_MIN ? 'medium' : 'low', ...stall, waiting, insufficient };
}

/** Who waits, for whom, and where. */
function endsOf(
  { initiator, responder, paths }: IkeSession,
  from: IkeMessage['from'],
): [string, string, number] {
  return from === 'initiator'
    ? [initiator, responder, paths[0].stack]
    : [responder, initiator, paths[0].stack];
}

export function transmissionsOf(messages: readonly IkeMessage[]): number {
  return messages.reduce((sum, { transmissionCount }) => sum + transmissionCount, 0);
}

export function firstOf(messages: NonEmpty<IkeMessage>): FrameRef {
  const [first, ...others] = messages;
  return earliestOf([first.transmissions[0], ...others.map(({ transmissions }) => transmissions[0])]);
}

export function lastOf(messages: NonEmpty<IkeMessage>): FrameRef {
  const sentLast = ({ transmissions }: IkeMessage): FrameRef => transmissions[transmissions.length - 1];
  const [first, ...others] = messages;
  return latestOf([sentLast(first), ...others.map(sentLast)]);
}

/** True where a message of the first list was sent again after the peer's answer was seen. */
export function isRepeatedAfter(messages: NonEmpty<IkeMessage>, answers: NonEmpty<IkeMessage>): boolean {
  return lastOf(messages).timeNs - firstOf(answers).timeNs > CROSSING_NS;
}

export function isIpFragmented(messages: readonly IkeMessage[]): boolean {
  return messages.some(({ transmissions }) => transmissions.some(({ isFragmented }) => isFragmented));
}

export function answersLost(
  kind: StallKind,
  session: IkeSession,
  exchange: IkeExchange,
  waiting: NonEmpty<IkeMessage>,
  instead: readonly IkeMessage[],
): Stall {
  const variant = 'answers-lost';
  return { kind, variant, session, exchange, waiting, instead, confidence: 'medium', insufficient: null };
}

/** Null where what was refused is not in the capture. */
export function refusedStall(session: IkeSession, exchange: IkeExchange): Stall | null {
  const waiting = exchange.messages.filter(({ from }) => from === 'initiator');
  if (!isNonEmpty(waiting)) return null;
  return {
    kind: 'refused',
    variant: 'informational',
    session,
    exchange,
    waiting,
    instead: [],
    confidence: 'high',
    insufficient: null,
  };
}

/**
 * Messages on port 4500 without an answer, where port 500 worked. At the responder's own host they did arrive, so
 * that its firewall or daemon is to blame.
 */
export function portBlockedStall(
  session: IkeSession,
  exchange: IkeExchange,
  waiting: readonly IkeMessage[],
  quality: CaptureQuality,
): Stall | null {
  if (!hasMovedTo4500(session, waiting) || hasHeardOn4500(session, quality)) return null;
  if (transmissionsOf(waiting) < TRANSMISSIONS_MIN) return null;
  const isLocal = session.capturedAt === 'responder' || quality.local.includes(session.responder);
  const kind = isLocal ? 'natt-4500-local' : 'natt-4500-blocked';
  return waitingStall(quality, { kind, variant: 'silence', session, exchange, waiting, instead: [] });
}

/**
 * What the answering side sees of a blocked port 4500: its answer on port 500, from which both know that there is a NAT, is the
 * last message. Null at the initiator's own host, where the same means that nothing was sent.
 */
export function nothingFollows(
  session: IkeSession,
  exchange: IkeExchange,
  answers: NonEmpty<IkeMessage>,
  quality: CaptureQuality,
): Stall | null {
  const { initiator, responder, peers, paths, capturedAt } = session;
  const isAtInitiator = capturedAt === 'initiator' || quality.local.includes(initiator);
  if (isAtInitiator || session.usesPort4500 || !hasNat(session)) return null;
  if (!peers.initiator.announcesNatTraversal || !peers.responder.announcesNatTraversal) return null;
  if (packetsOn4500(quality, initiator, responder, paths[0].stack, ['fromA', 'fromB']) > 0) return null;
  const kind = 'natt-4500-blocked';
  const variant = 'nothing-follows';
  const base = { session, exchange, waiting: answers, instead: [], insufficient: null };
  return { ...base, kind, variant, confidence: 'low' };
}

function hasNat(session: IkeSession): boolean {
  return (['initiator', 'responder'] as const).some((role) => {
    const { state } = natOf(session, role);
    return state !== 'none' && state !== 'unknown';
  });
}

function isOn4500({ paths }: IkeSession, path: number): boolean {
  return paths[path].initiatorPort === PORT_NAT_TRAVERSAL || paths[path].responderPort === PORT_NAT_TRAVERSAL;
}

/** Port 500 worked, and these messages went to port 4500. */
export function hasMovedTo4500(session: IkeSession, messages: readonly IkeMessage[]): boolean {
  const areMoved = messages.every(({ transmissions }) =>
    transmissions.every(({ path }) => isOn4500(session, path)),
  );
  return areMoved && hasAnsweredOn500(session);
}

function hasAnsweredOn500(session: IkeSession): boolean {
  return session.exchanges.some(({ messages }) =>
    messages.some(
      ({ from, transmissions }) =>
        from === 'responder' && transmissions.some(({ path }) => !isOn4500(session, path)),
    ),
  );
}

/** Anything from the responder on port 4500, of this session or not. */
function hasHeardOn4500({ initiator, responder, paths }: IkeSession, quality: CaptureQuality): boolean {
  return packetsOn4500(quality, initiator, responder, paths[0].stack, ['fromB']) > 0;
}

/** Packets between two hosts on UDP 4500, of the first (`fromA`), the second or both. */
function packetsOn4500(
  quality: CaptureQuality,
  a: string,
  b: string,
  stack: number,
  sides: readonly ('fromA' | 'fromB')[],
): number {
  const conversations = quality.traffic.between(a, b, stack)?.conversations ?? [];
  return conversations
    .filter(
      ({ protocol, portOfA, portOfB }) =>
        protocol === PROTOCOL_UDP && (portOfA === PORT_NAT_TRAVERSAL || portOfB === PORT_NAT_TRAVERSAL),
    )
    .reduce((sum, one) => sum + sides.reduce((part, side) => part + one[side].packets, 0), 0);
}
