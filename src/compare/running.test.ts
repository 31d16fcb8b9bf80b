import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogue, dissectors } from '../../dissectors/index.js';
import { FrameSource, type TestFrame } from '../../test/build/frame-source.js';
import { type PathFaults, twoEnds } from '../../test/build/two-ends.js';
import { propertyRuns } from '../../test/sampling.js';
import { captureQuality } from '../commands/run-analysis.js';
import { comparisonOf, type JudgedPoint } from '../commands/run-compare.js';
import { judgeAll } from '../diagnose/run-diagnoses.js';
import { runPipeline } from '../workers/pipeline.js';
import type { Comparison } from './comparison.js';
import { IdentityCollector } from './identity-collector.js';

const correlators = catalogue.flatMap((entry) => entry.correlators);

async function pointOf(name: string, frames: readonly TestFrame[]): Promise<JudgedPoint> {
  const source = new FrameSource(frames);
  const collector = new IdentityCollector(1, source.segments, { inMemory: 1, inFile: 2 });
  const { runner } = await runPipeline(source, dissectors, correlators, {
    threads: 0,
    identities: collector,
  });
  const quality = captureQuality(source, runner, []);
  return { name, source, quality, collector, judged: judgeAll(catalogue, runner.sessions(), quality, []) };
}

/** What is known when so much of each side was read, of the last `seconds` of it. */
async function comparedAt(
  faults: PathFaults,
  shares: { readonly a: number; readonly b: number },
  seconds: number,
): Promise<{ comparison: Comparison; truth: number }> {
  const { a, b, forward, backward } = twoEnds(faults);
  const points = [
    await pointOf('a', a.slice(0, Math.ceil(a.length * shares.a))),
    await pointOf('b', b.slice(0, Math.ceil(b.length * shares.b))),
  ];
  const [sinceA, sinceB] = points.map(({ collector }) => collector.lastNs - seconds * 1e9);
  const running = { lastBlocks: 4, sinceNs: { a: sinceA, b: sinceB } };
  const comparison = comparisonOf(points, 0, 1, {}, { isLive: true, running });
  for (const { collector } of points) collector.store.close();
  return { comparison, truth: forward.lost + backward.lost };
}

function lostOf({ directions }: Comparison): number {
  return directions.reduce((sum, { tally }) => sum + tally.lost, 0);
}

const share = fc.double({ min: 0.3, max: 1, noNaN: true });

describe('two captures that go on', () => {
  it('lose nothing on a healthy path, however far each was read and wherever the stretch begins', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.integer({ min: 1, max: 2 ** 31 }),
          nat: fc.boolean(),
          routed: fc.boolean(),
          heartbeats: fc.boolean(),
          reordering: fc.constantFrom(0, 0.2),
          offsetSeconds: fc.constantFrom(0, -3, 5000),
          mtu: fc.constantFrom(9000, 1400),
        }),
        share,
        share,
        fc.double({ min: 2, max: 30, noNaN: true }),
        async (faults, a, b, seconds) => {
          const { comparison } = await comparedAt({ ...faults, packets: 900 }, { a, b }, seconds);
          expect(lostOf(comparison)).toBe(0);
          expect(comparison.directions.filter(({ tally }) => tally.receivedOnly > 0)).toEqual([]);
        },
      ),
      propertyRuns(25),
    );
  });

  it('keep a flow whose content tells nothing, where the NAT gives other ports but not to it', async () => {
    const faults = { seed: 1, nat: true, heartbeats: true, mtu: 9000, packets: 900 };
    const { comparison } = await comparedAt(faults, { a: 0.3, b: 0.3 }, 5.4);
    expect(lostOf(comparison)).toBe(0);
    expect(comparison.directions.filter(({ tally }) => tally.receivedOnly > 0)).toEqual([]);
  });

  it('are judged up to three seconds before the earlier end of both', async () => {
    const faults = { seed: 9, packets: 900, loss: 0.3 };
    const whole = await comparedAt(faults, { a: 1, b: 1 }, 1000);
    expect(lostOf(whole.comparison)).toBeGreaterThan(0.7 * whole.truth);
    expect(lostOf(whole.comparison)).toBeLessThan(whole.truth);
    const behind = await comparedAt(faults, { a: 1, b: 0.5 }, 1000);
    expect(lostOf(behind.comparison)).toBeLessThan(0.55 * whole.truth);
    expect(lostOf(behind.comparison)).toBeGreaterThan(0.2 * whole.truth);
    const recent = await comparedAt(faults, { a: 1, b: 1 }, 8);
    expect(lostOf(recent.comparison)).toBeGreaterThan(0);
    expect(lostOf(recent.comparison)).toBeLessThan(0.4 * whole.truth);
  });
});
