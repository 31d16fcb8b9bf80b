import { oneOf } from './option-values.js';
import { UsageError } from './usage-error.js';

/** The command line of `capan diff`, checked. */
export interface DiffCommandOptions {
  readonly good: string;
  readonly bad: string;
  readonly format: 'text' | 'json';
}

export const DIFF_OPTIONS = {
  json: { type: 'boolean', description: 'as JSON, the same as --format json' },
  format: {
    type: 'string',
    choices: ['text', 'json'],
    requiresArg: true,
    description: 'form of the answer [text]',
  },
  verbose: { type: 'boolean', description: 'a stack with internal errors' },
} as const;

/**
 * @param operands the words after the command.
 * @throws UsageError in one line.
 */
export function diffOptions(
  argv: Readonly<Record<string, unknown>>,
  operands: readonly string[],
): DiffCommandOptions {
  const [good, bad, ...more] = operands;
  if (!good || !bad || more.length > 0)
    throw new UsageError('diff needs two captures: capan diff GOOD BAD, of when it worked and of now');
  const format = oneOf(argv, 'format', ['text', 'json'] as const);
  return { good, bad, format: argv.json === true ? 'json' : (format ?? 'text') };
}
