import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { originText } from '../../src/side-files/origin.js';
import { type IkeRemedy, REMEDIES } from './log-sentences.js';
import { type IkePair, ikePairs } from './pair-sessions.js';
import ikeLogs, { type IkeLogEvent, type IkeLogEventKind } from './side-files/ike-log.js';

/* What the log of a gateway says about the negotiation of a pair: the reason that the wire does not show. */

const SENTENCES_CITED = 2;
const SENTENCE_LENGTH_MAX = 160;
/** What a daemon says when it gives up or refuses; retransmissions and successes explain no stall. */
const TELLING: readonly IkeLogEventKind[] = [...REMEDIES.keys()];

/**
 * Lines of the given logs about that pair: those that name one of its addresses; and those without an address where
 * the capture has one pair only and the log one connection only.
 */
export function logEventsOf(evidence: Evidence, pair: IkePair): IkeLogEvent[] {
  const isAlone = ikePairs(evidence).length === 1;
  const ends = new Set(
    pair.sessions.flatMap(({ paths }) => paths.flatMap((path) => [path.initiator, path.responder])),
  );
  return evidence.side.of(ikeLogs).flatMap(({ events }) => {
    const connections = new Set(events.flatMap(({ connection }) => connection ?? []));
    const isOnlyOne = isAlone && connections.size <= 1;
    return events.filter(({ peer, local }) => {
      if (peer === null && local === null) return isOnlyOne;
      return [peer, local].every((one) => one === null || ends.has(one));
    });
  });
}

/** True where a daemon says that it refused the authentication, or was refused; pluto's guesses do not count. */
export function isAuthenticationRefused(evidence: Evidence, pair: IkePair): boolean {
  return logEventsOf(evidence, pair).some(({ kind }) => kind === 'authentication-failed');
}

/** What follows from the most telling line about that pair; null where the log says nothing of a failure. */
export function logRemedy(evidence: Evidence, pair: IkePair): IkeRemedy | null {
  const kinds = new Set(logEventsOf(evidence, pair).map(({ kind }) => kind));
  const kind = TELLING.find((one) => kinds.has(one) && one !== 'gave-up');
  return kind === undefined ? null : (REMEDIES.get(kind) ?? null);
}

/** ` The log says: "…" (pluto.log, line 7).`, or nothing. */
export function logSentences(evidence: Evidence, pair: IkePair): string {
  const telling = logEventsOf(evidence, pair)
    .filter(({ kind }) => TELLING.includes(kind))
    .sort((a, b) => TELLING.indexOf(a.kind) - TELLING.indexOf(b.kind))
    .slice(0, SENTENCES_CITED);
  return telling
    .map(({ text, origin }) => ` The log says: "${shortened(text)}" (${originText(origin)}).`)
    .join('');
}

function shortened(text: string): string {
  return text.length <= SENTENCE_LENGTH_MAX ? text : `${text.slice(0, SENTENCE_LENGTH_MAX)}…`;
}
