import { ANALYZE_OPTIONS, COLOR_OPTION, reportOptions, wholeNumber } from './analyze-options.js';
import type { ColorChoice } from './color-choice.js';
import type { FailOn } from './exit-code.js';
import { oneOf, single } from './option-values.js';
import { UsageError } from './usage-error.js';

/** The command line of `capan fleet`, checked. */
export interface FleetCommandOptions {
  readonly captures: readonly string[];
  readonly format: 'text' | 'json';
  readonly output?: string;
  readonly failOn: FailOn;
  readonly points?: string;
  /** Where results are kept; absent: nowhere. */
  readonly work?: string;
  /** Processes; 0: all in this one. Absent: as many as there are cores. */
  readonly jobs?: number;
  readonly sideFiles?: { readonly config?: string };
  readonly ignoresConfiguration?: true;
  readonly color: ColorChoice;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

const JOBS_MAX = 256;

export const FLEET_OPTIONS = {
  points: {
    type: 'string',
    requiresArg: true,
    description: 'JSON file that says which captures are of which place [found by their names]',
  },
  work: {
    type: 'string',
    requiresArg: true,
    description: 'keep all results in this folder; what is there is not done again [kept nowhere]',
  },
  jobs: { type: 'string', requiresArg: true, description: 'processes; 0: all in this one [one a core]' },
  format: {
    type: 'string',
    choices: ['text', 'json'],
    requiresArg: true,
    description: 'form of the report [text]',
  },
  output: ANALYZE_OPTIONS.output,
  config: ANALYZE_OPTIONS.config,
  'fail-on': ANALYZE_OPTIONS['fail-on'],
  color: COLOR_OPTION,
  quiet: ANALYZE_OPTIONS.quiet,
  verbose: ANALYZE_OPTIONS.verbose,
} as const;

/**
 * @param operands the words after the command.
 * @throws UsageError in one line.
 */
export function fleetOptions(
  argv: Readonly<Record<string, unknown>>,
  operands: readonly string[],
): FleetCommandOptions {
  const points = single(argv, 'points');
  const work = single(argv, 'work');
  const jobs = wholeNumber(argv, 'jobs', 0, JOBS_MAX);
  if (points === '') throw new UsageError('--points needs a file name');
  if (work === '') throw new UsageError('--work needs the name of a folder');
  if (operands.length === 0 && points === undefined)
    throw new UsageError('name captures of several places, folders of them, or --points FILE');
  if (operands.length > 0 && points !== undefined)
    throw new UsageError('--points names all captures; none go beside it');
  if (operands.includes('-')) throw new UsageError('fleet reads files several times; it cannot read stdin');
  const { failOn, sideFiles, ignoresConfiguration, color, quiet, verbose, output } = reportOptions(
    argv,
    operands,
  );
  return {
    captures: operands,
    format: oneOf(argv, 'format', ['text', 'json'] as const) ?? 'text',
    failOn,
    color,
    quiet,
    verbose,
    ...(output === undefined ? {} : { output }),
    ...(points === undefined ? {} : { points }),
    ...(work === undefined ? {} : { work }),
    ...(jobs === undefined ? {} : { jobs }),
    ...(sideFiles?.config === undefined ? {} : { sideFiles: { config: sideFiles.config } }),
    ...(ignoresConfiguration === undefined ? {} : { ignoresConfiguration }),
  };
}
