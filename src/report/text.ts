import { escapeStrings } from './escape.js';
import type { Report } from './report.js';
import { reportClock } from './report-time.js';
import { captureLines } from './text-captures.js';
import { healthyLines, unjudgedLines } from './text-checks.js';
import { compareLines } from './text-compare.js';
import { findingLines } from './text-findings.js';
import { hang, INDENT, type TextStyle, textStyle } from './text-style.js';
import { tunnelLines } from './text-tunnels.js';
import { verdict } from './verdict.js';
import type { WriteOptions } from './write-options.js';

/** The report for a person with an incident at night: the answer first, then the proof. At most 100 columns. */
export function writeText(report: Report, out: (text: string) => void, options: WriteOptions): void {
  const style = textStyle(options);
  // Escaped once, before anything is measured or wrapped, so that no string can slip past.
  const safe = escapeStrings(report);
  const clock = reportClock(safe.captures);
  const sections = [
    hang('', verdict(safe, clock), style.width).map((line) => style.heading(line)),
    captureLines(safe, clock, style),
    compareLines(safe, style),
    tunnelLines(safe, clock, style),
    findingLines(safe, clock, style),
    healthyLines(safe, style),
    unjudgedLines(safe, style),
    failureLines(safe, style),
  ];
  const written = sections.filter((lines) => lines.length > 0).map((lines) => `${lines.join('\n')}\n`);
  out(written.join('\n'));
}

function failureLines(report: Report, style: TextStyle): string[] {
  if (report.errors.length === 0) return [];
  const lines = [
    `${style.heading('ERRORS')} ${style.dim('(of capan on this input; the rest of the report stands)')}`,
  ];
  for (const { where, message } of report.errors)
    lines.push(...hang(INDENT, `${where}: ${message}`, style.width));
  return lines;
}
