import { createHash } from 'node:crypto';
import type { Citation } from '../moment.js';
import type { Finding, Subject } from '../report/report.js';
import { NO_SIDE_KNOWLEDGE, type SideKnowledge } from '../side-files/side-knowledge.js';
import { captureIndexOf, frameNumberOf } from '../units.js';
import type { CaptureClock } from './clock.js';
import { type Diagnosis, type Problem, thresholdOf } from './diagnosis.js';

/** Citations that a finding keeps: the first and the last ones, in order. */
const CITATIONS_MAX = 10;
const KEY_HEX_DIGITS = 12;

/** Makes the public finding of a problem; `causedBy` and `tunnel` are added later. */
export function findingOf(
  diagnosis: Diagnosis,
  problem: Problem,
  clock: CaptureClock,
  side: SideKnowledge = NO_SIDE_KNOWLEDGE,
): Finding {
  const finding: Finding = {
    key: findingKey(diagnosis.id, problem.subject),
    id: diagnosis.id,
    severity: problem.severity ?? diagnosis.severity,
    confidence: problem.confidence,
    title: problem.title ?? diagnosis.title,
    explanation: problem.explanation,
    subject: problem.subject,
    where: problem.where ?? 'unknown',
    first: clock.rfc3339(problem.first),
    last: clock.rfc3339(problem.last),
    lastGood: problem.lastGood
      ? { frame: frameNumberOf(problem.lastGood.frame), time: clock.rfc3339(problem.lastGood) }
      : null,
    ongoingAtEnd: problem.ongoingAtEnd,
    counts: { ...problem.counts },
    thresholds: Object.fromEntries(
      Object.entries(diagnosis.thresholds).map(([name, { value }]) => [
        name,
        thresholdOf({ side }, diagnosis.id, name, value),
      ]),
    ),
    evidence: keptCitations(problem.evidence).map((citation) => ({
      capture: captureIndexOf(citation.frame),
      frame: frameNumberOf(citation.frame),
      time: clock.rfc3339(citation),
      relativeSeconds: clock.relativeSeconds(citation),
      summary: citation.summary,
    })),
    displayFilter: problem.displayFilter,
    causes: [...(problem.causes ?? diagnosis.causes)],
    nextSteps: [...(problem.nextSteps ?? diagnosis.nextSteps)],
    refutedBy: diagnosis.refutedBy,
    limitedBy: [...(problem.limitedBy ?? [])],
  };
  if (problem.direction) finding.direction = { ...problem.direction };
  return finding;
}

/** Equal from run to run: the id and a hash of the subject in canonical form. */
export function findingKey(id: string, subject: Subject): string {
  const digest = createHash('sha256').update(canonicalJson(subject)).digest('hex');
  return `${id}:${digest.slice(0, KEY_HEX_DIGITS)}`;
}

/** JSON with the keys of every object in order. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

function keptCitations(citations: readonly Citation[]): readonly Citation[] {
  const seen = new Set<number>();
  const distinct = citations.filter(({ frame }) => !seen.has(frame) && seen.add(frame));
  if (distinct.length <= CITATIONS_MAX) return distinct;
  const half = CITATIONS_MAX / 2;
  return [...distinct.slice(0, half), ...distinct.slice(-half)];
}
