import { momentOf } from '../correlate/frame-reference.js';
import type { Moment } from '../moment.js';
import type { Evidence, Problem } from './diagnosis.js';

/** What a problem that a side file states cannot take from packets. */
type FromPackets =
  | 'first'
  | 'last'
  | 'lastGood'
  | 'ongoingAtEnd'
  | 'evidence'
  | 'displayFilter'
  | 'counts'
  | 'confidence';

/**
 * A fault that a side file states: an output or a log says so, whatever packets show. It spans the capture beside which
 * the file was given, unless the packets say more.
 */
export function statedProblem(
  { quality }: Pick<Evidence, 'quality'>,
  stated: Omit<Problem, 'result' | FromPackets> & Partial<Pick<Problem, FromPackets>>,
): Problem {
  const window = quality.window(0);
  const unknown: Moment = { segment: 0, timeNs: Number.NaN };
  const first = window ? momentOf(window.first) : unknown;
  return {
    result: 'problem',
    confidence: 'high',
    first,
    last: window ? momentOf(window.last) : first,
    lastGood: null,
    ongoingAtEnd: true,
    counts: { statements: 1 },
    evidence: [],
    displayFilter: 'frame',
    ...stated,
  };
}

/** Whether packets of the capture show trouble with an address, by one of these diagnoses: then these say it, with frames. */
export function isToldByPackets(
  { judgements }: Pick<Evidence, 'judgements'>,
  ids: readonly string[],
  address: string | null,
): boolean {
  if (address === null) return false;
  return ids.some((id) =>
    (judgements.get(id) ?? []).some(
      (one) => one.result === 'problem' && one.severity !== 'info' && (one.pair?.includes(address) ?? false),
    ),
  );
}
