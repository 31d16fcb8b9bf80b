import { exitCodeOf } from '../../src/commands/exit-code.js';
import { type Report, reportSchema } from '../../src/report/report.js';
import { type Format, writeReport } from '../../src/report/write-report.js';

/*
 * What holds of every report, whatever was read.
 */

/** Control bytes but for the end of a line; of formats for people, the ones that turn text round as well. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/** @throws Error that says what is wrong with the report. */
export async function assertSound(report: Report): Promise<void> {
  if (report.errors.length > 0) throw new Error(`a part failed: ${JSON.stringify(report.errors)}`);
  const read = reportSchema.safeParse(report);
  if (!read.success) throw new Error(`not of the schema: ${read.error.message}`);
  const code = exitCodeOf(report, 'error');
  if (![0, 1, 3].includes(code)) throw new Error(`exit code ${code}`);
  for (const format of ['text', 'markdown'] as const) {
    const text = await written(report, format);
    const found = CONTROL.exec(text);
    if (found) {
      const around = JSON.stringify(text.slice(Math.max(0, found.index - 60), found.index + 20));
      throw new Error(`control character in ${format}: ${around}`);
    }
    if (/\b(NaN|undefined|Infinity|\[object Object\])\b/.test(text)) {
      const at = text.search(/\b(NaN|undefined|Infinity|\[object Object\])\b/);
      throw new Error(
        `no words for a value in ${format}: ${JSON.stringify(text.slice(Math.max(0, at - 80), at + 40))}`,
      );
    }
  }
  JSON.parse(await written(report, 'json'));
}

async function written(report: Report, format: Format): Promise<string> {
  const pieces: string[] = [];
  await writeReport(report, format, (text) => pieces.push(text), { color: false, verbose: true });
  return pieces.join('');
}
