import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import * as zlib from 'node:zlib';
import type { ByteFeed } from './byte-feed.js';
import { type ByteSource, StreamByteSource } from './byte-source.js';
import { CaptureError } from './capture-error.js';
import type { Compression } from './format-sniffer.js';

/** zlib is three times faster with large output buffers, but gives up the last one where the data is damaged. */
const OUTPUT_LENGTH = 1 << 20;
const OUTPUT_LENGTH_SMALL = 4096;
const SMALL_INPUT = 1 << 20;
const INPUT_LENGTH = 256 * 1024;
/** A larger zstd window would need that much memory. */
const ZSTD_WINDOW_LOG_MAX = 27;

/** A decompressor of node:zlib. */
type Transformer = Readable & Writable & { readonly bytesWritten: number };
type TransformerFactory = () => Transformer;

/**
 * Decompresses an input as it is read. Damaged or cut data ends the source with a `fault`; what came out
 * before stands.
 * @param storedSize size of the input as stored, or null for pipes
 * @throws CaptureError where a program is needed that is not installed
 */
export async function decompress(
  feed: ByteFeed,
  compression: Compression,
  file: string,
  storedSize: number | null,
): Promise<ByteSource> {
  const small = storedSize !== null && storedSize < SMALL_INPUT;
  const chunkSize = small ? OUTPUT_LENGTH_SMALL : OUTPUT_LENGTH;
  if (compression === 'gzip') return inflating(feed, () => zlib.createGunzip({ chunkSize }), compression);
  if (compression === 'lz4') {
    const program = await decompressingProgram(feed, 'lz4', compression);
    if (program !== null) return program;
    throw new CaptureError(
      `${file}: is compressed with lz4, and the program lz4 is not installed; install it or decompress the file first`,
      file,
    );
  }
  await refuseLargeWindow(feed, file);
  const createZstd = nativeZstd(chunkSize);
  if (createZstd !== null) return inflating(feed, createZstd, compression);
  return (await decompressingProgram(feed, 'zstd', compression)) ?? inflatingByScript(feed, compression);
}

/** node:zlib has zstd from Node 22.15 on; the types of Node 20 do not know it. */
function nativeZstd(chunkSize: number): TransformerFactory | null {
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  const windowLogMax: unknown = Reflect.get(zlib.constants, 'ZSTD_d_windowLogMax');
  if (typeof create !== 'function' || typeof windowLogMax !== 'number') return null;
  const params = { [windowLogMax]: ZSTD_WINDOW_LOG_MAX };
  return () => create.call(zlib, { chunkSize, params }) as Transformer;
}

/** zstd, section 3.1.1.1 of RFC 8878: the window descriptor, or the content size of a single segment. */
async function refuseLargeWindow(feed: ByteFeed, file: string): Promise<void> {
  await feed.ensure(14);
  const head = feed.heldBytes();
  if (head.length < 14) return;
  const descriptor = head[4];
  const singleSegment = (descriptor & 0x20) !== 0;
  // A single segment needs no window of its own, and content is given out as it comes.
  if (singleSegment) return;
  const exponent = head[5] >>> 3;
  const base = 2 ** (10 + exponent);
  const windowLength = base + (base / 8) * (head[5] & 7);
  if (windowLength <= 2 ** ZSTD_WINDOW_LOG_MAX) return;
  const mebibytes = Math.round(windowLength / 1_048_576);
  throw new CaptureError(
    `${file}: zstd window of ${mebibytes} MiB (byte 5) is over 128 MiB; compress the file again without --long=${10 + exponent}`,
    file,
    5,
  );
}

function inflating(feed: ByteFeed, create: TransformerFactory, name: Compression): ByteSource {
  return new InflatedSource(feed, inflate(feed, create, name));
}

/** Counts what was consumed of the stored input, not what came out of it. */
class InflatedSource extends StreamByteSource {
  constructor(
    private readonly stored: ByteFeed,
    pieces: AsyncIterable<Uint8Array>,
    onClose: () => void = () => {},
  ) {
    super(pieces, () => {
      onClose();
      stored.close();
    });
  }

  protected override countConsumed(): void {
    this.consumedBytes = this.stored.source.consumedBytes;
  }
}

/**
 * Runs one decompressor after the other, because that for zstd ends with the first frame of the input.
 */
async function* inflate(
  feed: ByteFeed,
  create: TransformerFactory,
  name: Compression,
): AsyncGenerator<Uint8Array> {
  for (;;) {
    const transformer = create();
    const feeding = feedInto(feed, transformer);
    let count = 0;
    try {
      for await (const piece of piecesOf(transformer)) {
        count += piece.length;
        yield piece;
      }
    } catch (error) {
      throw faultOf(name, error);
    } finally {
      transformer.destroy();
    }
    await feeding;
    // That for gzip goes on with the next member by itself; what it leaves is padding.
    if (name === 'gzip' || feed.ended || (count === 0 && transformer.bytesWritten === 0)) break;
  }
  if (feed.source.fault !== null) throw new Error(feed.source.fault);
}

/** Writes the feed into a decompressor until either ends; what was not consumed goes back to the feed. */
async function feedInto(feed: ByteFeed, transformer: Transformer): Promise<void> {
  const buffer = new Uint8Array(INPUT_LENGTH);
  const closed = new Promise<void>((resolve) => {
    transformer.once('end', resolve).once('error', resolve).once('close', resolve);
  });
  let ended = false;
  void closed.then(() => {
    ended = true;
  });
  let fed = 0;
  while (!ended) {
    const count = await feed.readInto(buffer, 0, buffer.length);
    if (count === 0) {
      transformer.end();
      return;
    }
    fed += count;
    const written = new Promise<void>((resolve) => {
      transformer.write(buffer.subarray(0, count), () => resolve());
    });
    await Promise.race([written, closed]);
    const unused = Math.min(count, fed - transformer.bytesWritten);
    if (unused > 0) {
      feed.unread(buffer, count - unused, count);
      return;
    }
  }
}

/** The pieces of a stream in order; unlike its own iterator, none is lost when it fails after them. */
async function* piecesOf(stream: Readable): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let ended = false;
  let failure: Error | null = null;
  let wake = (): void => {};
  stream.on('data', (piece: Uint8Array) => {
    pieces.push(piece);
    stream.pause();
    wake();
  });
  stream.once('end', () => {
    ended = true;
    wake();
  });
  stream.on('error', (error: Error) => {
    failure = error;
    wake();
  });
  for (;;) {
    const piece = pieces.shift();
    if (piece !== undefined) {
      yield piece;
      if (pieces.length === 0) stream.resume();
    } else if (failure !== null) {
      throw failure;
    } else if (ended) {
      return;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

/** Decompresses with a program; null where it is not installed. */
async function decompressingProgram(
  feed: ByteFeed,
  program: 'zstd' | 'lz4',
  name: Compression,
): Promise<ByteSource | null> {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const started = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true)).once('error', () => resolve(false));
  });
  if (!started) return null;
  let complaint = '';
  child.stderr.on('data', (text: Uint8Array) => {
    if (complaint.length < 1000) complaint += new TextDecoder().decode(text);
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code));
  });
  // The program may end before it has read everything.
  child.stdin.on('error', () => {});
  void pumpInto(feed, child.stdin);
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield* piecesOf(child.stdout);
    const code = await exited;
    if (code !== 0) throw faultOf(name, new Error(complaint.trim().split('\n')[0] || `exit code ${code}`));
    if (feed.source.fault !== null) throw new Error(feed.source.fault);
  };
  return new InflatedSource(feed, pieces(), () => child.kill());
}

async function pumpInto(feed: ByteFeed, sink: Writable): Promise<void> {
  const buffer = new Uint8Array(INPUT_LENGTH);
  while (!sink.destroyed) {
    const count = await feed.readInto(buffer, 0, buffer.length);
    if (count === 0) break;
    await new Promise<void>((resolve) => {
      sink.once('close', resolve);
      sink.write(buffer.subarray(0, count), () => {
        sink.off('close', resolve);
        resolve();
      });
    });
  }
  sink.end();
}

/** zstd in JavaScript, a third as fast, for a Node without it on a machine without the program. */
async function inflatingByScript(feed: ByteFeed, name: Compression): Promise<ByteSource> {
  const { Decompress } = await import('fzstd');
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    const ready: Uint8Array[] = [];
    const stream = new Decompress((piece) => ready.push(piece));
    for (;;) {
      const buffer = new Uint8Array(INPUT_LENGTH);
      const count = await feed.readInto(buffer, 0, buffer.length);
      try {
        stream.push(buffer.subarray(0, count), count === 0);
      } catch (error) {
        yield* ready;
        throw faultOf(name, error);
      }
      yield* ready.splice(0);
      if (count === 0) break;
    }
    if (feed.source.fault !== null) throw new Error(feed.source.fault);
  };
  return new InflatedSource(feed, pieces());
}

function faultOf(name: Compression, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  const isCut = /unexpected (end of file|EOF)|premature end|unfinished stream/i.test(message);
  return new Error(
    isCut ? `the ${name} data ends before its end` : `the ${name} data is damaged from here on (${message})`,
  );
}
