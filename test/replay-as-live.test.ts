import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openLive } from '../src/commands/open-live.js';
import { analyze } from '../src/commands/run-analysis.js';
import type { Finding, Report } from '../src/report/report.js';
import { SAMPLE, sampleOf } from './sampling.js';

/* The shipped captures piped into live, which looks at them again and again while they come in. */

const folder = resolve(import.meta.dirname, '../captures');
const files = readdirSync(folder).filter((file) => /\.pcap(ng)?$/.test(file));
const FILES_IN_SAMPLE = 6;
const CHUNK_BYTES = 16_384;
/** What the clock of the rounds advances by each time that somebody looks at it. */
const LOOK_MS = 400;

/** Without what live alone held for a while, which says so itself. */
function settled(report: Report | null): Finding[] {
  return (report?.findings ?? []).filter(
    ({ explanation }) => !explanation.endsWith('what came later ended it.'),
  );
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe(`kind: one truth, live or analyzed (${SAMPLE})`, () => {
  it.each(sampleOf(files, FILES_IN_SAMPLE, 'live replays'))('%s', async (name) => {
    const file = join(folder, name);
    const expected = await analyze([file], { threads: 0 });
    let nowMs = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => {
      nowMs += LOOK_MS;
      return nowMs;
    });
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield readFileSync(file);
    }
    const live = await openLive({ name: file, stream: pieces() }, { chunkBytes: CHUNK_BYTES }).report;
    const findings = settled(live);
    expect(findings.map(({ clearedAt: _, ...finding }) => finding)).toEqual(expected.findings);
    expect(live?.tunnels).toEqual(expected.tunnels);
    for (const { clearedAt, last, ongoingAtEnd } of findings) {
      if (clearedAt === undefined) continue;
      expect(ongoingAtEnd).toBe(false);
      if (last !== null) expect(clearedAt).toBe(last);
    }
  });
});
