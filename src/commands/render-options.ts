import { FORMATS, type Format } from '../report/write-report.js';
import { COLOR_OPTION, colorChoice, flag, htmlFile, oneOf, single } from './analyze-options.js';
import type { ColorChoice } from './color-choice.js';
import { UsageError } from './usage-error.js';

/** The command line of `capan render`, checked. */
export interface RenderCommandOptions {
  readonly report: string;
  /** What the words on standard output, or in `output`, are written in; absent where only a page was asked for. */
  readonly format?: Format;
  readonly output?: string;
  readonly html?: string;
  readonly color: ColorChoice;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

export const RENDER_OPTIONS = {
  html: { type: 'string', requiresArg: true, description: 'write the report as a page' },
  format: { type: 'string', choices: FORMATS, requiresArg: true, description: 'form of the report [text]' },
  output: { type: 'string', alias: 'o', requiresArg: true, description: 'write it to this file [stdout]' },
  color: COLOR_OPTION,
  quiet: { type: 'boolean', description: 'no remarks on stderr' },
  verbose: { type: 'boolean', description: 'everything that the report holds' },
} as const;

/** @throws UsageError in one line. */
export function renderOptions(
  argv: Readonly<Record<string, unknown>>,
  operands: readonly string[],
): RenderCommandOptions {
  const [report, ...more] = operands;
  if (report === undefined || report === '' || more.length > 0) {
    throw new UsageError('render takes one report: capan render REPORT.json --html FILE (- for stdin)');
  }
  const output = single(argv, 'output');
  const html = htmlFile(argv, output);
  const format = oneOf(argv, 'format', FORMATS) ?? (html === undefined ? 'text' : undefined);
  return {
    report,
    color: colorChoice(argv),
    quiet: flag(argv, 'quiet') ?? false,
    verbose: flag(argv, 'verbose') ?? false,
    ...(format === undefined ? {} : { format }),
    ...(output === undefined || output === '-' ? {} : { output }),
    ...(html === undefined ? {} : { html }),
  };
}
