import { escapeTableCell, escapeText, stringifyJson } from './escape.js';
import type { Finding } from './report.js';
import { reportClock } from './report-time.js';
import { subjectText } from './subject-text.js';

/** What became of a finding, for people and programs that read along. */
export interface LiveEvent {
  readonly event: 'raised' | 'updated' | 'cleared';
  readonly finding: Finding;
  readonly clearedAt: string | null;
}

/** "12:00:31.123 RAISED  error vxlan.no-return: title, tunnel 10.0.0.1 <-> 10.0.0.2 (since 12:00:20.000, confidence high)". */
export function liveEventLine({ event, finding, clearedAt }: LiveEvent, now: string | null): string {
  const clock = reportClock([]);
  const { severity, id, title, subject, confidence, first } = finding;
  const time = clock.timeOfDay(now);
  const since = first === null ? '' : `since ${clock.timeOfDay(first)}, `;
  const until = event === 'cleared' && clearedAt !== null ? `until ${clock.timeOfDay(clearedAt)}, ` : '';
  const head = [time, event.toUpperCase().padEnd(7), severity].filter((part) => part !== '').join(' ');
  return escapeText(
    `${head} ${id}: ${title}, ${subjectText(subject)} (${since}${until}confidence ${confidence})`,
  );
}

/** The same as an object on a line, as `--format ndjson` writes findings, with what became of it. */
export function liveEventJson({ event, finding, clearedAt }: LiveEvent, now: string | null): string {
  const cleared = event === 'cleared' ? { clearedAt } : {};
  return `${stringifyJson({ type: 'finding', event, at: now, ...finding, ...cleared })}\n`;
}

/** A line an interface: its name, then its description and addresses. */
export function interfaceLines(
  interfaces: readonly {
    readonly name: string;
    readonly description: string;
    readonly addresses: readonly string[];
  }[],
): string {
  const width = Math.max(...interfaces.map(({ name }) => escapeTableCell(name).length));
  return interfaces
    .map(({ name, description, addresses }) => {
      const about = [description, addresses.join(' ')].filter((part) => part !== '').join('  ');
      return `${escapeTableCell(name).padEnd(width)}  ${escapeText(about)}`.trimEnd();
    })
    .map((line) => `${line}\n`)
    .join('');
}
