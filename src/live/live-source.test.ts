import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { writePcap, writePcapng } from '../../test/build/capture-file.js';
import { emptyChunk } from '../../test/build/read-frames.js';
import type { FrameChunk } from '../capture/chunk.js';
import { LiveSource } from './live-source.js';

const START_NS = 1_700_000_000_000_000_000n;
const frames = Array.from({ length: 10 }, (_, index) => ({
  timeNs: START_NS + BigInt(index) * 1_000_000n,
  bytes: new Uint8Array(60 + index).fill(index),
}));
const ABOUT = { name: 'v0', filter: 'udp', interfaceName: 'v0', packetsMax: Number.POSITIVE_INFINITY };
const HEADER = 24;

/** Offset of each record of a pcap file of `frames`, and of its end. */
const offsets = [HEADER];
for (const { bytes } of frames) offsets.push(offsets[offsets.length - 1] + 16 + bytes.length);

async function opened(stream: PassThrough, changes: Partial<typeof ABOUT> = {}): Promise<LiveSource> {
  const source = await LiveSource.open(stream, { ...ABOUT, ...changes }, []);
  if (source === null) throw new Error('the stream ended before its head');
  return source;
}

/** Fills until the input ends; how many frames each chunk had. */
async function counts(source: LiveSource, chunk: FrameChunk): Promise<number[]> {
  const list: number[] = [];
  while (await source.fill(chunk)) list.push(chunk.frameCount);
  return list;
}

describe.each([
  ['pcap', writePcap(frames, { nanoseconds: true })],
  ['pcapng', writePcapng([{ interfaces: [{ tsresol: 9 }], frames }])],
])('%s that comes bit by bit', (_, bytes) => {
  it('gives out whole frames, whatever the pieces', async () => {
    for (const size of [1, 7, 61, 100, 5000]) {
      const stream = new PassThrough();
      const source = LiveSource.open(stream, ABOUT, []);
      for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
      stream.end();
      const live = await source;
      const list = live === null ? [] : await counts(live, emptyChunk());
      expect(
        list.reduce((sum, count) => sum + count, 0),
        `pieces of ${size}`,
      ).toBe(frames.length);
      expect(live?.captures[0]).toMatchObject({ frames: frames.length, damaged: [] });
    }
  });
});

describe('a stream that pauses', () => {
  const bytes = writePcap(frames, { nanoseconds: true });

  it('gives out what has come within 200 ms, and goes on where it stopped inside a record', async () => {
    const stream = new PassThrough();
    stream.write(bytes.subarray(0, offsets[3] + 20));
    const source = await opened(stream);
    const chunk = emptyChunk();
    const start = performance.now();
    expect(await source.fill(chunk)).toBe(true);
    expect(chunk.frameCount).toBe(3);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(await source.fill(chunk)).toBe(true);
    expect(chunk.frameCount).toBe(0);
    stream.end(bytes.subarray(offsets[3] + 20));
    expect((await counts(source, chunk)).reduce((sum, count) => sum + count, 0)).toBe(7);
    expect(source.captures[0].damaged).toEqual([]);
  });

  it('gives out a chunk in time, although something comes all the while', async () => {
    const stream = new PassThrough();
    stream.write(bytes.subarray(0, offsets[1]));
    const source = await opened(stream);
    let next = 1;
    const drip = setInterval(() => {
      if (next < frames.length) stream.write(bytes.subarray(offsets[next], offsets[++next]));
    }, 60);
    const chunk = emptyChunk();
    await source.fill(chunk);
    clearInterval(drip);
    expect(chunk.frameCount).toBeGreaterThan(0);
    expect(chunk.frameCount).toBeLessThan(frames.length);
  });

  it('knows the filter and the interface that the stream does not state', async () => {
    const stream = new PassThrough();
    stream.end(bytes);
    const source = await opened(stream);
    await source.fill(emptyChunk());
    expect(source.interfaces).toMatchObject([{ name: 'v0', filter: 'udp' }]);
  });
});

describe('the end', () => {
  const bytes = writePcap(frames, { nanoseconds: true });

  it('comes after exactly so many frames as were asked for', async () => {
    for (const packetsMax of [1, 2, 9, 10]) {
      const stream = new PassThrough();
      stream.write(bytes);
      const source = await opened(stream, { packetsMax });
      const list = await counts(source, emptyChunk());
      expect(list.reduce((sum, count) => sum + count, 0)).toBe(packetsMax);
      expect(source.captures[0].frames).toBe(packetsMax);
    }
  });

  it('inside a record is damage, unless the capture was stopped', async () => {
    for (const isStopped of [false, true]) {
      const stream = new PassThrough();
      stream.end(bytes.subarray(0, offsets[9] + 30));
      const source = await opened(stream);
      if (isStopped) source.stop(false);
      await counts(source, emptyChunk());
      expect(source.captures[0].damaged).toHaveLength(isStopped ? 0 : 1);
      expect(source.captures[0].skipped.size).toBe(isStopped ? 1 : 0);
      expect(source.captures[0].frames).toBe(9);
    }
  });

  it('is asked for by a stop while nothing comes', async () => {
    const stream = new PassThrough();
    stream.write(bytes);
    const source = await opened(stream);
    setTimeout(() => source.stop(true), 300);
    expect((await counts(source, emptyChunk())).reduce((sum, count) => sum + count, 0)).toBe(frames.length);
  });

  it('before the head is no source; compressed or foreign bytes are refused', async () => {
    const empty = new PassThrough();
    empty.end();
    expect(await LiveSource.open(empty, ABOUT, [])).toBe(null);
    const gzip = new PassThrough();
    gzip.end(new Uint8Array([0x1f, 0x8b, ...new Array(40).fill(0)]));
    await expect(LiveSource.open(gzip, ABOUT, [])).rejects.toThrow(/compressed/);
    const text = new PassThrough();
    text.end('this is not a capture, it is a line of text');
    await expect(LiveSource.open(text, ABOUT, [])).rejects.toThrow(/not a capture/);
  });
});
