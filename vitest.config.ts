import { defineConfig } from 'vitest/config';
import { IS_WHOLE, SAMPLE, SEED } from './test/sampling.js';

/** Measure their own heap, or end processes and threads: each has a process of its own. */
const ALONE = [
  'test/hot-path-allocation.test.ts',
  'test/metamorphic.test.ts',
  'test/pool.test.ts',
  'test/failures.test.ts',
  'test/cli.test.ts',
  'test/processes.test.ts',
  'test/live-rounds.test.ts',
  'bench/*.test.{ts,mjs}',
];
/** Play against the clock of a machine that does other work at the same time: a second that it lost is not ours. */
const LIVE = ['test/live-network.test.ts', 'test/live-both-ends.test.ts'];
const EXCLUDED = ['bench/tmp/**', 'dissectors/_template/**', '**/node_modules/**', 'dist/**'];

// Read once for the run and once for each project.
if (process.env.CAPAN_TEST_SEED_SHOWN === undefined) {
  process.env.CAPAN_TEST_SEED_SHOWN = 'yes';
  const sampled = `Sweeps are sampled: CAPAN_TEST_SEED=${SEED} repeats this choice, npm run test:all runs them whole.`;
  process.stderr.write(`${IS_WHOLE ? `Sweeps run whole: ${SAMPLE}.` : sampled}\n`);
}

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // One more than the cores that a small machine has: several files wait for captures in real time.
    maxWorkers: 3,
    // What a contributor runs again and again starts in half the time.
    experimental: { fsModuleCache: true },
    execArgv: ['--expose-gc'],
    env: { CAPAN_TEST_SEED: String(SEED) },
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['src/**/*.test.ts', 'dissectors/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...EXCLUDED, ...ALONE, ...LIVE],
          // Loading the catalogue anew for each file takes longer than the tests of most files.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'alone', include: ALONE, exclude: EXCLUDED } },
      { extends: true, test: { name: 'live', include: LIVE, exclude: EXCLUDED, retry: 2 } },
    ],
  },
});
