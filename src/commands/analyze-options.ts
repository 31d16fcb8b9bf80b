import type { Severity } from '../report/report.js';
import { FORMATS, type Format } from '../report/write-report.js';
import type { SideFilePaths } from '../side-files/read-side-files.js';
import { isAddressText } from '../wire/address.js';
import { COLOR_CHOICES, type ColorChoice } from './color-choice.js';
import { EVIDENCE_OPTIONS, type EvidenceRequest, evidenceRequest } from './evidence-options.js';
import type { FailOn } from './exit-code.js';
import { flag, listOf, oneOf, single, wholeNumber } from './option-values.js';
import { PART_OPTIONS, type PartRequest, partRequest } from './part-options.js';
import { UsageError } from './usage-error.js';

export { flag, listOf, oneOf, single, wholeNumber } from './option-values.js';

const THREADS_MAX = 256;
export const SEVERITIES = ['info', 'warning', 'error'] as const;
const FAIL_ON = ['error', 'warning', 'info', 'never'] as const;

/** The command line of `capan analyze`, checked. Absent where the option was not given. */
export interface AnalyzeCommandOptions {
  readonly captures: readonly string[];
  readonly format: Format;
  /** Absent for stdout. */
  readonly output?: string;
  /** File for the report as a page. */
  readonly html?: string;
  /** Whether the JSON report holds what pictures are drawn from. */
  readonly pictures?: boolean;
  readonly only: readonly string[];
  readonly skip: readonly string[];
  readonly minSeverity?: Severity;
  readonly failOn: FailOn;
  readonly threads?: number;
  readonly local: readonly string[];
  /** Absent where none is given. */
  readonly sideFiles?: SideFilePaths;
  readonly color: ColorChoice;
  /** Present where no configuration is to be looked for. */
  readonly ignoresConfiguration?: true;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly chunkBytes?: number;
  readonly part?: PartRequest;
  readonly evidence?: EvidenceRequest;
  /** File of accepted findings. */
  readonly accept?: string;
}

/** Options that may be given several times. */
const FILES = { type: 'array', string: true, requiresArg: true } as const;

export const COLOR_OPTION = {
  type: 'string',
  description: 'auto, always or never; --no-color is never [auto: on a terminal]',
} as const;

/** Options as the yargs table of a command; values stay text and are checked by `analyzeOptions`. */
export const ANALYZE_OPTIONS = {
  format: { type: 'string', choices: FORMATS, requiresArg: true, description: 'form of the report [text]' },
  output: {
    type: 'string',
    alias: 'o',
    requiresArg: true,
    description: 'write the report to this file [stdout]',
  },
  html: {
    type: 'string',
    requiresArg: true,
    description: 'write the report as a page too: one file with timeline and pictures',
  },
  pictures: {
    type: 'boolean',
    description: 'JSON holds what pictures are drawn from, for capan render',
  },
  config: {
    type: 'string',
    requiresArg: true,
    description:
      'thresholds, names and expectations [the nearest capan.config.json or .capanrc.json upwards, else ~/.config/capan/config.json; --no-config: none]',
  },
  topology: { ...FILES, description: 'SCION topology.json' },
  tags: { ...FILES, description: 'tags and policies of Cloud Foundry (JSON)' },
  store: { ...FILES, description: 'store.json of a Cloud Foundry cell' },
  log: { ...FILES, description: 'IKE log, ip -d link, ntpq -pn …: recognised by content' },
  only: {
    type: 'array',
    string: true,
    requiresArg: true,
    description: 'run only these diagnoses (globs, commas)',
  },
  skip: {
    type: 'array',
    string: true,
    requiresArg: true,
    description: 'leave these diagnoses out (globs, commas)',
  },
  'min-severity': {
    type: 'string',
    choices: SEVERITIES,
    requiresArg: true,
    description: 'leave out findings below this',
  },
  'fail-on': {
    type: 'string',
    choices: FAIL_ON,
    requiresArg: true,
    description: 'exit with 1 from this severity on [error]',
  },
  threads: { type: 'string', requiresArg: true, description: 'worker threads; 0: all on the main thread' },
  local: { type: 'array', string: true, requiresArg: true, description: 'address of the host that captured' },
  color: COLOR_OPTION,
  quiet: { type: 'boolean', description: 'no progress and no remarks on stderr' },
  verbose: { type: 'boolean', description: 'everything in the text; a stack with internal errors' },
  accept: {
    type: 'string',
    requiresArg: true,
    description:
      'findings that are known: {"accepted": [{"id", "reason", "until"}]}; the exit code does not count them',
  },
  ...EVIDENCE_OPTIONS,
  'chunk-bytes': { type: 'string', requiresArg: true, hidden: true },
} as const;

/** What only one capture can be asked. */
export const ANALYZE_COMMAND_OPTIONS = { ...ANALYZE_OPTIONS, ...PART_OPTIONS } as const;

/**
 * @param argv what yargs made of the options.
 * @param captures the words after the command.
 * @throws UsageError in one line.
 */
export function analyzeOptions(
  argv: Readonly<Record<string, unknown>>,
  captures: readonly string[],
): AnalyzeCommandOptions {
  if (captures.length === 0) throw new UsageError('name at least one capture to analyse (- for stdin)');
  const part = partRequest(argv);
  return { captures, ...reportOptions(argv, captures), ...(part === undefined ? {} : { part }) };
}

/** What analyze and compare have in common. `captures`: all inputs, whatever their side. */
export function reportOptions(
  argv: Readonly<Record<string, unknown>>,
  captures: readonly string[],
): Omit<AnalyzeCommandOptions, 'captures'> {
  if (captures.includes('')) throw new UsageError('the name of a capture is empty');
  const minSeverity = oneOf(argv, 'min-severity', SEVERITIES);
  const output = single(argv, 'output');
  const toFile = output !== undefined && output !== '-';
  const threads = wholeNumber(argv, 'threads', 0, THREADS_MAX);
  const chunkBytes = wholeNumber(argv, 'chunk-bytes', 1, Number.MAX_SAFE_INTEGER);
  const quiet = flag(argv, 'quiet') ?? false;
  const verbose = flag(argv, 'verbose') ?? false;
  if (quiet && verbose) throw new UsageError('--quiet and --verbose exclude each other');
  if (output === '') throw new UsageError('--output needs a file name');
  const sideFiles = sideFilePaths(argv);
  const evidence = evidenceRequest(argv);
  const accept = single(argv, 'accept');
  if (accept === '') throw new UsageError('--accept needs a file name');
  const html = htmlFile(argv, output);
  return {
    format: oneOf(argv, 'format', FORMATS) ?? 'text',
    only: commaList(argv, 'only'),
    skip: commaList(argv, 'skip'),
    failOn: oneOf(argv, 'fail-on', FAIL_ON) ?? 'error',
    local: commaList(argv, 'local').map(assertAddress),
    color: colorChoice(argv),
    ...(argv.config === false ? { ignoresConfiguration: true as const } : {}),
    quiet,
    verbose,
    ...(toFile ? { output } : {}),
    ...(html === undefined ? {} : { html }),
    ...(html !== undefined || flag(argv, 'pictures') ? { pictures: true } : {}),
    ...(sideFiles === undefined ? {} : { sideFiles }),
    ...(minSeverity === undefined ? {} : { minSeverity }),
    ...(threads === undefined ? {} : { threads }),
    ...(chunkBytes === undefined ? {} : { chunkBytes }),
    ...(evidence === undefined ? {} : { evidence }),
    ...(accept === undefined ? {} : { accept }),
  };
}

/** @throws UsageError where it is no file, or that of the other report. */
export function htmlFile(
  argv: Readonly<Record<string, unknown>>,
  output: string | undefined,
): string | undefined {
  const html = single(argv, 'html');
  if (html === '' || html === '-') throw new UsageError('--html needs a file name');
  if (html !== undefined && html === output) {
    throw new UsageError('--html and --output name the same file; choose two');
  }
  return html;
}

function sideFilePaths(argv: Readonly<Record<string, unknown>>): SideFilePaths | undefined {
  const config = argv.config === false ? undefined : single(argv, 'config');
  const lists = {
    topology: listOf(argv.topology),
    tags: listOf(argv.tags),
    store: listOf(argv.store),
    log: listOf(argv.log),
  };
  const given = Object.entries(lists).filter(([, paths]) => paths.length > 0);
  for (const [name, paths] of [...given, ['config', config === undefined ? [] : [config]] as const]) {
    if (paths.includes('')) throw new UsageError(`--${name} needs a file name`);
  }
  if (given.length === 0 && config === undefined) return undefined;
  return { ...(config === undefined ? {} : { config }), ...Object.fromEntries(given) };
}

/** `--color WHEN`, `--color` alone (always, as elsewhere) and `--no-color`; the last one holds. */
export function colorChoice(argv: Readonly<Record<string, unknown>>): ColorChoice {
  const value: unknown = [argv.color].flat().at(-1);
  if (value === undefined) return 'auto';
  if (value === false) return 'never';
  if (value === '' || value === true) return 'always';
  const choice = COLOR_CHOICES.find((candidate) => candidate === value);
  if (choice === undefined)
    throw new UsageError(`--color is one of ${COLOR_CHOICES.join(', ')}, not '${String(value)}'`);
  return choice;
}

function commaList(argv: Readonly<Record<string, unknown>>, name: string): string[] {
  const entries = listOf(argv[name]).flatMap((value) => value.split(',').map((entry) => entry.trim()));
  if (entries.includes('')) throw new UsageError(`--${name} has an empty entry`);
  return entries;
}

function assertAddress(address: string): string {
  if (!isAddressText(address))
    throw new UsageError(`--local needs an IPv4 or IPv6 address, not '${address}'`);
  return address;
}
