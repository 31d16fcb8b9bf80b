import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
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

/** @throws UsageError where the file cannot be written; then what stood there before still does. */
export function writeOutputFile(output: string, batches: readonly string[]): void {
  const file = new WholeFile(output);
  try {
    for (const batch of batches) file.write(Buffer.from(batch, 'utf8'));
    file.complete();
  } catch (error) {
    file.abandon();
    throw new UsageError(`cannot write the report to ${output}: ${reasonOf(error)}`);
  }
}

/**
 * A file that takes the place of the one before it when it is whole: a disk that fills up, or a process that ends, leaves
 * no half of it. Devices, pipes, and files in a folder that takes no other file are written as they are.
 */
export class WholeFile {
  private readonly target: string;
  private readonly path: string;
  private readonly forget = () => this.abandon();
  private descriptor: number | null;

  /** @throws Error of the file system. */
  constructor(output: string) {
    const existing = statOrNull(output);
    // Of a link the file that it names is replaced, not the link.
    this.target = existing === null ? output : realpathSync(output);
    const isReplaced = existing === null || (existing.isFile() && isWritable(dirname(this.target)));
    this.path = isReplaced ? `${this.target}.partial-${process.pid}` : this.target;
    this.descriptor = openSync(this.path, 'w', existing === null ? undefined : existing.mode & 0o777);
    process.once('exit', this.forget);
  }

  /** @throws Error of the file system. */
  write(bytes: Uint8Array): void {
    if (this.descriptor === null) throw new Error(`${this.target} is closed`);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.descriptor, bytes, at);
  }

  /** @throws Error of the file system: some tell only now that nothing was written. */
  complete(): void {
    this.close();
    if (this.path !== this.target) renameSync(this.path, this.target);
  }

  /** Leaves nothing behind. After `complete` it does nothing. */
  abandon(): void {
    if (this.descriptor === null && this.path === this.target) return;
    try {
      this.close();
    } finally {
      if (this.path !== this.target) rmSync(this.path, { force: true });
    }
  }

  private close(): void {
    process.removeListener('exit', this.forget);
    const { descriptor } = this;
    this.descriptor = null;
    if (descriptor !== null) closeSync(descriptor);
  }
}

/** What to say where writing any other file failed. */
export function writeFailure(path: string, error: unknown): UsageError {
  return new UsageError(`cannot write ${path}: ${reasonOf(error)}`);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
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
  try {
    return statSync(path);
  } catch {
    // Opening it tells why it cannot be read or written.
    return null;
  }
}

function stdinStatOrNull(): Stats | null {
  try {
    return fstatSync(0);
  } catch {
    // A closed stdin is no file that could be overwritten.
    return null;
  }
}

/** In words, of an error of the file system. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT') return 'its directory does not exist';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'no permission';
  if (code === 'ENAMETOOLONG') return 'the name is too long';
  if (code === 'ENOTDIR') return 'a part of its path is no directory';
  if (code === 'ENOSPC') return 'no space left';
  return error instanceof Error ? error.message : String(error);
}
