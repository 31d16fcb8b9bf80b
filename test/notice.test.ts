import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const read = (name: string): string => readFileSync(resolve(import.meta.dirname, '..', name), 'utf8');

/** Needed to build alone, and shipped: each page of a report holds them. */
const IN_THE_PAGE = ['preact', 'uplot', '@dagrejs/dagre', '@dagrejs/graphlib'];

it('names every package that is shipped or loaded, as the lock file has it (npm run docs)', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { version?: string; dev?: boolean }>;
  };
  const shipped = Object.entries(lock.packages)
    .map(([path, { version, dev }]) => ({ name: path.replace(/^.*node_modules\//, ''), version, dev }))
    .filter(({ name, dev }) => name !== '' && (dev !== true || IN_THE_PAGE.includes(name)))
    .map(({ name, version }) => `${name} ${version}`);
  const named = [...read('NOTICE').matchAll(/^ {2}(\S+ \S+): \S/gm)].map(([, name]) => name);
  expect(named).toEqual([...new Set(shipped)].sort());
});
