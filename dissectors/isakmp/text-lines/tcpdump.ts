import {
  blankLayer,
  type Layer,
  type LineContext,
  type PacketLines,
} from '../../../src/capture/packet-lines.js';
import { PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import * as isakmp from '../layout.js';

const LINE =
  /^isakmp(?: (\d)\.\d)?(?: msgid ?([0-9a-f]{8})?)?(?: ?cookie ([0-9a-f]{16})->([0-9a-f]{16}))?:? ?: ?(.*)$|^isakmp: (.*)$/;
const EXCHANGE_V1 = /^phase (1|2\/others) ([IR?]) (\S{1,20}?)(\[E?C?\])?(?::|$|\s)/;
const EXCHANGE_V2 =
  /^(?:parent_sa|child_sa) {1,2}(ikev2_init|ikev2_auth|child_sa|inf2?|#\d{1,3})(?:\[(I?R?)\])?(?::|$|\s)/;
const UDP_HEADER_LENGTH = 8;
const MARKER_LENGTH = 4;
const SESSIONS_MAX = 16_384;

const TYPES_V1: Readonly<Record<string, number>> = {
  base: 1,
  ident: 2,
  auth: 3,
  agg: 4,
  inf: 5,
  'oakley-quick': 32,
};
const TYPES_V2: Readonly<Record<string, number>> = {
  ikev2_init: 34,
  ikev2_auth: 35,
  child_sa: 36,
  inf: 37,
  inf2: 37,
};
const PAYLOAD_V1_SA = 1;
const PAYLOAD_V1_KE = 4;
const PAYLOAD_V1_ID = 5;
const PAYLOAD_V1_HASH = 8;
const PAYLOAD_V1_NOTIFY = 11;
const PAYLOAD_V2_SA = 33;
const PAYLOAD_V2_ENCRYPTED = 46;

/**
 * An attempt of two hosts to agree, as far as lines tell: cookies and message ids are printed with -vv and -v alone, so they
 * are made up of what is printed, the same for what belongs together.
 */
interface Session {
  readonly number: number;
  readonly initiator: string;
  /** Unencrypted answers of phase 1. */
  answers: number;
  isAuthenticating: boolean;
  /** Message of phase 1 that the initiator sent last, from 1. */
  sent: number;
  quick: number;
  isQuickOver: boolean;
  others: number;
}

const isakmpLines: PacketLines = {
  carriedBy: 'udp',
  read(words, line) {
    const found = LINE.exec(words);
    if (found === null) return null;
    const rest = found[5] ?? found[6] ?? '';
    const printed = { id: found[2], initiator: found[3], responder: found[4] };
    const v1 = EXCHANGE_V1.exec(rest);
    const v2 = v1 === null ? EXCHANGE_V2.exec(rest) : null;
    if (v1 !== null) return messageV1(v1, `${rest} ${line.more[0] ?? ''}`, printed, line);
    return v2 === null ? null : messageV2(v2, printed, line);
  },
};
export default isakmpLines;

interface Printed {
  readonly id: string | undefined;
  readonly initiator: string | undefined;
  readonly responder: string | undefined;
}

function messageV1(found: RegExpExecArray, rest: string, printed: Printed, line: LineContext): Layer | null {
  const [, , role = '?', name = '', flags = ''] = found;
  const type = TYPES_V1[name];
  if (type === undefined) return null;
  const isEncrypted = flags.includes('E');
  const first = firstPayload(rest);
  const sessions = line.memory('isakmp', () => new Map<string, Session>());
  const known = sessions.get(pairOf(line));
  const isInitiator = role === '?' ? known?.initiator === line.source || known === undefined : role === 'I';
  const isPhase1 = type === isakmp.EXCHANGE_MAIN || type === isakmp.EXCHANGE_AGGRESSIVE;
  const opens = isPhase1 && isInitiator && !isEncrypted && opensSession(known, first);
  const session = known !== undefined && !opens ? known : openSession(sessions, line, isInitiator);
  const { payload, isFirst } = isPhase1
    ? phase1(session, isInitiator, isEncrypted, first)
    : { payload: isEncrypted ? PAYLOAD_V1_HASH : PAYLOAD_V1_NOTIFY, isFirst: false };
  const id = isPhase1 ? 0 : messageId(session, type, isInitiator);
  return message(line, {
    ...cookies(session, printed, line, isFirst),
    version: 0x10,
    type,
    flags: isEncrypted ? isakmp.V1_ENCRYPTED : 0,
    payload,
    id: printed.id === undefined ? id : Number.parseInt(printed.id, 16),
  });
}

/** `[|sa]`, `(sa: …`, `(ke: …`: the first payload, where the line goes so far. */
function firstPayload(rest: string): 'sa' | 'ke' | null {
  const name = /[([]\|?(sa|ke)\b/.exec(rest)?.[1];
  return name === 'sa' || name === 'ke' ? name : null;
}

/** Whether an unencrypted message of the initiator is the first of another attempt. */
function opensSession(known: Session | undefined, first: 'sa' | 'ke' | null): boolean {
  if (known === undefined || known.isAuthenticating) return true;
  return first === 'sa' && known.sent > 1;
}

function phase1(
  session: Session,
  isInitiator: boolean,
  isEncrypted: boolean,
  first: 'sa' | 'ke' | null,
): { payload: number; isFirst: boolean } {
  if (isEncrypted) {
    session.isAuthenticating = true;
    return { payload: PAYLOAD_V1_ID, isFirst: false };
  }
  if (isInitiator) {
    const isSecond = first === 'ke' || (first === null && session.answers > 0);
    session.sent = isSecond ? 2 : 1;
    return { payload: isSecond ? PAYLOAD_V1_KE : PAYLOAD_V1_SA, isFirst: !isSecond };
  }
  const isSecond = first === 'ke' || (first === null && session.sent > 1);
  if (!isSecond || session.answers < 2) session.answers = isSecond ? 2 : 1;
  return { payload: isSecond ? PAYLOAD_V1_KE : PAYLOAD_V1_SA, isFirst: false };
}

function messageV2(found: RegExpExecArray, printed: Printed, line: LineContext): Layer | null {
  const [, name = '', letters = ''] = found;
  const type = TYPES_V2[name] ?? (name.startsWith('#') ? Number(name.slice(1)) : undefined);
  if (type === undefined) return null;
  const isInitiator = letters.includes('I');
  const isResponse = letters.includes('R');
  const isInit = type === isakmp.EXCHANGE_SA_INIT;
  const sessions = line.memory('isakmp', () => new Map<string, Session>());
  const known = sessions.get(pairOf(line));
  const opens = isInit && !isResponse && (known === undefined || known.answers > 0);
  const session = known !== undefined && !opens ? known : openSession(sessions, line, isInitiator);
  if (isInit && isResponse) session.answers = 1;
  const id = isInit
    ? 0
    : type === isakmp.EXCHANGE_AUTH
      ? 1
      : isResponse
        ? session.others
        : nextOther(session);
  return message(line, {
    ...cookies(session, printed, line, isInit && !isResponse),
    version: 0x20,
    type,
    flags: (isInitiator ? isakmp.V2_INITIATOR : 0) | (isResponse ? isakmp.V2_RESPONSE : 0),
    payload: isInit ? PAYLOAD_V2_SA : PAYLOAD_V2_ENCRYPTED,
    id: printed.id === undefined ? id : Number.parseInt(printed.id, 16),
  });
}

function nextOther(session: Session): number {
  session.others = Math.max(session.others, 1) + 1;
  return session.others;
}

/** The three messages of a quick mode share an id; informationals have one each. */
function messageId(session: Session, type: number, isInitiator: boolean): number {
  if (type !== isakmp.EXCHANGE_QUICK) {
    session.others++;
    return 0x8000_0000 + session.others;
  }
  if (isInitiator && session.isQuickOver) {
    session.quick++;
    session.isQuickOver = false;
  }
  if (!isInitiator) session.isQuickOver = true;
  return 0x4000_0000 + session.quick;
}

interface Header {
  readonly initiatorCookie: readonly [number, number];
  readonly responderCookie: readonly [number, number];
  readonly version: number;
  readonly type: number;
  readonly flags: number;
  readonly payload: number;
  readonly id: number;
}

function message(line: LineContext, header: Header): Layer {
  const { bytes, view } = blankLayer(isakmp.HEADER_LENGTH);
  const marker =
    line.sourcePort === PORT_NAT_TRAVERSAL || line.destinationPort === PORT_NAT_TRAVERSAL ? MARKER_LENGTH : 0;
  const length = line.length === null ? isakmp.LENGTH_UNTOLD : line.length - UDP_HEADER_LENGTH - marker;
  view.setUint32(isakmp.INITIATOR_SPI, header.initiatorCookie[0]);
  view.setUint32(isakmp.INITIATOR_SPI + 4, header.initiatorCookie[1]);
  view.setUint32(isakmp.RESPONDER_SPI, header.responderCookie[0]);
  view.setUint32(isakmp.RESPONDER_SPI + 4, header.responderCookie[1]);
  view.setUint8(isakmp.NEXT_PAYLOAD, header.payload);
  view.setUint8(isakmp.VERSION, header.version);
  view.setUint8(isakmp.EXCHANGE_TYPE, header.type);
  view.setUint8(isakmp.FLAGS, header.flags);
  view.setUint32(isakmp.MESSAGE_ID, header.id);
  view.setUint32(isakmp.MESSAGE_LENGTH, Math.max(length, isakmp.HEADER_LENGTH));
  return { bytes, length: Math.max(length, isakmp.HEADER_LENGTH) };
}

function cookies(
  { number }: Session,
  { initiator, responder }: Printed,
  line: LineContext,
  isFirst: boolean,
): Pick<Header, 'initiatorCookie' | 'responderCookie'> {
  if (initiator !== undefined && responder !== undefined) {
    return { initiatorCookie: wordsOf(initiator), responderCookie: wordsOf(responder) };
  }
  const seed = hashOf(pairOf(line));
  return {
    initiatorCookie: [seed, 0x1000_0000 + number],
    responderCookie: isFirst ? [0, 0] : [seed, 0x2000_0000 + number],
  };
}

function wordsOf(text: string): readonly [number, number] {
  return [Number.parseInt(text.slice(0, 8), 16), Number.parseInt(text.slice(8), 16)];
}

function openSession(sessions: Map<string, Session>, line: LineContext, isInitiator: boolean): Session {
  if (sessions.size >= SESSIONS_MAX) sessions.clear();
  const key = pairOf(line);
  const session = {
    number: (sessions.get(key)?.number ?? 0) + 1,
    initiator: isInitiator ? line.source : line.destination,
    answers: 0,
    isAuthenticating: false,
    sent: 0,
    quick: 1,
    isQuickOver: false,
    others: 0,
  };
  sessions.set(key, session);
  return session;
}

/** Without ports: IKE moves to port 4500 in the midst of an exchange. */
function pairOf({ source, destination }: LineContext): string {
  return source < destination ? `${source} ${destination}` : `${destination} ${source}`;
}

function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return hash >>> 0;
}
