import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'vitest';
import type { Report } from '../src/report/report.js';

/**
 * What a golden report holds: all that the report says. Checks that do not apply say nothing, so a new diagnosis touches
 * only the goldens on which it speaks; that every id is listed once in `checked[]` is asserted apart.
 */
export function goldenTextOf(report: Report): string {
  const checked = report.checked.filter(({ result }) => result !== 'not-applicable');
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
