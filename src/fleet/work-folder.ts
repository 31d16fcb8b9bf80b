import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

/** Of each end of a file this much is part of its identity, beside its size and time. */
const SAMPLED_BYTES = 65_536;
const FOLDERS = ['points', 'tables', 'sightings', 'pairs'] as const;

/**
 * Results of a fleet, named by what they were made from: a second run finds what it did before. A file appears under its
 * name when it is whole.
 */
export class WorkFolder {
  constructor(
    readonly path: string,
    /** Of the program. */
    private readonly version: string,
    /** Files that change what all results say. */
    private readonly settings: readonly string[] = [],
  ) {
    for (const folder of FOLDERS) mkdirSync(join(path, folder), { recursive: true });
  }

  at(folder: (typeof FOLDERS)[number], name: string): string {
    return join(this.path, folder, name);
  }

  has(path: string): boolean {
    return existsSync(path);
  }

  /** Name of what is made from those files. @throws Error of the file system */
  keyOf(files: readonly string[]): string {
    const hash = createHash('sha256').update(this.version);
    for (const file of [...this.settings, ...files]) addFile(hash, file);
    return hash.digest('hex').slice(0, 32);
  }

  /** Name of what is made from those results. */
  keyOfKeys(keys: readonly string[]): string {
    return createHash('sha256')
      .update([this.version, ...keys].join('\n'))
      .digest('hex')
      .slice(0, 32);
  }
}

export function writeWhole(path: string, content: string | Uint8Array): void {
  const partial = `${path}.partial-${process.pid}`;
  writeFileSync(partial, content);
  renameSync(partial, path);
}

/** What `writeWhole` wrote of this program; its shape is that of the version in the name. */
export function readJson<Shape>(path: string): Shape {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** Path, size, time of change, and both ends: a file that was replaced in place is another one. */
function addFile(hash: ReturnType<typeof createHash>, file: string): void {
  const descriptor = openSync(file, 'r');
  try {
    const { size, mtimeMs } = fstatSync(descriptor);
    hash.update(`\n${resolve(file)}\n${file}\n${size}\n${mtimeMs}\n`);
    const ends = new Uint8Array(SAMPLED_BYTES);
    for (const at of [0, Math.max(0, size - SAMPLED_BYTES)])
      hash.update(ends.subarray(0, readSync(descriptor, ends, 0, SAMPLED_BYTES, at)));
  } finally {
    closeSync(descriptor);
  }
}
