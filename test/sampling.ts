import { createHash } from 'node:crypto';

/*
 * Sweeps over everything that ships take minutes. `npm test` runs a sample of each, chosen by a seed that it prints;
 * `npm run test:all` runs those files again, with CAPAN_TEST_ALL=1: whole.
 */

/** CAPAN_TEST_SEED; without it the day in UTC as 20261130, so that everybody has the same sample on one day. */
export const SEED: number = seedOf(process.env.CAPAN_TEST_SEED);

export const IS_WHOLE: boolean = process.env.CAPAN_TEST_ALL === '1';

/** For the names of sampled suites: what a failure needs to be repeated. */
export const SAMPLE: string = IS_WHOLE ? 'all' : `sample of CAPAN_TEST_SEED=${SEED}`;

function seedOf(text: string | undefined): number {
  if (!text) return Number(new Date().toISOString().slice(0, 10).replaceAll('-', ''));
  const seed = Number(text);
  if (!Number.isSafeInteger(seed)) throw new Error(`CAPAN_TEST_SEED is no whole number: ${text}`);
  return seed;
}

/**
 * At most `count` of the cases, in their own order. Each sweep passes its own `sweep`, or all would see the same cases.
 * A case is drawn by its name, so a case that is added takes the place of one other and leaves the rest of a seed alone.
 */
export function sampleOf<Case>(
  cases: readonly Case[],
  count: number,
  sweep: string,
  nameOf: (one: Case) => string = String,
): readonly Case[] {
  if (IS_WHOLE || cases.length <= count) return cases;
  const lot = (one: Case): string =>
    createHash('sha256')
      .update(`${SEED} ${sweep} ${nameOf(one)}`)
      .digest('hex');
  const drawn = cases.map((one) => ({ one, lot: lot(one) })).sort((a, b) => (a.lot < b.lot ? -1 : 1));
  const chosen = new Set(drawn.slice(0, count).map(({ one }) => one));
  return cases.filter((one) => chosen.has(one));
}

/** Settings of a property of fast-check: `runs` where all is run, a quarter of them in a sample. */
export function propertyRuns(runs: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: IS_WHOLE ? runs : Math.ceil(runs / 4), seed: SEED };
}
