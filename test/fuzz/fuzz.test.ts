import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IS_WHOLE, SAMPLE, SEED, sampleOf } from '../sampling.js';
import { mutations } from './mutations.js';
import { targets } from './targets.js';

/*
 * A short run of each target, from a seed, so that what it finds can be found again; `npm run fuzz -- TARGET` goes on for
 * hours. Before it, what once reached code that nothing else does.
 */

const CORPUS = join(import.meta.dirname, 'corpus');
const RUNS = IS_WHOLE ? 25 : 6;
const TARGETS_IN_SAMPLE = 8;
const CORPUS_IN_SAMPLE = 3;

const byName = new Map(targets.map((target) => [target.name, target]));
const chosen = sampleOf([...byName.keys()], TARGETS_IN_SAMPLE, 'fuzz targets');

describe(`what comes of changed bytes is sound (${SAMPLE})`, () => {
  it('has targets, and all that is kept belongs to one', () => {
    expect(targets.length).toBeGreaterThan(20);
    const kept = existsSync(CORPUS) ? readdirSync(CORPUS, { recursive: true, withFileTypes: true }) : [];
    const folders = kept
      .filter((entry) => entry.isFile())
      .map(({ parentPath }) => parentPath.slice(CORPUS.length + 1));
    expect([...new Set(folders)].filter((name) => !byName.has(name))).toEqual([]);
  });

  it.each(chosen)('%s', { timeout: 300_000 }, async (name) => {
    const target = byName.get(name);
    if (target === undefined) throw new Error(name);
    const folder = join(CORPUS, name);
    const kept = existsSync(folder) ? readdirSync(folder) : [];
    for (const file of sampleOf(kept, CORPUS_IN_SAMPLE, `corpus of ${name}`)) {
      await target.run(readFileSync(join(folder, file)));
    }
    const property = fc.asyncProperty(fc.constantFrom(...target.seeds), mutations, async (seed, changes) => {
      await target.run(await target.input(seed, changes));
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
  });
});
