import { UsageError } from './usage-error.js';

export function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

export function single(argv: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = argv[name];
  if (value === undefined) return undefined;
  if (Array.isArray(value)) throw new UsageError(`--${name} is given more than once`);
  return String(value);
}

export function flag(argv: Readonly<Record<string, unknown>>, name: string): boolean | undefined {
  const value = argv[name];
  if (Array.isArray(value)) return value.at(-1) === true;
  return value === undefined ? undefined : value === true;
}

export function oneOf<Choice extends string>(
  argv: Readonly<Record<string, unknown>>,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const value = single(argv, name);
  if (value === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw new UsageError(`--${name} is one of ${choices.join(', ')}, not '${value}'`);
  return choice;
}

export function wholeNumber(
  argv: Readonly<Record<string, unknown>>,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const text = single(argv, name);
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`--${name} needs a whole number from ${min} to ${max}, not '${text}'`);
  }
  return value;
}
