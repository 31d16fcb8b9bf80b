import { randomBytes } from 'node:crypto';
import { closeSync, createReadStream, fstatSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureError } from './capture-error.js';
import type { CaptureInput } from './input-file.js';

/**
 * What a pipe held, in a file that has no name any more: it can be read as often as need be, and is gone when the process
 * ends, however it ends.
 */
export class SpilledInput {
  private constructor(
    readonly name: string,
    private readonly descriptor: number,
  ) {}

  /** The bytes from the beginning; another stream each time that it is asked for. */
  get stream(): AsyncIterable<Uint8Array> {
    return createReadStream('', { fd: this.descriptor, start: 0, autoClose: false, highWaterMark: 1 << 20 });
  }

  /** @throws CaptureError where it cannot be read, or there is no room for it */
  static async of(name: string, stream: AsyncIterable<Uint8Array>): Promise<SpilledInput> {
    const descriptor = unlinkedFile(name);
    try {
      for await (const bytes of stream) {
        for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      }
    } catch (error) {
      closeSync(descriptor);
      const why = error instanceof Error ? error.message : String(error);
      throw new CaptureError(`${name}: cannot be kept in ${tmpdir()} to be read twice: ${why}`, name);
    }
    return new SpilledInput(name, descriptor);
  }
}

function unlinkedFile(name: string): number {
  const path = join(tmpdir(), `capan-${process.pid}-${randomBytes(8).toString('hex')}`);
  try {
    const descriptor = openSync(path, 'wx+', 0o600);
    rmSync(path);
    return descriptor;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CaptureError(`${name}: cannot be kept in ${tmpdir()} to be read twice: ${why}`, name);
  }
}

/** Inputs that may be opened more than once: what is no file is read to its end first. */
export async function reopenableInputs(inputs: readonly CaptureInput[]): Promise<readonly CaptureInput[]> {
  const kept: CaptureInput[] = [];
  for (const input of inputs) kept.push(await reopenable(input));
  return kept;
}

async function reopenable(input: CaptureInput): Promise<CaptureInput> {
  if (typeof input !== 'string') {
    return input instanceof SpilledInput ? input : SpilledInput.of(input.name, input.stream);
  }
  if (input === '-') {
    // A regular file that was redirected has a position, which the first reader moves.
    const isFile = fstatSync(0, { bigint: false }).isFile();
    return SpilledInput.of('-', isFile ? createReadStream('', { fd: 0, autoClose: false }) : process.stdin);
  }
  const stats = statSync(input, { throwIfNoEntry: false });
  // What cannot be found is for the reader to say.
  if (stats === undefined || stats.isFile() || stats.isDirectory()) return input;
  return SpilledInput.of(input, createReadStream(input));
}
