import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'dissectors/**/*.test.ts', 'test/**/*.test.ts', 'bench/*.test.{ts,mjs}'],
    exclude: ['bench/tmp/**', 'dissectors/_template/**', '**/node_modules/**', 'dist/**'],
    testTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['--expose-gc'],
  },
});
