import type { Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import type { Citation } from '../../src/moment.js';
import { echoStreams, icmpErrors } from '../icmp/correlator.js';
import { type EchoPair, echoPairs } from '../icmp/shared/echo-pairs.js';
import type { ScionLink } from './session.js';

/** Pings from which on all of them lost say something. */
const UNANSWERED_MIN = 3;

/**
 * Adds to a problem of a link what the pings between its two underlay addresses say: they tell a tunnel that is broken
 * from a SCION that is.
 */
export function withPings(
  evidence: Evidence,
  link: ScionLink,
  judgement: Judgement | null,
): Judgement | null {
  if (judgement?.result !== 'problem') return judgement;
  const told = pairsOf(evidence, link).flatMap((pair) => pingsTold(pair) ?? []);
  if (told.length === 0) return judgement;
  return {
    ...judgement,
    explanation: [judgement.explanation, ...told.map(({ words }) => words)].join(' '),
    evidence: [...judgement.evidence, ...told.map(({ citation }) => citation)],
  };
}

function pairsOf(evidence: Evidence, { low, high, stack }: ScionLink): EchoPair[] {
  const pairs = echoPairs(evidence.quality, evidence.sessions(echoStreams), evidence.sessions(icmpErrors));
  return pairs.filter(
    ({ source, destination, stack: own }) =>
      own === stack && ((source === low && destination === high) || (source === high && destination === low)),
  );
}

function pingsTold(pair: EchoPair): { readonly words: string; readonly citation: Citation } | null {
  const { source, destination, answered, unanswered, firstUnanswered, lastAnswered } = pair;
  if (answered === 0 && unanswered >= UNANSWERED_MIN && firstUnanswered !== null) {
    return {
      words: `The ${unanswered} pings from ${source} to ${destination} stay without reply too: more than SCION fails there, so look at the tunnel first.`,
      citation: { ...firstUnanswered, summary: `ping from ${source} without reply` },
    };
  }
  if (unanswered > 0 || lastAnswered === null) return null;
  return {
    words: `The ${answered} pings from ${source} to ${destination} are answered: the tunnel works, and SCION does not.`,
    citation: { ...lastAnswered, summary: `ping from ${source} that is answered` },
  };
}
