import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as Library from '../src/index.js';
import type { Report } from '../src/report/report.js';
import { writePcap, writePcapng } from './build/capture-file.js';
import { readFrames } from './build/read-frames.js';
import { COMPILED_LIBRARY } from './compiled-program.js';
import { SAMPLE, sampleOf } from './sampling.js';

/*
 * The report does not depend on how the work is cut: any number of workers, any chunk size, pcap or pcapng of the
 * same frames. Runs the compiled program, since workers load compiled files.
 */

const root = resolve(import.meta.dirname, '..');
const folder = join(root, 'captures');
const files = readdirSync(folder).filter((file) => /\.pcap(ng)?$/.test(file));
const FILES_PER_INVARIANT = 20;
let scratch = '';
let analyze: typeof Library.analyze;

beforeAll(async () => {
  ({ analyze } = (await import(COMPILED_LIBRARY)) as typeof Library);
  scratch = mkdtempSync(join(tmpdir(), 'capan-metamorphic-'));
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The report less what names the file or its format. */
function verdictOf(report: Report): unknown {
  const { captures, ...rest } = report;
  return {
    ...rest,
    frames: captures.map(({ frames, firstTime, lastTime }) => ({ frames, firstTime, lastTime })),
  };
}

/** Of each invariant its own sample: in a few runs every file is seen by each. */
function sampleFor(invariant: string): readonly string[] {
  return sampleOf(files, FILES_PER_INVARIANT, `metamorphic ${invariant}`);
}

describe(`the report of captures that ship (${SAMPLE})`, () => {
  it.each(sampleFor('workers'))('%s: the same bytes for 0, 1, 2 and 7 workers', async (file) => {
    const path = join(folder, file);
    const alone = JSON.stringify(await analyze([path], { threads: 0 }));
    for (const threads of [1, 2, 7]) {
      // Small chunks, so that every worker has work.
      const report = await analyze([path], { threads, chunkBytes: 8192 });
      expect(JSON.stringify(report), `${threads} workers`).toBe(alone);
    }
  });

  it.each(sampleFor('chunk size'))('%s: the same bytes for any chunk size', async (file) => {
    const path = join(folder, file);
    const whole = JSON.stringify(await analyze([path], { threads: 0 }));
    const largest = Math.max(...(await readFrames(path)).frames.map(({ bytes }) => bytes.length));
    // A chunk must hold the largest frame with its record header; one that does not is damage.
    for (const chunkBytes of [4096, 5000, 70_001].map((size) => Math.max(size, largest + 1024))) {
      expect(JSON.stringify(await analyze([path], { threads: 0, chunkBytes })), `${chunkBytes} bytes`).toBe(
        whole,
      );
    }
  });

  it.each(sampleFor('pictures'))(
    '%s: the same pictures however the work is cut, and nothing else said because of them',
    async (file) => {
      const path = join(folder, file);
      const { pictures, ...said } = await analyze([path], { threads: 0, pictures: true });
      expect(JSON.stringify(said)).toBe(JSON.stringify(await analyze([path], { threads: 0 })));
      const largest = Math.max(...(await readFrames(path)).frames.map(({ bytes }) => bytes.length));
      for (const [threads, chunkBytes] of [
        [2, 8192],
        [0, 4096],
      ]) {
        const cut = { threads, chunkBytes: Math.max(chunkBytes, largest + 1024), pictures: true };
        expect(JSON.stringify((await analyze([path], cut)).pictures)).toBe(JSON.stringify(pictures));
      }
    },
  );

  it.each(sampleFor('rows'))(
    '%s: the same bytes whether runs of packets share a row or not',
    async (file) => {
      const path = join(folder, file);
      const folded = JSON.stringify(await analyze([path], { threads: 0 }));
      const everyRow = await analyze([path], { threads: 0, identities: { seed: 1, take: () => {} } });
      expect(JSON.stringify(everyRow)).toBe(folded);
    },
  );

  it.each(sampleFor('format'))(
    '%s: the same verdict for pcap and pcapng of the same frames',
    async (file) => {
      const { frames, linkType } = await readFrames(join(folder, file));
      const verdicts: unknown[] = [];
      for (const [name, bytes] of [
        ['little.pcap', writePcap(frames, { linkType, nanoseconds: true, byteOrder: 'little' })],
        ['big.pcap', writePcap(frames, { linkType, nanoseconds: true, byteOrder: 'big' })],
        [
          'little.pcapng',
          writePcapng([{ byteOrder: 'little', interfaces: [{ linkType, tsresol: 9 }], frames }]),
        ],
        ['big.pcapng', writePcapng([{ byteOrder: 'big', interfaces: [{ linkType, tsresol: 9 }], frames }])],
      ] as const) {
        const copy = join(scratch, `${file}.${name}`);
        writeFileSync(copy, bytes);
        verdicts.push(verdictOf(await analyze([copy], { threads: 0 })));
      }
      for (const verdict of verdicts.slice(1)) expect(verdict).toEqual(verdicts[0]);
    },
  );
});

describe('standard input and compressed files', () => {
  it('gives the same verdict for a stream as for the file', async () => {
    const path = join(folder, 'esp-one-way.pcap');
    const bytes = readFileSync(path);
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
    };
    const fromFile = verdictOf(await analyze([path], { threads: 0 }));
    const fromStream = verdictOf(await analyze([{ name: 'pieces', stream: pieces() }], { threads: 0 }));
    expect(fromStream).toEqual(fromFile);
  });
});
