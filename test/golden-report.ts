import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'vitest';
import type { Report } from '../src/report/report.js';

/**
 * What a golden report holds: all that the report says. Checks that do not apply, or find all well, say nothing, so a new
 * diagnosis touches only the goldens on which it speaks. That every id is listed once in `checked[]` is asserted apart;
 * what was judged healthy stands in a file of its own (`expectHealthyLines`).
 */
export function goldenTextOf(report: Report): string {
  const checked = report.checked.filter(
    ({ result }) => result === 'problem' || result === 'insufficient-data',
  );
  return `${JSON.stringify({ ...report, tool: { ...report.tool, version: '0' }, checked }, null, 1)}\n`;
}

/** Compares with the golden file, which UPDATE_GOLDEN=1 writes first. */
export function expectGolden(report: Report, file: string): void {
  const text = goldenTextOf(report);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  expect(existsSync(file), 'run with UPDATE_GOLDEN=1 to write it').toBe(true);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

/**
 * A line for each diagnosis: the samples on which it judged everything healthy, `:n` where it judged n > 1 subjects. A
 * diagnosis that no longer judges there is quiet for a reason that nobody looked at.
 *
 * A line stands as it was first written while all of it still holds: a new sample changes no line, a new diagnosis adds
 * one. UPDATE_GOLDEN=1 writes a line that no longer holds anew, with all the samples of that day.
 */
export function expectHealthyLines(
  reports: ReadonlyMap<string, Report>,
  ids: readonly string[],
  file: string,
): void {
  const written = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const entriesOf = new Map(written.split('\n').map((line) => [idOf(line), line.split(' ').slice(1)]));
  const lines = ids.toSorted().flatMap((id) => {
    const now = healthyEntries(reports, id);
    const before = entriesOf.get(id) ?? [];
    const holds = before.length > 0 && before.every((entry) => now.includes(entry));
    const entries = holds ? before : now;
    return entries.length > 0 ? [`${id}: ${entries.join(' ')}\n`] : [];
  });
  const text = lines.join('');
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
  expect(text, 'run with UPDATE_GOLDEN=1 to write it').toBe(readFileSync(file, 'utf8'));
}

function idOf(line: string): string {
  return line.slice(0, line.indexOf(':'));
}

function healthyEntries(reports: ReadonlyMap<string, Report>, id: string): readonly string[] {
  return [...reports]
    .flatMap(([sample, { checked }]) => {
      const row = checked.find((one) => one.id === id);
      if (row?.result !== 'healthy') return [];
      const { healthy } = row.subjects;
      const name = sample.replace(/\.pcap$/, '');
      return [healthy > 1 ? `${name}:${healthy}` : name];
    })
    .toSorted();
}
