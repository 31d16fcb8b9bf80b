import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { Evidence, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { secondsBetween } from '../../src/moment.js';
import type { Severity } from '../../src/report/report.js';
import { scionLinks } from './correlator.js';
import { directionText, endsOf, linkFilter, linkSubject } from './links.js';
import { meaningOf, type ScmpMeaning, scmpText } from './scmp-codes.js';
import type { ScionLink, ScmpError } from './session.js';

/** Errors that come again for that long are no moment of a change. */
export const LASTING_SECONDS = 10;
export const LASTING_COUNT = 3;

export interface ScmpRule {
  readonly meanings: readonly ScmpMeaning[];
  severity(error: ScmpError): Severity;
}

/** One problem for each kind of SCMP error on each link; links without one are well. */
export function* judgeScmp(evidence: Evidence, rule: ScmpRule): Generator<Judgement> {
  const { quality } = evidence;
  for (const link of evidence.sessions(scionLinks)) {
    const errors = link.errors.filter((error) => rule.meanings.includes(meaningOf(error)));
    for (const error of errors) yield scmpProblem(quality, link, error, rule.severity(error));
    if (errors.length === 0) yield { result: 'healthy', subject: linkSubject(quality, link) };
  }
}

export function isLasting({ count, first, last }: ScmpError): boolean {
  return count >= LASTING_COUNT && secondsBetween(first, last) >= LASTING_SECONDS;
}

export function scmpProblem(
  quality: CaptureQuality,
  link: ScionLink,
  error: ScmpError,
  severity: Severity,
): Problem {
  const { direction, isCurrent, type, code, reporter, receiver, mtu, interfaceId, count, first, last } =
    error;
  const ends = endsOf(link, direction);
  const text = scmpText(error);
  return {
    result: 'problem',
    subject: linkSubject(quality, link, {
      reporter,
      receiver,
      scmp: `${isCurrent ? 'type' : 'class'} ${type} ${isCurrent ? 'code' : 'type'} ${code}`,
      ...(interfaceId > 0 ? { interface: interfaceId } : {}),
    }),
    severity,
    confidence: 'high',
    explanation: `${reporter} tells ${receiver}: ${text} (${count === 1 ? 'once' : `${count} times`}, ${directionText(link, direction)}).`,
    pair: [ends.from, ends.to],
    where: 'path',
    first,
    last,
    ongoingAtEnd: quality.secondsToEnd(last) < LASTING_SECONDS,
    counts: { errors: count, ...(mtu > 0 && meaningOf(error) === 'too-big' ? { mtuBytes: mtu } : {}) },
    evidence: [
      { ...first, summary: text },
      ...(count > 1 ? [{ ...last, summary: `${text} (the last one)` }] : []),
    ],
    displayFilter: linkFilter(link),
  };
}
