import { flag } from './analyze-options.js';
import { UsageError } from './usage-error.js';

/** The command line of `capan convert`, checked. */
export interface ConvertCommandOptions {
  readonly captures: readonly string[];
  readonly output: string;
  readonly quiet: boolean;
}

export const CONVERT_OPTIONS = {
  quiet: { type: 'boolean', description: 'no remark on stderr of what was written' },
  verbose: { type: 'boolean', description: 'a stack with internal errors' },
} as const;

/**
 * @param operands the words after the command.
 * @throws UsageError in one line.
 */
export function convertOptions(
  argv: Readonly<Record<string, unknown>>,
  operands: readonly string[],
): ConvertCommandOptions {
  const output = operands.at(-1);
  if (output === undefined || operands.length < 2) {
    throw new UsageError('convert needs an input and the file to write: capan convert IN OUT.pcapng');
  }
  if (operands.includes('')) throw new UsageError('the name of a file is empty');
  if (output === '-') throw new UsageError('convert writes a file; name one');
  return { captures: operands.slice(0, -1), output, quiet: flag(argv, 'quiet') ?? false };
}
