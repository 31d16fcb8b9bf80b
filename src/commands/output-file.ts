import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from './usage-error.js';

/**
 * Tells before any work is done that the report could not be written, or would overwrite an input.
 * Paths are compared by device and inode, so links and other spellings do not deceive it.
 * @param inputs paths as given: files, directories, `-` for stdin.
 * @throws UsageError
 */
export function assertWritable(output: string, inputs: readonly string[]): void {
  const existing = statOrNull(output);
  if (existing === null) {
    assertAccess(dirname(output), output);
    return;
  }
  if (existing.isDirectory()) throw new UsageError(`cannot write the report to ${output}: it is a directory`);
  for (const input of inputs) {
    if (holdsFile(input, existing)) {
      throw new UsageError(`--output ${output} is one of the inputs (${input}); choose another file`);
    }
  }
  assertAccess(output, output);
}

/** @throws UsageError where the file cannot be written. */
export function writeOutputFile(output: string, batches: readonly string[]): void {
  try {
    const file = openSync(output, 'w');
    try {
      for (const batch of batches) writeFully(file, Buffer.from(batch, 'utf8'));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new UsageError(`cannot write the report to ${output}: ${reasonOf(error)}`);
  }
}

/** What to say where writing any other file failed. */
export function writeFailure(path: string, error: unknown): UsageError {
  return new UsageError(`cannot write ${path}: ${reasonOf(error)}`);
}

function writeFully(file: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
}

function assertAccess(path: string, output: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new UsageError(`cannot write the report to ${output}: ${reasonOf(error)}`);
  }
}

function holdsFile(input: string, file: Stats): boolean {
  const stats = input === '-' ? stdinStatOrNull() : statOrNull(input);
  if (stats === null) return false;
  if (!stats.isDirectory()) return isSameFile(stats, file);
  return readdirSync(input, { recursive: true, withFileTypes: true }).some((entry) => {
    const inner = statOrNull(join(entry.parentPath, entry.name));
    return inner !== null && isSameFile(inner, file);
  });
}

/** Devices such as /dev/null may be both: nothing is lost by writing there. */
function isSameFile(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino && !b.isCharacterDevice();
}

function statOrNull(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

function stdinStatOrNull(): Stats | null {
  try {
    return fstatSync(0);
  } catch {
    // A closed stdin is no file that could be overwritten.
    return null;
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT') return 'its directory does not exist';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'no permission';
  if (code === 'ENOSPC') return 'no space left';
  return error instanceof Error ? error.message : String(error);
}
