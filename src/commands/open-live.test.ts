import { createReadStream, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SAMPLE, sampleOf } from '../../test/sampling.js';
import { reportClock } from '../report/report-time.js';
import { verdict } from '../report/verdict.js';
import { openLive } from './open-live.js';
import { analyze } from './run-analysis.js';

const captures = resolve(import.meta.dirname, '../../captures');

/** In a sample: captures that are replayed. */
const REPLAYED_IN_SAMPLE = 6;

describe(`kind: one truth, live or analyzed: the answer in a sentence (${SAMPLE})`, () => {
  const names = readdirSync(captures).filter((name) => /\.pcap(ng)?$/.test(name));

  it.each(sampleOf(names, REPLAYED_IN_SAMPLE, 'live headline'))('%s', async (name) => {
    const file = join(captures, name);
    const live = await openLive({ name: file, stream: createReadStream(file) }).report;
    const analyzed = await analyze([file]);
    expect(live).not.toBeNull();
    if (live === null) return;
    expect(verdict(live, reportClock(live.captures))).toBe(verdict(analyzed, reportClock(analyzed.captures)));
  });
});

describe('openLive', () => {
  it.each(['esp-one-way.pcap', 'esp-healthy.pcap', 'capture-kernel-drops.pcapng'])(
    'says of %s, piped in, what analyze says of the file',
    async (name) => {
      const file = join(captures, name);
      const report = await openLive({ name: file, stream: createReadStream(file) }).report;
      const { findings, checked, tunnels } = await analyze([file]);
      expect(report).toMatchObject({ command: 'live', findings, checked, tunnels });
    },
  );

  it('ends with a report when it is stopped', async () => {
    const file = join(captures, 'esp-healthy.pcap');
    async function* forEver(): AsyncGenerator<Uint8Array> {
      for await (const piece of createReadStream(file)) yield piece as Uint8Array;
      await new Promise(() => {});
    }
    const session = openLive({ name: 'pipe', stream: forEver() });
    setTimeout(() => session.stop(), 1500);
    const report = await session.report;
    expect(report?.captures[0]).toMatchObject({ file: 'pipe' });
    expect(report?.captures[0]).not.toHaveProperty('damaged');
    expect(report?.captures[0].frames).toBeGreaterThan(0);
  });
});
