import { describe, expect, it } from 'vitest';
import {
  measureThreads,
  profileDissecting,
  seesThreads,
  shareBelow,
  splitByThread,
} from './thread-clock.mjs';

const node = (id, functionName, children = []) => ({ id, callFrame: { functionName }, children });

describe('the clocks of threads', () => {
  it.skipIf(!seesThreads())('tell a busy worker from a waiting main thread', async () => {
    // Half a second of the processor, however long a busy machine takes to give it.
    const busy =
      'const start = process.cpuUsage(); for (let used = 0; used < 5e5; ) { const { user, system } = process.cpuUsage(start); used = user + system; }';
    const script = `new (require('worker_threads').Worker)(${JSON.stringify(busy)}, { eval: true })`;
    const { cpuSeconds, mainSeconds, otherSeconds } = await measureThreads([process.execPath, '-e', script]);
    expect(otherSeconds).toBeGreaterThan(0.2);
    expect(mainSeconds).toBeLessThan(otherSeconds);
    expect(mainSeconds + otherSeconds).toBeCloseTo(cpuSeconds, 6);
  });

  it('count what no look saw as the main thread', () => {
    const split = splitByThread(
      new Map([
        [10, 1],
        [11, 0.5],
        [12, 0.25],
      ]),
      10,
      2,
    );
    expect(split).toEqual({ cpuSeconds: 2, mainSeconds: 1.25, otherSeconds: 0.75 });
  });
});

describe('the profile of the main thread', () => {
  it('gives the time below a function, of all time that was not idle', () => {
    const nodes = [
      node(1, '(root)', [2, 5, 6]),
      node(2, 'run', [3]),
      node(3, 'dissectChunk', [4]),
      node(4, 'leaf'),
      node(5, '(idle)'),
      node(6, '(garbage collector)'),
    ];
    const profile = { nodes, samples: [2, 3, 4, 5, 6], timeDeltas: [10, 20, 30, 1_000, 40] };
    expect(shareBelow(profile, 'dissectChunk')).toBe(0.5);
    expect(shareBelow(profile, 'nothing')).toBe(0);
    expect(shareBelow({ nodes, samples: [5], timeDeltas: [1] }, 'dissectChunk')).toBe(0);
  });

  it('is taken of a program of this Node only', () => {
    expect(profileDissecting(['capan', 'analyze'])).toBeUndefined();
    const script =
      'function dissectChunk() { const end = Date.now() + 300; while (Date.now() < end); } dissectChunk()';
    expect(profileDissecting([process.execPath, '-e', script])).toBeGreaterThan(0.5);
  });

  it('is refused of a program that fails', () => {
    const failing = [process.execPath, '-e', 'console.error("no such capture"); process.exitCode = 2'];
    expect(() => profileDissecting(failing)).toThrow('no such capture');
  });
});
