#!/usr/bin/env node
import { CaptureError } from './capture/capture-error.js';
import { readCommandLine } from './commands/command-line.js';
import { EXIT } from './commands/exit-code.js';
import type { Terminal } from './commands/terminal.js';
import { UsageError } from './commands/usage-error.js';
import { escapeText } from './report/escape.js';
import { toolIdentity } from './report/tool.js';

/* The only place that prints to the terminal or ends the process. */

const INTERRUPT_GRACE_MS = 1000;

const interruption = new AbortController();

/** A reader that has seen enough (`| head`) is no failure: the rest is not written and the exit code stays. */
function writeStdout(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error && !isBrokenPipe(error) ? reject(error) : resolve()));
  });
}

function message(line: string): void {
  process.stderr.write(`capan: ${escapeText(line)}\n`);
}

const noColor = (process.env.NO_COLOR ?? '') !== '' || process.env.TERM === 'dumb';

const terminal: Terminal = {
  color: process.stdout.isTTY === true && !noColor,
  columns: process.stdout.isTTY === true ? process.stdout.columns : null,
  write: writeStdout,
  message,
  progress: process.stderr.isTTY === true ? process.stderr : null,
};

async function run(args: readonly string[]): Promise<number> {
  const invocation = await readCommandLine(args, toolIdentity().version, async () =>
    (await import('./commands/explain.js')).diagnosisIds(),
  );
  switch (invocation.command) {
    case 'analyze':
      return (await import('./commands/analyze.js')).runAnalyze(
        invocation.options,
        terminal,
        interruption.signal,
      );
    case 'compare':
      return (await import('./commands/compare.js')).runCompare(
        invocation.options,
        terminal,
        interruption.signal,
      );
    case 'explain':
      return (await import('./commands/explain.js')).runExplain(invocation.id, terminal);
    case 'print':
      await terminal.write(invocation.text);
      return EXIT.clean;
  }
}

/** One line on stderr, never a stack unless asked for. @returns the exit code. */
function reportFailure(error: unknown): number {
  if (interruption.signal.aborted) return EXIT.interrupted;
  if (error instanceof UsageError || error instanceof CaptureError) {
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

process.on('SIGINT', () => {
  if (interruption.signal.aborted) process.exit(EXIT.interrupted);
  interruption.abort();
  setTimeout(() => process.exit(EXIT.interrupted), INTERRUPT_GRACE_MS).unref();
});
// The rejected write says the same to whoever waits for it; without a listener it would end the process.
process.stdout.on('error', () => {});
process.on('uncaughtException', (error) => process.exit(reportFailure(error)));

run(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => process.exit(reportFailure(error)),
);
