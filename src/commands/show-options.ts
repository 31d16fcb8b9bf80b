import { oneOf } from './option-values.js';
import { UsageError } from './usage-error.js';

/** The command line of `capan show`, checked. */
export interface ShowCommandOptions {
  readonly capture: string;
  readonly frames: readonly number[];
  readonly format: 'text' | 'json';
}

const FRAMES_MAX = 1000;

export const SHOW_OPTIONS = {
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
export function showOptions(
  argv: Readonly<Record<string, unknown>>,
  operands: readonly string[],
): ShowCommandOptions {
  const [capture, ...words] = operands;
  if (capture === undefined || capture === '' || words.length === 0)
    throw new UsageError('show needs a capture and the numbers of frames: capan show FILE 12 40-45');
  const frames = [...new Set(words.flatMap(framesOf))].sort((a, b) => a - b);
  if (frames.length > FRAMES_MAX)
    throw new UsageError(`show takes at most ${FRAMES_MAX} frames, not ${frames.length}`);
  const format = oneOf(argv, 'format', ['text', 'json'] as const);
  return { capture, frames, format: argv.json === true ? 'json' : (format ?? 'text') };
}

function framesOf(word: string): number[] {
  const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(word);
  const from = Number(match?.[1]);
  const to = Number(match?.[2] ?? match?.[1]);
  if (match === null || from < 1 || to < from)
    throw new UsageError(`'${word}' is no number of a frame, nor a range such as 40-45`);
  if (to - from >= FRAMES_MAX) throw new UsageError(`show takes at most ${FRAMES_MAX} frames, not ${word}`);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
