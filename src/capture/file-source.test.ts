import { execFileSync, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  block,
  epb,
  idb,
  inputOf,
  payload,
  pcapHeader,
  pcapRecord,
  readAll,
  shb,
  spb,
} from '../../test/capture-builder.js';
import { CaptureError } from './capture-error.js';

const folder = mkdtempSync(join(tmpdir(), 'capan-capture-'));
afterAll(() => rmSync(folder, { recursive: true }));

const START = 1_700_000_000;
const has = (program: string) => spawnSync(program, ['--version']).error === undefined;

/** A pcap file with a frame at each of these seconds. */
function pcapAt(times: readonly number[], seed = 0): Buffer {
  const parts = times.map((time, index) =>
    pcapRecord(Math.floor(time), Math.round((time % 1) * 1e6), payload(30, seed + index)),
  );
  return Buffer.concat([pcapHeader(), ...parts]);
}

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const range = (count: number, from = START, step = 1) =>
  Array.from({ length: count }, (_, i) => from + i * step);
const plain = pcapAt(range(400));

describe('where bytes come from', () => {
  it('reads a file, a Readable and a FIFO alike', async () => {
    const path = write('plain.pcap', plain);
    const fromFile = await readAll([path]);
    const fromStream = await readAll([
      { name: 's', stream: Readable.from([plain.subarray(0, 999), plain.subarray(999)]) },
    ]);
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reading = readAll([fifo]);
    createWriteStream(fifo).end(plain);
    const fromFifo = await reading;
    expect(fromFile.frames).toHaveLength(400);
    expect(fromStream.frames).toEqual(fromFile.frames);
    expect(fromFifo.frames).toEqual(fromFile.frames);
    expect(fromFile.source).toMatchObject({ totalBytes: plain.length, consumedBytes: plain.length });
    expect(fromFifo.source.totalBytes).toBeNull();
    expect(fromFile.epochEnds).toEqual([400]);
  });

  it('reads gzip of one and of several members, in files and in streams', async () => {
    const one = gzipSync(plain);
    const two = Buffer.concat([gzipSync(plain.subarray(0, 5000)), gzipSync(plain.subarray(5000))]);
    const expected = (await readAll([inputOf(plain)])).frames;
    expect((await readAll([write('one.gz', one)])).frames).toEqual(expected);
    expect((await readAll([write('two.gz', two)])).frames).toEqual(expected);
    expect((await readAll([inputOf(two, 'two', 100)])).frames).toEqual(expected);
  });

  it.runIf(has('zstd'))('reads zstd of one and of several frames', async () => {
    const pack = (bytes: Buffer) => execFileSync('zstd', ['-qc'], { input: bytes });
    const two = Buffer.concat([pack(plain.subarray(0, 5000)), pack(plain.subarray(5000))]);
    const { frames, source } = await readAll([write('two.zst', two)]);
    expect(frames).toHaveLength(400);
    expect(source.captures[0].damaged).toEqual([]);
    const cut = await readAll([write('cut.zst', two.subarray(0, two.length - 50))]);
    expect(cut.frames.length).toBeGreaterThan(100);
    // Some decoders say so themselves, others just end; then the last record is short.
    expect(cut.source.captures[0].damaged.at(-1)?.reason).toMatch(/zstd|ends inside a record/);
  });

  it('refuses a zstd window of more than 128 MiB', async () => {
    const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 18 << 3, ...Array(20).fill(0)]);
    await expect(readAll([write('wide.zst', head)])).rejects.toThrow(/window of 256 MiB/);
  });

  it.runIf(has('lz4'))('reads lz4', async () => {
    const packed = execFileSync('lz4', ['-qc'], { input: plain });
    expect((await readAll([write('plain.lz4', packed)])).frames).toHaveLength(400);
  });

  it('keeps what came out of gzip that is cut or damaged', async () => {
    const packed = gzipSync(plain);
    const cut = await readAll([write('cut.gz', packed.subarray(0, packed.length - 200))]);
    expect(cut.frames.length).toBeGreaterThan(200);
    expect(cut.source.captures[0].damaged.at(-1)?.reason).toBe('the gzip data ends before its end');
    const broken = Buffer.from(packed);
    broken.fill(0xff, packed.length - 300, packed.length - 200);
    const damaged = await readAll([write('broken.gz', broken)]);
    expect(damaged.frames.length).toBeGreaterThan(100);
    expect(damaged.source.captures[0].damaged.at(-1)?.reason).toContain('gzip data is damaged');
  });

  it.each([
    ['empty', Buffer.alloc(0), /is empty/],
    ['text', Buffer.from('GET / HTTP/1.1\r\n'), /begins with 47 45 54 20/],
    ['bpf', Buffer.from('cbc3b2a100000000', 'hex'), /BPF program/],
    ['navtel', Buffer.from('a12b3c4d00000000', 'hex'), /Navtel/],
    ['reserved', Buffer.from('a1b234cd00000000', 'hex'), /reserved magic/],
    ['crlf', Buffer.from('0d0a0d0d0d0a1c000000', 'hex'), /text-mode/],
    ['lf', Buffer.from('0a0d0a1c0000004d3c2b1a', 'hex'), /text-mode/],
    ['no-magic', Buffer.from('0a0d0d0a1c00000000000000', 'hex'), /byte-order magic at byte 8/],
    ['packed-text', gzipSync(Buffer.from('hello world')), /not a capture file/],
  ])('says in one line what is wrong with %s', async (name, bytes, message) => {
    const failure = await readAll([write(`bad-${name}`, bytes)]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CaptureError);
    expect(String(failure)).toMatch(message);
    expect(String(failure)).not.toContain('\n');
  });

  it('says so where a file does not exist', async () => {
    await expect(readAll([join(folder, 'nowhere.pcap')])).rejects.toThrow(/nowhere\.pcap: no such file/);
  });
});

describe('several files', () => {
  const numbers = (frames: readonly { capture: number; number: number }[]) =>
    frames.map((frame) => `${frame.capture}:${frame.number}`);

  it('orders rotated files by time and goes on in one segment', async () => {
    const second = write('r2.pcap', pcapAt(range(5, START + 5.5)));
    const first = write('r1.pcap', pcapAt(range(5, START)));
    const { source, frames } = await readAll([second, first]);
    expect(source.captures.map((facts) => facts.file)).toEqual([first, second]);
    expect(numbers(frames)).toEqual(
      ['0:1', '0:2', '0:3', '0:4', '0:5', '1:1', '1:2', '1:3', '1:4', '1:5'].map(String),
    );
    expect(source.segments.map((segment) => segment.openedBy)).toEqual(['start']);
    const close = await readAll([write('r3.pcap', pcapAt(range(5, START + 4.9))), first]);
    expect(close.source.segments).toHaveLength(1);
    expect(close.epochEnds).toEqual([10]);
  });

  it('gives the segments of the uncut file wherever it is cut', async () => {
    const hours = 3600;
    const times = [0, 1, 5 * hours, 5 * hours + 1, 40 * hours, 40 * hours + 1].map((after) => START + after);
    const whole = await readAll([write('whole.pcap', pcapAt(times))]);
    expect(whole.source.segments.map(({ openedBy }) => openedBy)).toEqual(['start', 'step-forward']);
    const shape = (result: typeof whole) => ({
      segments: result.source.segments.map(({ baseNs, openedBy }) => [baseNs, openedBy]),
      frames: result.frames.map(({ segment, timeNs }) => [segment, timeNs]),
    });
    for (let cut = 1; cut < times.length; cut++) {
      const parts = [times.slice(0, cut), times.slice(cut)].map((part, i) =>
        write(`part${cut}-${i}.pcap`, pcapAt(part)),
      );
      expect(shape(await readAll(parts)), `cut after ${cut} frames`).toEqual(shape(whole));
    }
  });

  it('opens a segment at a section that begins with an earlier time, and says that no clock stepped', async () => {
    const section = (second: number) => [
      shb(),
      idb(),
      ...range(3).map((one) => epb(BigInt(one + second) * 1_000_000n, payload(20, 1))),
    ];
    const { source } = await readAll([
      inputOf(Buffer.concat([...section(500), ...section(0), ...section(9)])),
    ]);
    expect(source.segments.map(({ openedBy }) => openedBy)).toEqual(['start', 'section']);
  });

  it('reads an overlap of up to a second one after the other', async () => {
    const first = write('o1.pcap', pcapAt([START, START + 10, START + 10.9]));
    const second = write('o2.pcap', pcapAt([START + 10, START + 11]));
    const { frames, source } = await readAll([first, second]);
    expect(numbers(frames)).toEqual(['0:1', '0:2', '0:3', '1:1', '1:2']);
    expect(source.segments).toHaveLength(1);
  });

  it('merges files that overlap by more, whatever the chunk size', async () => {
    const files = [
      write('m1.pcap', pcapAt(range(60, START))),
      write('m2.pcap', gzipSync(pcapAt(range(60, START + 20.5), 100))),
      write('m3.pcap', pcapAt(range(60, START + 40.25, 0.5), 200)),
      write('m4.pcap', pcapAt(range(3, START + 80), 300)),
    ];
    const large = await readAll(files);
    const times = large.frames.map((frame) => Number(frame.timeNs));
    expect(large.frames).toHaveLength(183);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(large.frames.every((frame) => frame.segment === 0)).toBe(true);
    for (const [bytes, rows] of [
      [300, 4],
      [1000, 7],
    ]) {
      expect((await readAll(files, bytes, rows)).frames).toEqual(large.frames);
    }
    expect(large.epochEnds).toEqual([183]);
  });

  it('merges a pipe with a file', async () => {
    const file = write('p1.pcap', pcapAt(range(20, START)));
    const { frames } = await readAll([file, inputOf(pcapAt(range(20, START + 5.5), 50), 'pipe')]);
    const times = frames.map((frame) => Number(frame.timeNs));
    expect(times).toHaveLength(40);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('takes the captures of a directory by their content', async () => {
    const directory = join(folder, 'rotated');
    mkdirSync(directory);
    writeFileSync(join(directory, 'b'), pcapAt(range(3, START)));
    writeFileSync(join(directory, 'a.log'), 'not a capture');
    writeFileSync(join(directory, 'c.gz'), gzipSync(Buffer.from('a packed log')));
    writeFileSync(join(directory, 'd.gz'), gzipSync(pcapAt(range(3, START + 3))));
    const { source, frames } = await readAll([directory]);
    expect(source.captures.map((facts) => facts.file)).toEqual([
      join(directory, 'b'),
      join(directory, 'd.gz'),
    ]);
    expect(frames).toHaveLength(6);
  });

  it('names what it does not read of a directory', async () => {
    const directory = join(folder, 'mixed');
    mkdirSync(join(directory, 'older'), { recursive: true });
    writeFileSync(join(directory, 'a.pcap'), pcapAt(range(3, START)));
    writeFileSync(join(directory, 'b.pcap'), '');
    writeFileSync(join(directory, 'c.png'), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d]));
    writeFileSync(join(directory, 'd.txt'), 'not a capture');
    writeFileSync(join(directory, 'e.gz'), gzipSync(Buffer.from('a packed log')));
    symlinkSync('nowhere', join(directory, 'f.pcap'));
    const { source } = await readAll([directory]);
    expect(source.leftOut?.map(({ file, reason }) => `${basename(file)}: ${reason}`).sort()).toEqual([
      'b.pcap: empty',
      'c.png: a picture',
      'd.txt: a text; texts are read where they are named',
      'e.gz: compressed, but no capture',
      'older: a directory in the directory',
    ]);
    const unreadable = source.captures.filter(({ damaged }) => damaged.length > 0);
    expect(unreadable.map(({ file }) => basename(file))).toEqual(['f.pcap']);
    rmSync(join(directory, 'a.pcap'));
    rmSync(join(directory, 'e.gz'));
    await expect(readAll([directory])).rejects.toThrow(
      /holds no pcap or pcapng file \(.*no such file; .*b\.pcap: empty; .*and 2 more\)/,
    );
  });

  it('notes an unreadable file beside others and fails where all are', async () => {
    const good = write('good.pcap', pcapAt(range(3)));
    const bad = write('bad.pcap', Buffer.from('no'));
    const { source, frames } = await readAll([bad, good]);
    expect(frames).toHaveLength(3);
    expect(source.captures.map((facts) => [facts.file, facts.damaged.length])).toEqual([
      [good, 0],
      [bad, 1],
    ]);
    await expect(readAll([bad, bad])).rejects.toBeInstanceOf(CaptureError);
  });
});

describe('chunks', () => {
  const mixed = Buffer.concat([
    shb(),
    idb(),
    ...range(80).map((second, i) => epb(BigInt(second) * 1_000_000n, payload(20 + (i % 60), i))),
    block(4, Buffer.alloc(40)),
    spb(payload(30, 1)),
    epb(5n, payload(30, 2)),
    epb(BigInt(START + 80) * 1_000_000n, payload(30, 3)),
    epb(BigInt(START + 9_000_000) * 1_000_000n, payload(30, 4)),
    epb(BigInt(START + 9_000_001) * 1_000_000n, payload(30, 5)),
    shb('big'),
    idb('big'),
    epb(BigInt(START) * 1_000_000n, payload(30, 6), 'big'),
    Buffer.alloc(50, 0xff),
    epb(BigInt(START) * 1_000_000n, payload(30, 7), 'big'),
  ]);

  it('hold the same frames whatever their size', async () => {
    const expected = await readAll([inputOf(mixed)]);
    expect(expected.frames).toHaveLength(87);
    expect(expected.source.segments.map((s) => s.openedBy)).toEqual(['start', 'step-forward', 'section']);
    for (const [bytes, rows, piece] of [
      [300, 4, 1],
      [301, 100, 7],
      [512, 5, 4096],
      [4096, 6, 100],
    ]) {
      const result = await readAll([inputOf(mixed, 'memory', piece)], bytes, rows);
      expect(result.frames).toEqual(expected.frames);
      expect(result.source.segments).toEqual(expected.source.segments);
      expect(result.source.captures).toEqual(expected.source.captures);
    }
  });

  it('never cross an epoch', async () => {
    const record = pcapRecord(START, 0, payload(2, 1));
    const bytes = Buffer.concat([pcapHeader(), ...Array.from({ length: 65_536 + 70 }, () => record)]);
    const { epochEnds } = await readAll([write('epoch.pcap', bytes)], 1 << 16, 1000);
    expect(epochEnds).toEqual([65_536, 65_606]);
    const exact = await readAll([write('exact.pcap', bytes.subarray(0, 24 + 65_536 * record.length))]);
    expect(exact.epochEnds).toEqual([65_536]);
  });

  it('survive any bytes', async () => {
    const seeds = [mixed, plain.subarray(0, 2000)];
    const change = fc.record({
      at: fc.nat(),
      value: fc.integer({ min: 0, max: 255 }),
      length: fc.integer({ min: 1, max: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1),
        fc.array(change, { maxLength: 12 }),
        fc.nat(),
        async (seed, changes, cut) => {
          const bytes = Buffer.from(seeds[seed].subarray(0, 28 + (cut % seeds[seed].length)));
          for (const { at, value, length } of changes)
            bytes.fill(value, at % bytes.length, Math.min(bytes.length, (at % bytes.length) + length));
          const outcome = await readAll([inputOf(bytes)], 1 << 16, 64).catch((error: unknown) => error);
          if (outcome instanceof Error) expect(outcome).toBeInstanceOf(CaptureError);
          const small = await readAll([inputOf(bytes)], 1 << 15, 5).catch((error: unknown) => error);
          if (!(outcome instanceof Error) && !(small instanceof Error)) {
            expect((small as typeof outcome & { frames: unknown }).frames).toEqual(
              (outcome as { frames: unknown }).frames,
            );
          }
        },
      ),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          'd4c3b2a1020004000000000000000000ffff000001000000',
          '0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000',
        ),
        fc.uint8Array({ maxLength: 500 }),
        async (head, tail) => {
          const { frames } = await readAll([inputOf(Buffer.concat([Buffer.from(head, 'hex'), tail]))]);
          expect(frames.length).toBeLessThanOrEqual(tail.length);
        },
      ),
      { numRuns: 300 },
    );
  });
});
