import { readFileSync } from 'node:fs';
import { flag, single } from './option-values.js';
import { reasonOf } from './output-file.js';
import { UsageError } from './usage-error.js';

/** The command line of `capan anonymize`, checked. */
export interface AnonymizeCommandOptions {
  readonly captures: readonly string[];
  readonly output: string;
  /** Absent: a new one that nobody knows. */
  readonly key?: string | Buffer;
  readonly quiet: boolean;
}

export const ANONYMIZE_OPTIONS = {
  key: {
    type: 'string',
    requiresArg: true,
    description: 'the same key gives the same names [a new one each time]',
  },
  'key-file': {
    type: 'string',
    requiresArg: true,
    description: 'file that holds the key: no list of processes shows it',
  },
  quiet: { type: 'boolean', description: 'no remark on stderr of what was written' },
  verbose: { type: 'boolean', description: 'a stack with internal errors' },
} as const;

/**
 * @param operands the words after the command.
 * @throws UsageError in one line.
 */
export function anonymizeOptions(
  argv: Readonly<Record<string, unknown>>,
  operands: readonly string[],
): AnonymizeCommandOptions {
  const output = operands.at(-1);
  if (output === undefined || operands.length < 2)
    throw new UsageError('anonymize needs an input and the file to write: capan anonymize IN OUT.pcapng');
  if (operands.includes('')) throw new UsageError('the name of a file is empty');
  if (output === '-') throw new UsageError('anonymize writes a file; name one');
  const key = keyOf(single(argv, 'key'), single(argv, 'key-file'));
  return {
    captures: operands.slice(0, -1),
    output,
    quiet: flag(argv, 'quiet') ?? false,
    ...(key === undefined ? {} : { key }),
  };
}

function keyOf(key: string | undefined, file: string | undefined): string | Buffer | undefined {
  if (key !== undefined && file !== undefined)
    throw new UsageError('--key and --key-file exclude each other');
  if (key === '') throw new UsageError('--key is empty');
  if (file === undefined) return key;
  try {
    const content = readFileSync(file);
    if (content.length === 0) throw new UsageError(`--key-file ${file} is empty`);
    return content;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`--key-file ${file} cannot be read: ${reasonOf(error)}`);
  }
}
