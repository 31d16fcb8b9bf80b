import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const read = (name: string): string => readFileSync(resolve(import.meta.dirname, '..', name), 'utf8');

it('names every package that is shipped or loaded, as the lock file has it (npm run docs)', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { version?: string; dev?: boolean }>;
  };
  const shipped = Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`);
  const named = [...read('NOTICE').matchAll(/^ {2}(\S+ \S+): \S/gm)].map(([, name]) => name);
  expect(named).toEqual([...new Set(shipped)].sort());
});
