import { closeSync, createReadStream, fstatSync, open, openSync, readSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { CaptureError } from './capture-error.js';

/** No byte has come for a while, and more may: the reader should hand out what it has. Only live sources say so. */
export const NOTHING_YET = -1;

/** Bytes of one input, in order. */
export interface ByteSource {
  /**
   * Reads at least one byte into `bytes[from, to)`.
   * @returns how many; 0 at the end of the input; NOTHING_YET
   */
  readInto(bytes: Uint8Array, from: number, to: number): number | Promise<number>;
  /** Bytes of the input as stored that were consumed so far. */
  readonly consumedBytes: number;
  /** Why the input ended before its end, or null. */
  readonly fault: string | null;
  close(): void;
}

/** A regular file, read synchronously straight into the caller's memory. */
class FileByteSource implements ByteSource {
  consumedBytes = 0;
  fault: string | null = null;
  private open = true;

  constructor(
    private readonly descriptor: number,
    private readonly ownsDescriptor: boolean,
  ) {}

  readInto(bytes: Uint8Array, from: number, to: number): number {
    if (!this.open || from >= to) return 0;
    try {
      const count = readSync(this.descriptor, bytes, from, to - from, null);
      this.consumedBytes += count;
      return count;
    } catch (error) {
      this.fault = `reading stopped: ${messageOf(error)}`;
      return 0;
    }
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    if (this.ownsDescriptor) closeSync(this.descriptor);
  }
}

/** A stream or any async iterable of byte arrays: pipes, decompressors, what a caller hands in. */
export class StreamByteSource implements ByteSource {
  consumedBytes = 0;
  fault: string | null = null;
  private readonly iterator: AsyncIterator<Uint8Array>;
  private piece: Uint8Array = new Uint8Array(0);
  private pieceAt = 0;
  private done = false;

  constructor(
    stream: AsyncIterable<Uint8Array>,
    private readonly onClose: () => void = () => {},
  ) {
    this.iterator = stream[Symbol.asyncIterator]();
  }

  readInto(bytes: Uint8Array, from: number, to: number): number | Promise<number> {
    if (from >= to) return 0;
    if (this.pieceAt < this.piece.length) return this.take(bytes, from, to);
    return this.done ? 0 : this.pull(bytes, from, to);
  }

  close(): void {
    this.done = true;
    this.piece = new Uint8Array(0);
    this.pieceAt = 0;
    // An iterator that is waiting for its input never settles; nobody waits for it.
    void Promise.resolve(this.iterator.return?.()).catch(() => {});
    this.onClose();
  }

  private async pull(bytes: Uint8Array, from: number, to: number): Promise<number> {
    try {
      for (;;) {
        const { done, value } = await this.iterator.next();
        if (done) {
          this.done = true;
          return 0;
        }
        if (!(value instanceof Uint8Array)) throw new TypeError('the stream does not yield bytes');
        if (value.length === 0) continue;
        this.piece = value;
        this.pieceAt = 0;
        return this.take(bytes, from, to);
      }
    } catch (error) {
      this.done = true;
      this.fault = messageOf(error);
      return 0;
    }
  }

  private take(bytes: Uint8Array, from: number, to: number): number {
    const count = Math.min(to - from, this.piece.length - this.pieceAt);
    bytes.set(this.piece.subarray(this.pieceAt, this.pieceAt + count), from);
    this.pieceAt += count;
    this.countConsumed(count);
    return count;
  }

  protected countConsumed(count: number): void {
    this.consumedBytes += count;
  }
}

/** Bytes that are in memory already. */
export class MemoryByteSource implements ByteSource {
  consumedBytes = 0;
  readonly fault = null;

  constructor(private readonly content: Uint8Array) {}

  readInto(bytes: Uint8Array, from: number, to: number): number {
    const count = Math.max(0, Math.min(to - from, this.content.length - this.consumedBytes));
    bytes.set(this.content.subarray(this.consumedBytes, this.consumedBytes + count), from);
    this.consumedBytes += count;
    return count;
  }

  close(): void {}
}

/** What is known of a path before it is read. */
export interface InputFile {
  readonly path: string;
  /** Size as stored, or null for pipes. */
  readonly size: number | null;
}

/** @throws CaptureError where there is no such file. */
export function inputFileOf(path: string): InputFile {
  try {
    const stats = path === '-' ? fstatSync(0) : statSync(path);
    return { path, size: stats.isFile() ? stats.size : null };
  } catch (error) {
    throw new CaptureError(`${path}: ${whyUnreadable(error)}`, path);
  }
}

/**
 * Opens a path; `-` is the standard input.
 * @throws CaptureError where it cannot be opened.
 */
export async function openByteSource(input: InputFile): Promise<ByteSource> {
  const { path, size } = input;
  try {
    if (path === '-') {
      if (size !== null) return new FileByteSource(0, false);
      return new StreamByteSource(process.stdin, () => process.stdin.destroy());
    }
    if (size !== null) return new FileByteSource(openSync(path, 'r'), true);
    return await openPipe(path);
  } catch (error) {
    throw new CaptureError(`${path}: ${whyUnreadable(error)}`, path);
  }
}

/** Opening a FIFO waits for its writer, so it is done off the main thread. */
async function openPipe(path: string): Promise<ByteSource> {
  const fd = await promisify(open)(path, 'r');
  const { Socket } = await import('node:net');
  const stats = fstatSync(fd);
  if (stats.isDirectory()) {
    closeSync(fd);
    throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
  }
  // A socket reads a pipe without holding a thread of the pool while nothing comes.
  const stream = stats.isFIFO()
    ? new Socket({ fd, readable: true, writable: false })
    : createReadStream(path, { fd, highWaterMark: 1 << 20 });
  return new StreamByteSource(stream, () => stream.destroy());
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** In words, of an error of the file system. */
export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'no such file';
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read it';
    case 'ENAMETOOLONG':
      return 'the name is too long for a file';
    case 'ELOOP':
      return 'its links lead in a circle';
    case 'ENOTDIR':
      return 'a part of its path is no directory';
    case 'EISDIR':
      return 'is a directory';
    default:
      return `cannot be opened: ${messageOf(error)}`;
  }
}
