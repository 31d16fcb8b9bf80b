import { describe, expect, it } from 'vitest';
import { connections, isInBucket } from '../../captures/cases/overlay-links.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { runFrames } from '../../test/build/run-capture.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcp from '../tcp/dissector.js';
import correlators from './correlator.js';
import diagnosis from './diagnoses/port-bucket-loss.js';
import dissector from './dissector.js';
import { portBucket } from './port-buckets.js';

async function judge(isLost: (port: number, index: number) => boolean): Promise<Judgement[]> {
  const t = siteTimeline('port-bucket', PUBLIC_SITE, 24);
  connections(t, 60, isLost);
  const parts = { dissectors: [dissector, tcp], correlators: [...correlators, ...tcpCorrelators] };
  return (await runFrames(t.frames(), parts)).judge(diagnosis);
}

const problems = async (isLost: (port: number, index: number) => boolean): Promise<Judgement[]> =>
  (await judge(isLost)).filter(({ result }) => result === 'problem');

describe('underlay.port-bucket-loss', () => {
  it('finds the range of outer source ports whose packets are lost', async () => {
    const [problem] = await problems(isInBucket);
    expect(problem).toMatchObject({
      direction: { from: PUBLIC_SITE.local.address, to: PUBLIC_SITE.peer.address },
      counts: { connections: 60 },
    });
  });

  it.each([
    ['every fifth connection, whatever its port', (_port: number, index: number): boolean => index % 5 === 0],
    ['all of a stretch of time', (_port: number, index: number): boolean => index > 20 && index < 32],
    ['nothing', (): boolean => false],
  ])('is silent where %s is lost', async (_what, isLost) => expect(await problems(isLost)).toEqual([]));
});

describe('portBucket', () => {
  const samples = (isLost: (port: number) => boolean): { port: number; isLost: boolean }[] =>
    Array.from({ length: 64 }, (_, index) => 49_152 + index * 131).map((port) => ({
      port,
      isLost: isLost(port),
    }));

  it('knows a remainder, as the hash of four links leaves it', () => {
    expect(portBucket(samples((port) => port % 4 === 1))).toMatchObject({ kind: 'remainder', a: 4, b: 1 });
  });

  it('gives the probability of any k neighbours among n, for every pattern that was tried', () => {
    const three = [1, 2, 3, 4, 5, 6].map((port) => ({ port, isLost: port <= 3 }));
    expect(portBucket(three)?.chance).toBeCloseTo((4 / 20) * 12, 9);
  });

  it('finds nothing where a packet of the bucket arrives', () => {
    expect(portBucket(samples((port) => port % 4 === 1 && port !== 53_737))?.chance ?? 1).toBeGreaterThan(
      1e-6,
    );
  });
});
