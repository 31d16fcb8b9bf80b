import type { Report } from '../report/report.js';

/** What marks the accepted findings of a report; the file is read now, so that a wrong one is said before the work. @throws UsageError */
export async function acceptanceOf(file: string | undefined): Promise<(report: Report) => Report> {
  if (file === undefined) return (report) => report;
  const { readAcceptances, withAcceptances } = await import('./accepted-findings.js');
  const acceptances = readAcceptances(file);
  return (report) => withAcceptances(report, acceptances, new Date().toISOString().slice(0, 10));
}

/** Expired acceptances, for stderr. */
export function expiredLines({ acceptances = [] }: Report): string[] {
  return acceptances
    .filter(({ state }) => state === 'expired')
    .map(({ finding, until }) => `warning: the acceptance of ${finding} has expired on ${until}`);
}
