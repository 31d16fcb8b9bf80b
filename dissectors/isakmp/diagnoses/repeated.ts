import { defineDiagnosis, type Evidence, type Problem } from '../../../src/diagnose/diagnosis.js';
import { isNonEmpty, type NonEmpty } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import { messageCitations, sessionFilter } from '../pair-judgement.js';
import { hasEspAfter, type IkePair, ikePairs } from '../pair-sessions.js';
import type { IkeExchange, IkeMessage, IkeSession } from '../session.js';
import { firstOf, lastOf, transmissionsOf } from '../stall.js';

interface Repeated {
  readonly session: IkeSession;
  readonly message: IkeMessage;
}

/** Messages of which the sendings are cited. */
const CITED = 4;

export default defineDiagnosis({
  id: 'ike.repeated',
  title: 'IKE messages had to be repeated',
  severity: 'info',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 3,
  // Lines do not tell another attempt from a repetition.
  lines: 'mislead',
  rule:
    'A message that wants an answer was sent again, and the first answer comes after the last sending; or the other side ' +
    'repeats its answer too, and then the sender goes on.',
  notWhen:
    'The exchange got no further, or the answer is a refusal in clear (then the finding about that speaks), or both ' +
    'sendings are copies of one.',
  causes: [
    'A message or its answer was lost on the way',
    'The peer took longer than the timer to answer: a busy daemon, certificates, a RADIUS server behind it',
  ],
  nextSteps: [
    'See whether other packets between the two hosts are lost as well: ping -c 200 PEER',
    'If only the answers come late, read in the log of the peer what it waits for: journalctl -u strongswan',
  ],
  refutedBy: 'Each message stands once in a capture at its sender: then the network doubled it.',
  source: 'RFC 7296, section 2.1; RFC 2408, section 5.1',
  fault: 'remark',
  consequenceOf: ['path-loss', 'fragments'],
  technology: 'ipsec',
  *diagnose(evidence) {
    for (const pair of ikePairs(evidence)) {
      const repeated = repeatedOf(evidence, pair);
      if (isNonEmpty(repeated)) yield problemOf(pair, repeated);
      else if (pair.sessions.some(({ established }) => established !== null)) {
        yield { result: 'healthy', subject: pair.subject };
      }
    }
  },
});

function repeatedOf(evidence: Evidence, { sessions, stalls }: IkePair): Repeated[] {
  const inVain = new Set(stalls.flatMap(({ waiting }) => waiting));
  return sessions.flatMap((session) =>
    session.exchanges.flatMap((exchange) =>
      exchange.messages
        .filter((message) => !inVain.has(message) && isAnsweredLater(evidence, session, exchange, message))
        .map((message) => ({ session, message })),
    ),
  );
}

/**
 * What the other side sent before, and repeats for want of this message, is no answer to it. One that was already there
 * when the message was sent again counts only where its sender went on: it may never have arrived.
 */
function isAnsweredLater(
  evidence: Evidence,
  session: IkeSession,
  { messages }: IkeExchange,
  message: IkeMessage,
): boolean {
  if (message.isResponse || message.transmissionCount < 2) return false;
  const original = firstOf([message]).frame;
  const final = lastOf([message]).frame;
  const answers = messages.filter(
    (answer) =>
      answer.from !== message.from &&
      answer.notifyType === 0 &&
      firstOf([answer]).frame > original &&
      lastOf([answer]).frame > final,
  );
  if (answers.some((answer) => firstOf([answer]).frame > final)) return true;
  const ownLast = session.lastFrom[message.from]?.frame ?? 0;
  return answers.length > 0 && (ownLast > final || hasEspAfter(evidence, session, final));
}

function problemOf(pair: IkePair, repeated: NonEmpty<Repeated>): Problem {
  const [{ message }, ...others] = repeated;
  const messages: NonEmpty<IkeMessage> = [message, ...others.map((other) => other.message)];
  const repeats = transmissionsOf(messages) - messages.length;
  return {
    result: 'problem',
    subject: pair.subject,
    confidence: 'high',
    explanation:
      `${plural(messages.length, 'IKE message')} between ${pair.initiator} and ${pair.responder} had to be sent again, ` +
      `${plural(repeats, 'time')} in all, before the exchange went on.`,
    pair: [pair.initiator, pair.responder],
    first: firstOf(messages),
    last: lastOf(messages),
    ongoingAtEnd: false,
    counts: { messages: messages.length, repeats },
    evidence: repeated.slice(0, CITED).flatMap((one) => messageCitations(one.session, one.message)),
    displayFilter: sessionFilter(
      pair,
      repeated.map(({ session }) => session),
    ),
    packetClass: 'ike',
  };
}
