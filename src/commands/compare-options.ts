import { addTo } from '../correlate/group-by.js';
import {
  ANALYZE_OPTIONS,
  type AnalyzeCommandOptions,
  flag,
  listOf,
  reportOptions,
  single,
} from './analyze-options.js';
import { UsageError } from './usage-error.js';

/** A capture point of the path, by the name that the operator gives it. */
export interface CapturePoint {
  readonly name: string;
  readonly captures: readonly string[];
}

/** The command line of `capan compare`, checked. */
export interface CompareCommandOptions extends Omit<AnalyzeCommandOptions, 'captures'> {
  /** At least two, in the order of the path. */
  readonly points: readonly CapturePoint[];
  readonly offsetSeconds?: number;
  readonly clockOnly: boolean;
}

export const COMPARE_OPTIONS = {
  a: {
    type: 'array',
    string: true,
    requiresArg: true,
    description: 'a further file of side A (rotated captures)',
  },
  b: { type: 'array', string: true, requiresArg: true, description: 'a further file of side B' },
  at: {
    type: 'array',
    string: true,
    requiresArg: true,
    description: 'NAME=FILE: a point of the path, in order; the same name again adds a file',
  },
  offset: {
    type: 'string',
    requiresArg: true,
    description: 'clock of B minus clock of A in seconds [measured]',
  },
  'clock-only': { type: 'boolean', description: 'print how the clocks differ and nothing else' },
  ...ANALYZE_OPTIONS,
} as const;

/**
 * @param argv what yargs made of the options.
 * @param operands the words after the command.
 * @throws UsageError in one line.
 */
export function compareOptions(
  argv: Readonly<Record<string, unknown>>,
  operands: readonly string[],
): CompareCommandOptions {
  const points = pointsOf(argv, operands);
  const offsetSeconds = secondsOf(single(argv, 'offset'));
  const captures = points.flatMap((point) => point.captures);
  if (captures.filter((capture) => capture === '-').length > 1)
    throw new UsageError('stdin (-) can be one of the captures only');
  return {
    points,
    clockOnly: flag(argv, 'clock-only') ?? false,
    ...reportOptions(argv, captures),
    ...(offsetSeconds === undefined ? {} : { offsetSeconds }),
  };
}

function pointsOf(argv: Readonly<Record<string, unknown>>, operands: readonly string[]): CapturePoint[] {
  const at = listOf(argv.at);
  const a = listOf(argv.a);
  const b = listOf(argv.b);
  if (at.length > 0) {
    if (operands.length + a.length + b.length > 0)
      throw new UsageError('--at names every capture; A, B, --a and --b go without it');
    return namedPoints(at);
  }
  const [first, second, ...more] = operands;
  if (more.length > 0)
    throw new UsageError(
      `compare takes two captures, not ${operands.length}; further files of a side go to --a FILE and --b FILE`,
    );
  const sideA = [...(first === undefined ? [] : [first]), ...a];
  const sideB = [...(second === undefined ? [] : [second]), ...b];
  if (sideA.length === 0 || sideB.length === 0)
    throw new UsageError('name two captures, one of each end: capan compare A B');
  return [
    { name: 'a', captures: sideA },
    { name: 'b', captures: sideB },
  ];
}

function namedPoints(words: readonly string[]): CapturePoint[] {
  const points = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf('=');
    const name = word.slice(0, Math.max(0, at)).trim();
    const file = word.slice(at + 1);
    if (name === '' || file === '') throw new UsageError(`--at needs NAME=FILE, not '${word}'`);
    addTo(points, name, file);
  }
  if (points.size < 2) throw new UsageError('--at needs at least two points of the path');
  return [...points].map(([name, captures]) => ({ name, captures }));
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new UsageError(`--offset needs seconds such as -3.217, not '${text}'`);
  return value;
}
