import type { FrameRef } from '../../src/moment.js';
import * as isakmp from './layout.js';
import type { IkeExchange, IkeMessage, IkeRole, IkeSession } from './session.js';

/*
 * How far an IKE SA got, from headers and lengths alone.
 */

type Exchanges = Pick<IkeSession, 'version' | 'exchanges'>;

/**
 * Encrypted bytes of an answer below which it holds nothing but an error notify (RFC 7296, section 3.14): a generic header of 4,
 * an initialization vector of up to 16, the notify and its padding in 16, a checksum of up to 32 (SHA-512) make 68. Measured:
 * 52 for a refused authentication with SHA-256, 116 for a refused CHILD_SA, 196 for success.
 */
export const ERROR_ANSWER_LENGTH_MAX = 72;
/**
 * Encrypted bytes below which an IKE_AUTH answer has no room for an SA and two traffic selectors: with the shortest
 * identification, HMAC-MD5 and AES-GCM it needs 153.
 */
export const CHILD_ANSWER_LENGTH_MIN = 150;
/** The same for CREATE_CHILD_SA, which has a nonce in place of identification and authentication. */
const CREATE_CHILD_ANSWER_LENGTH_MIN = 100;

/** Phase 1 of IKEv1, or undefined. */
export function phaseOne({ exchanges }: Exchanges, exchangeType: number): IkeExchange | undefined {
  return exchanges.find((one) => one.exchangeType === exchangeType);
}

/**
 * Place of a main mode message: 1 offers or chooses an SA, 2 has the key exchange, 3 is encrypted (or an IKE fragment,
 * which only the messages with certificates are long enough for).
 */
export function mainModeStep({ payloads }: IkeMessage): 1 | 2 | 3 | 0 {
  if ((payloads & isakmp.HAS_SA) !== 0) return 1;
  if ((payloads & (isakmp.HAS_KEY_EXCHANGE | isakmp.HAS_NONCE)) !== 0) return 2;
  return (payloads & (isakmp.HAS_ENCRYPTED | isakmp.HAS_FRAGMENT)) !== 0 ? 3 : 0;
}

/** Messages of a main mode from one side at one step; several where a daemon did not repeat itself bit by bit. */
export function mainModeMessages(main: IkeExchange, from: IkeRole, step: 1 | 2 | 3): IkeMessage[] {
  return main.messages.filter((message) => message.from === from && mainModeStep(message) === step);
}

/** False where the message came in IKE fragments, and no sending of it showed all of them. */
export function isWhole({ transmissions, fragmentTotal }: IkeMessage): boolean {
  return transmissions.some(
    ({ fragments }) => fragments.size === 0 || (fragmentTotal > 0 && fragments.size >= fragmentTotal),
  );
}

/** False where no sending was seen as a whole, neither its IKE fragments nor its IP fragments. */
function hasArrived(message: IkeMessage): boolean {
  return isWhole(message) && message.transmissions.some(({ isComplete }) => isComplete);
}

/** Requests and answers of an IKEv2 exchange. */
export function requestsOf({ messages }: IkeExchange): IkeMessage[] {
  return messages.filter(({ isResponse }) => !isResponse);
}

export function answersOf({ messages }: IkeExchange): IkeMessage[] {
  return messages.filter(({ isResponse }) => isResponse);
}

/** The IKE_AUTH exchanges in order of message id; more than one with EAP. */
function authExchanges({ exchanges }: Exchanges): IkeExchange[] {
  return exchanges
    .filter(({ exchangeType }) => exchangeType === isakmp.EXCHANGE_AUTH)
    .sort((a, b) => a.messageId - b.messageId);
}

/** The exchanges that only a complete IKE SA has, with an answer. */
function laterExchanges({ exchanges }: Exchanges): IkeExchange[] {
  return exchanges.filter(
    (one) =>
      (one.exchangeType === isakmp.EXCHANGE_CREATE_CHILD ||
        one.exchangeType === isakmp.EXCHANGE_V2_INFORMATIONAL) &&
      one.messages.some(({ isEncrypted }) => isEncrypted) &&
      answersOf(one).length > 0,
  );
}

/** The answer to the last IKE_AUTH request, where there is one. */
export function lastAuthAnswer(session: Exchanges): { exchange: IkeExchange; answer: IkeMessage } | null {
  const exchange = authExchanges(session).at(-1);
  const answer = exchange && answersOf(exchange)[0];
  return exchange && answer ? { exchange, answer } : null;
}

/** The last IKE_AUTH answer holds an error notify and nothing else, and the SA did not go on. */
export function isAuthRefused(session: Exchanges): boolean {
  const last = lastAuthAnswer(session);
  return last !== null && isErrorAlone(last.answer) && laterExchanges(session).length === 0;
}

/** When the IKE SA (IKEv1: phase 1) was complete, or the first message that only a complete one has; null: it was not. */
export function establishedBy(session: Exchanges): FrameRef | null {
  return session.version === 1 ? establishedV1(session) : establishedV2(session);
}

function establishedV1(session: Exchanges): FrameRef | null {
  const main = phaseOne(session, isakmp.EXCHANGE_MAIN);
  const third = main && mainModeMessages(main, 'responder', 3).find(isWhole);
  if (third) return third.transmissions[0];
  const aggressive = phaseOne(session, isakmp.EXCHANGE_AGGRESSIVE);
  const final = aggressive?.messages.find(
    ({ from, payloads }) => from === 'initiator' && (payloads & isakmp.HAS_SA) === 0,
  );
  if (final) return final.transmissions[0];
  const quick = session.exchanges.find(({ exchangeType }) => exchangeType === isakmp.EXCHANGE_QUICK);
  return quick?.messages[0]?.transmissions[0] ?? null;
}

function establishedV2(session: Exchanges): FrameRef | null {
  const last = lastAuthAnswer(session);
  if (last && !isAuthRefused(session)) return last.answer.transmissions[0];
  const later = laterExchanges(session)[0];
  return later ? later.messages[0].transmissions[0] : null;
}

/** When phase 2 exchanges were complete, their answers seen as a whole; of a CREATE_CHILD_SA it cannot be told whether it made a new IKE SA instead. */
export function childrenOf(session: Exchanges): FrameRef[] {
  const children: FrameRef[] = [];
  for (const exchange of session.exchanges) {
    const child = session.version === 1 ? quickModeChild(exchange) : createdChild(exchange);
    if (child) children.push(child);
  }
  if (session.version === 2) {
    const last = lastAuthAnswer(session);
    if (last && hasArrived(last.answer) && hasRoomForChild(last.answer, CHILD_ANSWER_LENGTH_MIN)) {
      children.push(last.answer.transmissions[0]);
    }
  }
  return children.sort((a, b) => a.frame - b.frame);
}

/** Third message of a quick mode. */
function quickModeChild(exchange: IkeExchange): FrameRef | null {
  if (exchange.exchangeType !== isakmp.EXCHANGE_QUICK) return null;
  const own = exchange.messages.filter(({ from }) => from === exchange.from);
  return own.length >= 2 && own.length < exchange.messages.length ? own[1].transmissions[0] : null;
}

/** CREATE_CHILD_SA exchanges since the last that made something, which the peer answered with an error and nothing else. */
export function refusedChildren(session: Exchanges): IkeExchange[] {
  if (session.version !== 2) return [];
  const asked = session.exchanges.filter(({ exchangeType }) => exchangeType === isakmp.EXCHANGE_CREATE_CHILD);
  const made = asked.findLastIndex((exchange) => createdChild(exchange) !== null);
  return asked.slice(made + 1).filter((exchange) => {
    const [request, answer] = [requestsOf(exchange)[0], answersOf(exchange)[0]];
    return request !== undefined && answer !== undefined && asksForChild(request) && isErrorAlone(answer);
  });
}

function asksForChild({ encryptedLength, isEncrypted }: IkeMessage): boolean {
  return isEncrypted && encryptedLength >= CREATE_CHILD_ANSWER_LENGTH_MIN;
}

function isErrorAlone({ isEncrypted, encryptedLength, fragmentTotal }: IkeMessage): boolean {
  return isEncrypted && fragmentTotal === 0 && encryptedLength < ERROR_ANSWER_LENGTH_MAX;
}

function createdChild(exchange: IkeExchange): FrameRef | null {
  if (exchange.exchangeType !== isakmp.EXCHANGE_CREATE_CHILD) return null;
  const answer = answersOf(exchange)[0];
  return answer && hasArrived(answer) && hasRoomForChild(answer, CREATE_CHILD_ANSWER_LENGTH_MIN)
    ? answer.transmissions[0]
    : null;
}

function hasRoomForChild({ encryptedLength, fragmentTotal }: IkeMessage, lengthMin: number): boolean {
  return fragmentTotal > 0 || encryptedLength >= lengthMin;
}
