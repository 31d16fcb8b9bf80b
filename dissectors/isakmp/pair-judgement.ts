import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { dropLimit } from '../../src/correlate/gates.js';
import { timerOf, timerText } from '../../src/correlate/retransmission-timer.js';
import { secondsToPause } from '../../src/correlate/watched.js';
import type { Evidence, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { type Citation, type FrameRef, isNonEmpty, type NonEmpty } from '../../src/moment.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { addressFamily, pairFilter } from '../../src/wording/display-filters.js';
import { secondsText } from '../../src/wording/durations.js';
import { logRemedy, logSentences } from './daemon-log.js';
import { LENGTH_UNTOLD } from './layout.js';
import { establishedAfter, type IkePair, ikePairs } from './pair-sessions.js';
import type { IkeMessage, IkeSession, IkeTransmission } from './session.js';
import { messageName } from './shared/names.js';
import { firstOf, lastOf, type Stall, type StallKind, transmissionsOf } from './stall.js';

/** What a diagnosis adds to the facts that every stall has. */
export interface StallText extends Partial<Problem> {
  readonly explanation: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** How one kind of stall is judged, pair by pair. */
export interface StallRule {
  readonly kind: StallKind;
  /** True where a session got far enough to be judged. */
  readonly applies: (session: IkeSession) => boolean;
  readonly describe: (pair: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality) => StallText;
  /** False where a stall is nothing to report after all; a sentence: what is missing to be sure of it. */
  readonly accepts?: (pair: IkePair, stall: Stall, evidence: Evidence) => boolean | string;
}

/** Judges every pair of IKE peers by one kind of stall. */
export function* judgeStalls(evidence: Evidence, rule: StallRule): Generator<Judgement> {
  for (const pair of ikePairs(evidence)) {
    const asked = pair.stalls
      .filter(({ kind }) => kind === rule.kind)
      .map((stall) => ({ stall, accepted: rule.accepts?.(pair, stall, evidence) ?? true }));
    const found = asked.filter(({ accepted }) => accepted === true).map(({ stall }) => stall);
    const proven = found.filter(({ insufficient }) => insufficient === null);
    const reason = asked.map(({ accepted }) => accepted).find((one) => typeof one === 'string');
    const open =
      found.find(({ insufficient }) => insufficient !== null)?.insufficient ?? (reason ? { reason } : null);
    if (isNonEmpty(proven)) {
      yield stallProblem(evidence, pair, proven, rule.describe(pair, proven, evidence.quality));
    } else if (open) {
      yield { result: 'insufficient-data', subject: pair.subject, ...open };
    } else if (pair.sessions.some(rule.applies)) {
      yield { result: 'healthy', subject: pair.subject };
    }
  }
}

function stallProblem(evidence: Evidence, pair: IkePair, stalls: NonEmpty<Stall>, text: StallText): Problem {
  const waiting = waitingOf(stalls);
  const first = firstOf(waiting);
  const last = lastOf([...waiting, ...stalls.flatMap(({ instead }) => instead)]);
  const recovered = establishedAfter(evidence, pair, last.frame);
  const from = stalls[0].waiting[0].from;
  const drops = dropLimit(evidence.quality);
  return {
    result: 'problem',
    subject: pair.subject,
    confidence: stalls.some(({ confidence }) => confidence === 'high')
      ? 'high'
      : stalls.some(({ confidence }) => confidence === 'medium')
        ? 'medium'
        : 'low',
    ...(recovered && { severity: 'warning' }),
    pair: [pair.initiator, pair.responder],
    direction: from === 'initiator' ? directionOf(pair) : { from: pair.responder, to: pair.initiator },
    first,
    last,
    lastGood: lastGoodBefore(stalls[0], first),
    ongoingAtEnd: recovered === null,
    evidence: stalls.flatMap(citationsOf),
    displayFilter: sessionFilter(
      pair,
      stalls.map(({ session }) => session),
    ),
    ...(drops && { limitedBy: [drops.id] }),
    packetClass: 'ike',
    ...text,
    explanation: text.explanation + logSentences(evidence, pair),
    ...byLog(evidence, pair),
  };
}

/** What was sent in vain, in all of them. */
export function waitingOf([first, ...others]: NonEmpty<Stall>): NonEmpty<IkeMessage> {
  return [...first.waiting, ...others.flatMap(({ waiting }) => waiting)];
}

/** The log of a gateway knows the cause: it and its remedy stand in place of what may be. */
function byLog(evidence: Evidence, pair: IkePair): Pick<Problem, 'causes' | 'nextSteps'> {
  const remedy = logRemedy(evidence, pair);
  if (remedy === null) return {};
  const conclusion = `By the log: ${remedy.conclusion}`;
  return { causes: [conclusion], nextSteps: [...remedy.steps] };
}

export function directionOf({ initiator, responder }: IkePair): { from: string; to: string } {
  return { from: initiator, to: responder };
}

/** The last message of the peer before the stall began. */
function lastGoodBefore({ session, waiting }: Stall, first: FrameRef): FrameRef | null {
  const peer = waiting[0].from === 'initiator' ? 'responder' : 'initiator';
  let good: FrameRef | null = null;
  for (const message of session.exchanges.flatMap(({ messages }) => messages)) {
    if (message.from !== peer) continue;
    for (const sent of message.transmissions) {
      if (sent.frame < first.frame && (good === null || sent.frame > good.frame)) good = sent;
    }
  }
  return good && { frame: good.frame, timeNs: good.timeNs, segment: good.segment };
}

/** The last good message, the first two sendings and the last one, and what came in place of an answer. */
function citationsOf(stall: Stall): Citation[] {
  const { session, waiting, instead } = stall;
  const good = lastGoodBefore(stall, firstOf(waiting));
  return [
    ...(good ? [{ ...good, summary: 'last message from the peer before that' }] : []),
    ...waiting.flatMap((message) => messageCitations(session, message)),
    ...instead.flatMap((message) => messageCitations(session, message)).slice(0, 3),
  ].sort((a, b) => a.frame - b.frame);
}

/** First two sendings and the last one of a message. */
export function messageCitations(session: IkeSession, message: IkeMessage): Citation[] {
  const { transmissions, transmissionCount } = message;
  const exchange = session.exchanges.find(({ messages }) => messages.includes(message));
  const name = exchange ? messageName(session, exchange, message) : 'IKE message';
  const cited = transmissions.filter((_, index) => index < 2 || index === transmissions.length - 1);
  return cited.map((sent) => {
    const number = sent === transmissions.at(-1) ? transmissionCount : transmissions.indexOf(sent) + 1;
    const path = session.paths[sent.path];
    const ends =
      message.from === 'initiator'
        ? `${path.initiator}:${path.initiatorPort} to ${path.responder}:${path.responderPort}`
        : `${path.responder}:${path.responderPort} to ${path.initiator}:${path.initiatorPort}`;
    return {
      frame: sent.frame,
      timeNs: sent.timeNs,
      segment: sent.segment,
      summary: `${name}, ${isTold(message) ? `${message.length} bytes, ` : ''}${ends}, sending ${number} of ${transmissionCount}${pieces(sent)}`,
    };
  });
}

function pieces({ isFragmented, isComplete, fragments }: IkeTransmission): string {
  if (fragments.size > 0) return `, IKE fragments ${[...fragments].sort((a, b) => a - b).join(', ')}`;
  if (!isFragmented) return '';
  return isComplete ? ', in IP fragments' : ', first IP fragment alone';
}

const COOKIES_IN_FILTER_MAX = 8;

/** Finds the messages of the sessions, and IP fragments that hold parts of them. */
export function sessionFilter(pair: IkePair, sessions: readonly IkeSession[]): string {
  const distinct = [...new Set(sessions)];
  const between = pairFilter(pair.initiator, pair.responder);
  const cookies = [...new Set(distinct.map(({ initiatorSpi }) => initiatorSpi))];
  const clauses =
    cookies.length <= COOKIES_IN_FILTER_MAX
      ? cookies.map((spi) => `isakmp.ispi == ${spi.replace(/..(?!$)/g, '$&:')}`)
      : [`(${between} && isakmp)`];
  if (distinct.some(hasIpFragments)) {
    const fragment =
      addressFamily(pair.initiator) === 'ip' ? '(ip.flags.mf == 1 || ip.frag_offset > 0)' : 'ipv6.fraghdr';
    clauses.push(`(${between} && ${fragment})`);
  }
  // Elsewhere than on its ports Wireshark does not look for IKE.
  if (distinct.some(({ usesPort500, usesPort4500 }) => !usesPort500 && !usesPort4500)) {
    clauses.push(`(${between} && udp)`);
  }
  return clauses.join(' || ');
}

function hasIpFragments({ exchanges }: IkeSession): boolean {
  return exchanges.some(({ messages }) =>
    messages.some(({ transmissions }) => transmissions.some(({ isFragmented }) => isFragmented)),
  );
}

/** Lines of tcpdump without -v print no length, and none is made up. */
function isTold({ length }: { readonly length: number }): boolean {
  return length !== LENGTH_UNTOLD;
}

/** "IKE_SA_INIT request (464 bytes) 6 times within 94.7 s (repeated after …)". */
export function sendingText(stalls: NonEmpty<Stall>): string {
  const waiting = waitingOf(stalls);
  const { session, exchange } = stalls[0];
  const message = waiting[0];
  const count = transmissionsOf(waiting);
  const span = (lastOf(waiting).timeNs - firstOf(waiting).timeNs) / NS_PER_SECOND;
  const times = count === 1 ? 'once' : `${count} times`;
  const within = count > 1 && span >= 0 ? ` within ${secondsText(span)}` : '';
  const attempts = stalls.length > 1 ? ` in ${stalls.length} attempts` : '';
  const timer = stalls.length === 1 && waiting.length === 1 ? timerText(timerOf(message)) : '';
  const length = isTold(message) ? ` (${message.length} bytes)` : '';
  return `${messageName(session, exchange, message)}${length} ${times}${within}${attempts}${timer}`;
}

/** How long the capture goes on after the last sending: what "no answer" rests on. */
export function watchedText(stalls: NonEmpty<Stall>, quality: CaptureQuality): string {
  const left = secondsToPause(quality, lastOf(waitingOf(stalls)));
  if (left < 0.1) return 'The capture ends with the last sending.';
  return `The capture goes on for ${secondsText(left)} after the last sending.`;
}

/** Sendings and attempts, which every count of a stall begins with. */
export function stallCounts(stalls: NonEmpty<Stall>): { transmissions: number; attempts: number } {
  return {
    transmissions: transmissionsOf(waitingOf(stalls)),
    attempts: new Set(stalls.map(({ session }) => session)).size,
  };
}
