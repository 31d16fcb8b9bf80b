import { escapeText } from './escape.js';
import { isConsequence, severityRank } from './finding-order.js';
import type { Checked, Finding, Report, Severity } from './report.js';
import { reportClock } from './report-time.js';
import { subjectText } from './subject-text.js';
import { verdict } from './verdict.js';

/*
 * JUnit's XML, as CI servers read it: a test case a diagnosis. It fails where a finding counts for the exit code, and is
 * skipped where the capture does not settle it; what has nothing to judge is left out.
 */

export type FailOn = Severity | 'never';

/** @param failOn from which severity on a finding fails its test. */
export function writeJunit(report: Report, out: (text: string) => void, failOn: FailOn = 'error'): void {
  const cases = report.checked.filter(({ result }) => result !== 'not-applicable');
  const fails = failing(report, failOn);
  const failed = new Set(fails.map(({ id }) => id));
  const skipped = cases.filter((check) => isSkipped(check, failed)).length;
  const totals = `tests="${cases.length + report.errors.length}" failures="${failed.size}" errors="${report.errors.length}" skipped="${skipped}"`;
  const name = report.captures.map(({ file }) => file).join(' ');
  const [first] = report.captures.flatMap(({ firstTime }) => firstTime ?? []).sort();
  const time = first === undefined ? '' : ` timestamp="${xml(first.replace(/\..*|Z$/, ''))}"`;
  out(
    [
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<testsuites name="capan" ${totals}>`,
      `  <testsuite name="${xml(name)}" ${totals}${time}>`,
      ...cases.map((check) => testCase(check, report, fails, failed)),
      ...report.errors.map(
        ({ where, message }) =>
          `    <testcase classname="capan" name="${xml(where)}"><error message="${xml(message)}"/></testcase>`,
      ),
      `    <system-out>${xml(verdict(report, reportClock(report.captures)))}</system-out>`,
      '  </testsuite>',
      '</testsuites>',
      '',
    ].join('\n'),
  );
}

/** As the exit code counts: what follows from another finding does not. */
function failing({ findings }: Report, failOn: FailOn): readonly Finding[] {
  if (failOn === 'never') return [];
  return findings.filter(
    (finding) => !isConsequence(finding) && severityRank(finding.severity) >= severityRank(failOn),
  );
}

function isSkipped({ id, result }: Checked, failed: ReadonlySet<string>): boolean {
  return result === 'insufficient-data' && !failed.has(id);
}

function testCase(
  check: Checked,
  report: Report,
  fails: readonly Finding[],
  failed: ReadonlySet<string>,
): string {
  const head = `    <testcase classname="capan.${xml(check.id.split('.')[0] ?? '')}" name="${xml(check.id)}"`;
  const inside = [
    ...fails.filter(({ id }) => id === check.id).map((finding) => failure(finding, report)),
    ...(isSkipped(check, failed) ? [`      <skipped message="${xml(check.reason ?? '')}"/>`] : []),
    ...remarks(check, report, fails),
  ];
  return inside.length === 0 ? `${head}/>` : [`${head}>`, ...inside, '    </testcase>'].join('\n');
}

function failure(finding: Finding, { names }: Report): string {
  const lines = [
    finding.explanation,
    `where: ${subjectText(finding.subject, names)}`,
    ...finding.evidence.map(({ frame, summary }) => `frame ${frame}: ${summary}`),
    `filter: ${finding.displayFilter}`,
    ...finding.nextSteps.map((step, index) => `next ${index + 1}: ${step}`),
  ];
  return `      <failure type="${finding.severity}" message="${xml(finding.title)}">${lines.map(xml).join('\n')}</failure>`;
}

/** Findings that fail nothing are said all the same. */
function remarks({ id }: Checked, { findings, names }: Report, fails: readonly Finding[]): string[] {
  const quiet = findings.filter((finding) => finding.id === id && !fails.includes(finding));
  if (quiet.length === 0) return [];
  const lines = quiet.map(
    ({ severity, title, subject }) => `${severity}: ${title}, ${subjectText(subject, names)}`,
  );
  return [`      <system-out>${lines.map(xml).join('\n')}</system-out>`];
}

/** Text for an element or an attribute; XML has no way to write most control characters, so they are spelled out first. */
function xml(text: string): string {
  return escapeText(text)
    .replace(/[\ufffe\uffff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
