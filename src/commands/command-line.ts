import { existsSync } from 'node:fs';
import yargs from 'yargs';
import { nearestIds } from '../diagnose/nearest-ids.js';
import {
  ANALYZE_COMMAND_OPTIONS,
  type AnalyzeCommandOptions,
  analyzeOptions,
  COLOR_OPTION,
  colorChoice,
} from './analyze-options.js';
import { ANONYMIZE_OPTIONS, type AnonymizeCommandOptions, anonymizeOptions } from './anonymize-options.js';
import type { ColorChoice } from './color-choice.js';
import { COMPARE_OPTIONS, type CompareCommandOptions, compareOptions } from './compare-options.js';
import { CONVERT_OPTIONS, type ConvertCommandOptions, convertOptions } from './convert-options.js';
import { DIFF_OPTIONS, type DiffCommandOptions, diffOptions } from './diff-options.js';
import { FLEET_OPTIONS, type FleetCommandOptions, fleetOptions } from './fleet-options.js';
import { LIVE_OPTIONS, type LiveCommandOptions, liveOptions } from './live-options.js';
import { RENDER_OPTIONS, type RenderCommandOptions, renderOptions } from './render-options.js';
import { SHOW_OPTIONS, type ShowCommandOptions, showOptions } from './show-options.js';
import { UsageError } from './usage-error.js';

/** What the command line asks for; `print` is help or the version, ready to be written. */
export type Invocation =
  | { readonly command: 'analyze'; readonly options: AnalyzeCommandOptions }
  | { readonly command: 'live'; readonly options: LiveCommandOptions }
  | { readonly command: 'compare'; readonly options: CompareCommandOptions }
  | { readonly command: 'convert'; readonly options: ConvertCommandOptions }
  | { readonly command: 'anonymize'; readonly options: AnonymizeCommandOptions }
  | { readonly command: 'diff'; readonly options: DiffCommandOptions }
  | { readonly command: 'fleet'; readonly options: FleetCommandOptions }
  /** A process that does jobs of a fleet. */
  | { readonly command: 'fleet-worker' }
  | { readonly command: 'show'; readonly options: ShowCommandOptions }
  | { readonly command: 'render'; readonly options: RenderCommandOptions }
  | { readonly command: 'explain'; readonly id: string | null; readonly color: ColorChoice }
  | { readonly command: 'completion'; readonly shell: string | null }
  /** Words before the cursor, for a shell that completes them. */
  | { readonly command: 'complete'; readonly words: readonly string[] }
  | { readonly command: 'print'; readonly text: string };

const EXPLAIN_OPTIONS = {
  color: COLOR_OPTION,
  verbose: { type: 'boolean', description: 'a stack with internal errors' },
} as const;

/** The options of each command that has any. */
export const OPTIONS_OF: ReadonlyMap<string, object> = new Map<string, object>([
  ['analyze', ANALYZE_COMMAND_OPTIONS],
  ['compare', COMPARE_OPTIONS],
  ['live', LIVE_OPTIONS],
  ['convert', CONVERT_OPTIONS],
  ['anonymize', ANONYMIZE_OPTIONS],
  ['diff', DIFF_OPTIONS],
  ['fleet', FLEET_OPTIONS],
  ['show', SHOW_OPTIONS],
  ['render', RENDER_OPTIONS],
  ['explain', EXPLAIN_OPTIONS],
]);

export const COMMANDS = [
  'analyze',
  'compare',
  'live',
  'convert',
  'anonymize',
  'diff',
  'fleet',
  'show',
  'render',
  'explain',
  'completion',
];

export const EPILOGUE =
  'Exit codes: 0 nothing at or above --fail-on, 1 findings at or above it, 2 wrong usage or unreadable input, ' +
  '3 part of the input was damaged, 130 interrupted.';

/** What completion scripts ask by. */
const COMPLETE = '--complete';
/** How `capan fleet` starts processes of its own. */
export const FLEET_WORKER = '--fleet-worker';

/** Thrown once a command is read: yargs would go on to lay out its help, at a tenth of the time of a small analysis. */
class CommandRead extends Error {}

/**
 * Reads a command line without printing or exiting.
 * @throws UsageError in one line.
 */
export async function readCommandLine(args: readonly string[], version: string): Promise<Invocation> {
  if (args[0] === COMPLETE) return { command: 'complete', words: args.slice(1) };
  if (args[0] === FLEET_WORKER) return { command: 'fleet-worker' };
  assertCommand(args);
  assertOptions(args);
  let invocation: Invocation | null = null;
  let printed = '';
  let failure: string | null = null;
  const parser = parserOf(args, version, (read) => {
    invocation = read;
    throw new CommandRead();
  }).fail((message: string | null, error: Error | undefined) => {
    if (error instanceof UsageError || error instanceof CommandRead) throw error;
    failure ??= message ?? error?.message ?? 'wrong usage';
    throw new UsageError(failure);
  });
  try {
    await parser.parseAsync([...args], {}, (_error, _argv, output) => {
      printed += output;
    });
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(oneLine(error.message));
    if (!(error instanceof CommandRead)) throw error;
  }
  if (failure !== null) throw new UsageError(oneLine(failure));
  if (invocation !== null) return invocation;
  return { command: 'print', text: `${printed}\n` };
}

/** The table of commands: builders and handlers only, so that nothing of a command is loaded to read its options. */
function parserOf(args: readonly string[], version: string, onInvocation: (invocation: Invocation) => void) {
  return yargs([...args])
    .scriptName('capan')
    .locale('en')
    .usage(
      '$0 analyses packet captures of tunnels: what is wrong, where, since when, how sure, and which frames prove it.',
    )
    .updateStrings({ 'Not enough arguments following: %s': '--%s needs a value' })
    .parserConfiguration({
      'greedy-arrays': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'parse-positional-numbers': false,
    })
    .command(
      'analyze',
      'analyse captures: pcap, pcapng, gz/zst/lz4 of them, directories, pasted text of tcpdump or tshark, - for stdin',
      (command) => command.usage('$0 analyze CAPTURE... [options]').options(ANALYZE_COMMAND_OPTIONS),
      (argv) => {
        onInvocation({ command: 'analyze', options: analyzeOptions(argv, operands(argv._)) });
      },
    )
    .command(
      'compare',
      'compare captures of both ends of a path: what was lost, which way, since when and why',
      (command) =>
        command
          .usage('$0 compare A B [options]\n$0 compare --at NAME=FILE --at NAME=FILE ... [options]')
          .options(COMPARE_OPTIONS),
      (argv) => {
        onInvocation({ command: 'compare', options: compareOptions(argv, operands(argv._)) });
      },
    )
    .command(
      'live',
      'capture and judge while it happens; ends with the full report (Ctrl-C, --duration, --packets)',
      (command) =>
        command
          .usage(
            '$0 live -i IFACE [FILTER...] [options]\n$0 live - [options]      a capture that another program pipes in\n$0 live --ssh HOST -i IFACE [FILTER...]\n$0 live --a-command LINE --b-command LINE      both ends of a path, compared while they are captured\n$0 live --list',
          )
          .options(LIVE_OPTIONS),
      (argv) => {
        onInvocation({ command: 'live', options: liveOptions(argv, operands(argv._)) });
      },
    )
    .command(
      'convert',
      'write what is read, of any format, as pcapng: texts of tcpdump and tshark too',
      (command) => command.usage('$0 convert IN... OUT.pcapng').options(CONVERT_OPTIONS),
      (argv) => {
        onInvocation({ command: 'convert', options: convertOptions(argv, operands(argv._)) });
      },
    )
    .command(
      'anonymize',
      'write captures under other addresses, MACs and names, without what people sent, as pcapng',
      (command) => command.usage('$0 anonymize IN... OUT.pcapng [options]').options(ANONYMIZE_OPTIONS),
      (argv) => {
        onInvocation({ command: 'anonymize', options: anonymizeOptions(argv, operands(argv._)) });
      },
    )
    .command(
      'diff',
      'what changed between a capture of when it worked and one of now',
      (command) => command.usage('$0 diff GOOD BAD [options]').options(DIFF_OPTIONS),
      (argv) => {
        onInvocation({ command: 'diff', options: diffOptions(argv, operands(argv._)) });
      },
    )
    .command(
      'fleet',
      'captures of many places together: which host, link, network or port is ill, proven by the points around it',
      (command) =>
        command
          .usage('$0 fleet CAPTURES... [options]\n$0 fleet --points FILE [options]')
          .options(FLEET_OPTIONS),
      (argv) => {
        onInvocation({ command: 'fleet', options: fleetOptions(argv, operands(argv._)) });
      },
    )
    .command(
      'show',
      'the layers of single frames as capan sees them: tunnel, flow, session, and the findings they serve',
      (command) => command.usage('$0 show FILE FRAME... [options]').options(SHOW_OPTIONS),
      (argv) => {
        onInvocation({ command: 'show', options: showOptions(argv, operands(argv._)) });
      },
    )
    .command(
      'render',
      'write a report that is JSON in another form: as a page with pictures, as text',
      (command) => command.usage('$0 render REPORT.json --html FILE').options(RENDER_OPTIONS),
      (argv) => {
        onInvocation({ command: 'render', options: renderOptions(argv, operands(argv._)) });
      },
    )
    .command(
      'explain',
      'what a diagnosis means: rule, thresholds, causes, next steps; without an id: the catalogue',
      (command) => command.usage('$0 explain [ID]').options(EXPLAIN_OPTIONS),
      (argv) => {
        const [id, ...more] = operands(argv._);
        if (more.length > 0) throw new UsageError(`explain takes one id, not ${more.length + 1}`);
        onInvocation({ command: 'explain', id: id ?? null, color: colorChoice(argv) });
      },
    )
    .command(
      'completion',
      'a completion script for bash, zsh or fish; where none is named, for the one of $SHELL',
      (command) => command.usage('$0 completion [bash|zsh|fish]'),
      (argv) => {
        const [shell, ...more] = operands(argv._);
        if (more.length > 0) throw new UsageError(`completion takes one shell, not ${more.length + 1}`);
        onInvocation({ command: 'completion', shell: shell ?? null });
      },
    )
    .demandCommand(
      1,
      'name a command: analyze, compare, live, convert, anonymize, diff, fleet, show, render or explain',
    )
    .strictOptions()
    .help()
    .alias('help', 'h')
    .version(version)
    .epilogue(EPILOGUE)
    .wrap(100)
    .exitProcess(false);
}

/** What people say for a command. */
const MEANT: Readonly<Record<string, string>> = {
  analyse: 'analyze',
  read: 'analyze',
  check: 'analyze',
  capture: 'live',
  monitor: 'live',
  help: '--help',
  version: '--version',
};

function looksLikeFile(word: string): boolean {
  return /[./\\]/.test(word) || existsSync(word);
}

/** yargs would complain of every word of a command that does not exist. */
function assertCommand(args: readonly string[]): void {
  const [word] = args;
  if (word === undefined || word.startsWith('--') || word === '-h' || COMMANDS.includes(word)) return;
  const meant =
    MEANT[word.toLowerCase()] ?? (looksLikeFile(word) ? undefined : nearestIds(word, COMMANDS)[0]);
  const hint =
    meant === undefined
      ? `to analyse captures: capan analyze ${args.join(' ')}`
      : `did you mean: capan ${[meant, ...args.slice(1)].join(' ')}`;
  throw new UsageError(`unknown command '${word}', the commands are ${COMMANDS.join(', ')}; ${hint}`);
}

/** Said before yargs takes the word after an unknown option for its value and misses that instead. */
function assertOptions(args: readonly string[]): void {
  const options = OPTIONS_OF.get(args[0] ?? '');
  if (options === undefined) return;
  const known = [...Object.keys(options), 'help', 'version'];
  const end = args.indexOf('--');
  for (const arg of end < 0 ? args : args.slice(0, end)) {
    const name = /^--(?:no-(?=(?:color|config)$))?([^=]*)/.exec(arg)?.[1];
    if (name === undefined || known.includes(name)) continue;
    const [near] = nearestIds(name, known);
    const hint = near === undefined ? `see capan ${args[0]} --help` : `did you mean --${near}?`;
    throw new UsageError(`unknown option --${name}; ${hint}`);
  }
}

/**
 * The words after the command. They are no yargs positionals, as yargs drops a `-` there and
 * mistakes a file behind `--` for an option.
 */
function operands(words: readonly (string | number)[]): string[] {
  return words.slice(1).map(String);
}

function oneLine(message: string): string {
  const text = message.trim().replace(/\s*\n\s*/g, ' ');
  return `${text.charAt(0).toLowerCase()}${text.slice(1)} (see capan --help)`;
}
