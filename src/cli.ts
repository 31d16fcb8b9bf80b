import { CaptureError } from './capture/capture-error.js';
import { automaticColor, isAsciiLocale } from './commands/color-choice.js';
import { readCommandLine } from './commands/command-line.js';
import { EXIT } from './commands/exit-code.js';
import { findConfiguration } from './commands/find-configuration.js';
import { reasonOf } from './commands/output-file.js';
import type { ScreenStream, Terminal } from './commands/terminal.js';
import { UsageError } from './commands/usage-error.js';
import { shownText } from './report/ascii-text.js';
import { escapeText } from './report/escape.js';
import { isSingleFile, versionText } from './report/tool.js';
import type { SideFilePaths } from './side-files/read-side-files.js';
import { SideFileError } from './side-files/side-file-error.js';

/* The only place that prints to the terminal or ends the process. */

const INTERRUPT_GRACE_MS = 1000;

const interruption = new AbortController();
/** True for commands that an interruption ends with a report. */
let endsWithReport = false;

/** A reader that has seen enough (`| head`) is no failure: the rest is not written and the exit code stays. */
function writeStdout(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) =>
      error && !isBrokenPipe(error)
        ? reject(new UsageError(`cannot write to standard output: ${reasonOf(error)}`))
        : resolve(),
    );
  });
}

function message(line: string): void {
  process.stderr.write(`capan: ${shownText(escapeText(line), isAscii)}\n`);
}

const isDumb = process.env.TERM === 'dumb';
const isAscii = isAsciiLocale(process.env);

const ENTER_SCREEN = '\u001b[?1049h\u001b[?25l';
const LEAVE_SCREEN = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const ERASE_REST_OF_LINE = '\u001b[K';
const ERASE_REST = '\u001b[J';

/** The terminal's second screen, so that what stood there before comes back when the report is printed. */
class Screen implements ScreenStream {
  private isEntered = false;
  private isBusy = false;

  get columns(): number {
    return process.stdout.columns;
  }

  get rows(): number {
    return process.stdout.rows;
  }

  enter(): void {
    this.isEntered = true;
    process.stdout.write(ENTER_SCREEN);
  }

  draw(lines: readonly string[]): boolean {
    if (!this.isEntered || this.isBusy) return false;
    this.isBusy = true;
    const picture = HOME + lines.join(`${ERASE_REST_OF_LINE}\r\n`) + ERASE_REST_OF_LINE + ERASE_REST;
    process.stdout.write(picture, () => {
      this.isBusy = false;
    });
    return true;
  }

  leave(): void {
    if (this.isEntered) process.stdout.write(LEAVE_SCREEN);
    this.isEntered = false;
  }
}

const screen = process.stdout.isTTY === true && !isDumb ? new Screen() : null;

const terminal: Terminal = {
  color: automaticColor(process.env, process.stdout.isTTY === true),
  ascii: isAscii,
  columns: process.stdout.isTTY === true ? process.stdout.columns : null,
  write: writeStdout,
  message,
  progress: process.stderr.isTTY === true && !isDumb ? process.stderr : null,
  screen,
};

/** With what depends on the place: the configuration that is found there; and one file has no worker beside it. */
function whereItRuns<
  Options extends {
    readonly threads?: number;
    readonly sideFiles?: SideFilePaths;
    readonly ignoresConfiguration?: true;
  },
>(options: Options): Options {
  const isGiven = options.ignoresConfiguration === true || options.sideFiles?.config !== undefined;
  const config = isGiven ? null : findConfiguration(process.cwd(), process.env);
  return {
    ...options,
    ...(config === null ? {} : { sideFiles: { ...options.sideFiles, config } }),
    ...(isSingleFile() ? { threads: 0 } : {}),
  };
}

async function run(args: readonly string[]): Promise<number> {
  const invocation = await readCommandLine(args, versionText());
  switch (invocation.command) {
    case 'analyze':
      return (await import('./commands/analyze.js')).runAnalyze(
        whereItRuns(invocation.options),
        terminal,
        interruption.signal,
      );
    case 'compare':
      return (await import('./commands/compare.js')).runCompare(
        whereItRuns(invocation.options),
        terminal,
        interruption.signal,
      );
    case 'live':
      endsWithReport = true;
      return (await import('./commands/live.js')).runLiveCommand(
        whereItRuns(invocation.options),
        terminal,
        interruption.signal,
      );
    case 'convert':
      return (await import('./commands/convert.js')).runConvert(
        invocation.options,
        terminal,
        interruption.signal,
      );
    case 'anonymize':
      return (await import('./commands/anonymize.js')).runAnonymize(
        invocation.options,
        terminal,
        interruption.signal,
      );
    case 'diff':
      return (await import('./commands/diff.js')).runDiff(invocation.options, terminal);
    case 'fleet':
      return (await import('./commands/fleet.js')).runFleetCommand(whereItRuns(invocation.options), terminal);
    case 'fleet-worker':
      return (await import('./commands/fleet-worker.js')).runFleetWorker();
    case 'show':
      return (await import('./commands/show.js')).runShow(invocation.options, terminal);
    case 'render':
      return (await import('./commands/render.js')).runRender(invocation.options, terminal);
    case 'explain':
      return (await import('./commands/explain.js')).runExplain(invocation.id, terminal, invocation.color);
    case 'completion': {
      const { completionScript } = await import('./commands/completion-scripts.js');
      await terminal.write(completionScript(invocation.shell, process.env.SHELL));
      return EXIT.clean;
    }
    case 'complete': {
      const { complete } = await import('./commands/complete.js');
      const lines = await complete(invocation.words, {
        ids: async () => (await import('./commands/explain.js')).diagnosisIds(),
        interfaces: async () => (await import('./live/interfaces.js')).interfaceNames(),
      });
      await terminal.write(lines.map((line) => `${line.split('\t').map(escapeText).join('\t')}\n`).join(''));
      return EXIT.clean;
    }
    case 'print':
      await terminal.write(invocation.text);
      return EXIT.clean;
  }
}

/** One line on stderr, never a stack unless asked for. @returns the exit code. */
function reportFailure(error: unknown): number {
  if (interruption.signal.aborted && !endsWithReport) exitInterrupted();
  if (error instanceof UsageError || error instanceof CaptureError || error instanceof SideFileError) {
    message(error.message);
    return EXIT.usageOrInput;
  }
  message(`internal error: ${error instanceof Error ? error.message : String(error)}`);
  if (process.argv.includes('--verbose') && error instanceof Error && error.stack !== undefined) {
    for (const line of error.stack.split('\n').slice(1)) message(line.trim());
  }
  return EXIT.usageOrInput;
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

function exitInterrupted(): never {
  message('interrupted before there was a report');
  process.exit(EXIT.interrupted);
}

function interrupt(): void {
  if (interruption.signal.aborted) exitInterrupted();
  interruption.abort();
  if (!endsWithReport) setTimeout(exitInterrupted, INTERRUPT_GRACE_MS).unref();
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
// Whatever ends the process, the terminal gets its first screen back.
process.on('exit', () => screen?.leave());
// The rejected write tells its caller the same; without a listener it would end the process.
process.stdout.on('error', () => {});
process.on('uncaughtException', (error) => process.exit(reportFailure(error)));

run(process.argv.slice(2)).then(
  (code) => (code === EXIT.interrupted ? exitInterrupted() : process.exit(code)),
  (error: unknown) => process.exit(reportFailure(error)),
);
