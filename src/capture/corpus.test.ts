import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { chunkOf } from '../../test/capture-builder.js';
import { SAMPLE, sampleOf } from '../../test/sampling.js';
import { CaptureError } from './capture-error.js';
import type { CaptureFacts } from './capture-source.js';
import { openCaptureSource } from './file-source.js';

const corpus = fileURLToPath(new URL('../../../shared/captures/real', import.meta.url));
const hasCorpus = existsSync(corpus);
const hasTshark = spawnSync('tshark', ['--version']).error === undefined;
const FILES_COUNTED = 4;

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() ? filesUnder(join(folder, entry.name)) : [join(folder, entry.name)],
    )
    .filter((path) => !path.endsWith('.jsonl'))
    .sort();
}

/** The facts of a file and how many rows it gave, or the error that says why it cannot be read. */
async function readFacts(path: string): Promise<{ facts: CaptureFacts; rows: number } | CaptureError> {
  try {
    const source = await openCaptureSource([path]);
    const chunk = chunkOf(1 << 20, 8192);
    let rows = 0;
    while (await source.fill(chunk)) rows += chunk.frameCount;
    await source.close();
    return { facts: source.captures[0], rows };
  } catch (error) {
    if (error instanceof CaptureError) return error;
    throw error;
  }
}

/** Frames as tshark lists them, or null where it complains about the file. */
function tsharkFrameCount(path: string): number | null {
  const run = spawnSync('tshark', ['-n', '-r', path, '-T', 'fields', '-e', 'frame.number'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) return null;
  return run.stdout.split('\n').length - 1;
}

describe.skipIf(!hasCorpus)(
  'captures from the field (skipped where ../shared/captures/real is missing)',
  () => {
    const files = hasCorpus ? filesUnder(corpus) : [];
    /** Formats that tshark reads and this reader refuses by name. */
    const otherFormats = /\.(erf|erf\.gz)$/;
    /** Zeros where records should begin: tshark lists them as empty frames of 1970. */
    const zeroRecords = /bgp_vpn_rt-oobr\.pcap$/;

    it('are read or refused, never crashed on', { timeout: 120_000 }, async () => {
      let readable = 0;
      for (const path of files) {
        const result = await readFacts(path);
        if (result instanceof CaptureError) expect(result.message).toContain(path);
        else readable += 1;
      }
      expect(readable).toBeGreaterThan(files.length * 0.9);
    });

    it.runIf(hasTshark)('have as many frames as tshark lists', { timeout: 1_200_000 }, async () => {
      const differing: string[] = [];
      for (const path of sampleOf(files, FILES_COUNTED, 'frames of tshark')) {
        if (otherFormats.test(path) || zeroRecords.test(path)) continue;
        const result = await readFacts(path);
        const expected = tsharkFrameCount(path);
        if (expected === null) continue;
        const frames = result instanceof CaptureError ? result.message : result.facts.frames;
        if (frames !== expected) differing.push(`${path}: ${frames}, tshark ${expected}`);
      }
      expect(differing, SAMPLE).toEqual([]);
      expect(execFileSync('tshark', ['--version'], { encoding: 'utf8' })).toContain('TShark');
    });
  },
);
