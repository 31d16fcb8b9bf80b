import { isConsequence, severityRank } from '../report/finding-order.js';
import type { Report, Severity } from '../report/report.js';

export type FailOn = Severity | 'never';

export const EXIT = {
  clean: 0,
  findings: 1,
  usageOrInput: 2,
  damagedInput: 3,
  interrupted: 130,
} as const;

/**
 * Consequences of another finding do not count, nor what is accepted. Damaged input, or a part of capan that failed on it, matters only where
 * no finding does: then nobody may take silence for health.
 */
export function exitCodeOf(report: Report, failOn: FailOn): number {
  const failing =
    failOn !== 'never' &&
    report.findings.some(
      (finding) =>
        !isConsequence(finding) &&
        finding.accepted === undefined &&
        severityRank(finding.severity) >= severityRank(failOn),
    );
  if (failing) return EXIT.findings;
  const damaged = report.captures.some((capture) => (capture.damaged?.length ?? 0) > 0);
  return damaged || report.errors.length > 0 ? EXIT.damagedInput : EXIT.clean;
}
