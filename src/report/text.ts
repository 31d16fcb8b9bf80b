import { asciiText, shownText } from './ascii-text.js';
import { escapeStrings, escapeText } from './escape.js';
import { counted } from './quantity.js';
import type { Report } from './report.js';
import { reportClock } from './report-time.js';
import { endpointsText, tunnelKeys, tunnelsOfManyKeys } from './subject-text.js';
import { captureLines } from './text-captures.js';
import { healthyLines, unjudgedLines } from './text-checks.js';
import { compareLines } from './text-compare.js';
import { findingLines } from './text-findings.js';
import { hang, INDENT, type TextStyle, textStyle, titled } from './text-style.js';
import { tunnelLines } from './text-tunnels.js';
import { verdict } from './verdict.js';
import type { WriteOptions } from './write-options.js';

const KEYED_TUNNELS_MAX = 20;
const KEYS_LISTED_MAX = 64;

/** The report for a person with an incident at night: the answer first, then the proof. As wide as the terminal, 100 columns where there is none. */
export function writeText(report: Report, out: (text: string) => void, options: WriteOptions): void {
  const style = textStyle(options);
  // Escaped once, before anything is measured or wrapped, so that no string can slip past.
  const safe = escapeStrings(report, options.ascii ? (text) => asciiText(escapeText(text)) : escapeText);
  const clock = reportClock(safe.captures);
  const sections = [
    hang('', verdict(safe, clock), style.width).map((line) => style.heading(line)),
    captureLines(safe, clock, style),
    compareLines(safe, style),
    tunnelLines(safe, clock, style),
    findingLines(safe, clock, style),
    healthyLines(safe, style),
    unjudgedLines(safe, style),
    keyLines(safe, style),
    failureLines(safe, style),
  ];
  const written = sections.filter((lines) => lines.length > 0).map((lines) => `${lines.join('\n')}\n`);
  out(shownText(written.join('\n'), options.ascii));
}

/** The keys that the names of tunnels leave out. */
function keyLines(report: Report, style: TextStyle): string[] {
  const tunnels = tunnelsOfManyKeys(report);
  if (tunnels.length === 0) return [];
  const shown = style.verbose ? tunnels : tunnels.slice(0, KEYED_TUNNELS_MAX);
  const lines = shown.flatMap((tunnel) => {
    const keys = tunnelKeys(tunnel);
    const listed = style.verbose ? keys : keys.slice(0, KEYS_LISTED_MAX);
    const more = keys.length > listed.length ? ` and ${keys.length - listed.length} more` : '';
    const name = `${tunnel.kind} ${endpointsText(tunnel.endpoints, report.names)}`;
    return [
      ...hang(INDENT, `${name}:`, style.width),
      ...hang(INDENT + INDENT, listed.join(' ') + more, style.width),
    ];
  });
  if (tunnels.length > shown.length)
    lines.push(`${INDENT}and ${counted(tunnels.length - shown.length, 'more tunnel')}`);
  return [
    ...titled('KEYS', 'of tunnels with more than two, in the order in which they were seen', style),
    ...lines,
  ];
}

function failureLines(report: Report, style: TextStyle): string[] {
  if (report.errors.length === 0) return [];
  const lines = titled('ERRORS', 'of capan on this input; the rest of the report stands', style);
  for (const { where, message } of report.errors)
    lines.push(...hang(INDENT, `${where}: ${message}`, style.width));
  return lines;
}
