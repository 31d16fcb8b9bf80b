import { readFileSync } from 'node:fs';
import { type Report, reportSchema } from '../report/report.js';
import { writePage, writeTheReport } from './analyze-and-report.js';
import { EXIT } from './exit-code.js';
import { assertWritable, reasonOf } from './output-file.js';
import type { RenderCommandOptions } from './render-options.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

/**
 * `capan render`: a report that was written as JSON, in another form.
 * @returns the exit code.
 * @throws UsageError where it is no report, or the other form cannot be written.
 */
export async function runRender(options: RenderCommandOptions, terminal: Terminal): Promise<number> {
  const { format, html, output } = options;
  for (const file of [html, output]) if (file !== undefined) assertWritable(file, [options.report]);
  const report = readReport(options.report);
  if (html !== undefined) await writePage(report, html);
  if (format !== undefined) {
    const { html: _written, ...words } = options;
    await writeTheReport(report, { ...words, format, failOn: 'never' }, terminal);
  }
  if (html !== undefined && report.pictures === undefined && !options.quiet) {
    terminal.message('the report holds no pictures; analyze with --format json --pictures keeps them');
  }
  return EXIT.clean;
}

function readReport(file: string): Report {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${reasonOf(error)}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UsageError(`${file} is no JSON; write the report with capan analyze --format json --pictures`);
  }
  const read = reportSchema.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new UsageError(`${file} is no report of capan: ${issue.path.join('.') || 'it'}: ${issue.message}`);
}
