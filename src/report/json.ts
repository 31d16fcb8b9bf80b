import { stringifyJson } from './escape.js';
import type { Report } from './report.js';

/** One object, as docs/report.schema.json describes it. */
export function writeJson(report: Report, out: (text: string) => void): void {
  out(`${stringifyJson(report, 2)}\n`);
}
