import { createHash } from 'node:crypto';

/*
 * Sweeps over everything that ships take minutes. `npm test` runs a sample of each, chosen by a seed that it prints;
 * `npm run test:all` runs those files again, with CAPAN_TEST_ALL=1: whole, or with CAPAN_TEST_PART=4 one of four parts,
 * another one each day.
 */

/** CAPAN_TEST_SEED; without it the day in UTC as 20261130, so that everybody has the same sample on one day. */
export const SEED: number = seedOf(process.env.CAPAN_TEST_SEED);

export const IS_WHOLE: boolean = process.env.CAPAN_TEST_ALL === '1';

/** CAPAN_TEST_PART: of so many parts the one of the day that the seed names. */
const PARTS: number = Number(process.env.CAPAN_TEST_PART ?? 1);
const PART: number = SEED % PARTS;

/** For the names of sampled suites: what a failure needs to be repeated. */
export const SAMPLE: string = nameOfSample();

function nameOfSample(): string {
  if (!IS_WHOLE) return `sample of CAPAN_TEST_SEED=${SEED}`;
  return PARTS === 1 ? 'all' : `CAPAN_TEST_PART=${PARTS} CAPAN_TEST_SEED=${SEED}`;
}

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
  if (cases.length <= count) return cases;
  if (IS_WHOLE) return partOf(cases, (one) => `${sweep} ${nameOf(one)}`);
  const lot = (one: Case): string =>
    createHash('sha256')
      .update(`${SEED} ${sweep} ${nameOf(one)}`)
      .digest('hex');
  const drawn = cases.map((one) => ({ one, lot: lot(one) })).sort((a, b) => (a.lot < b.lot ? -1 : 1));
  const chosen = new Set(drawn.slice(0, count).map(({ one }) => one));
  return cases.filter((one) => chosen.has(one));
}

/** One of the parts, which are the same whatever the day, so that each case has its turn; at least one case. */
function partOf<Case>(cases: readonly Case[], nameOf: (one: Case) => string): readonly Case[] {
  if (PARTS === 1) return cases;
  const parts = Math.min(PARTS, cases.length);
  const lot = (one: Case): string => createHash('sha256').update(nameOf(one)).digest('hex');
  const drawn = cases.map((one) => ({ one, lot: lot(one) })).sort((a, b) => (a.lot < b.lot ? -1 : 1));
  const chosen = new Set(drawn.filter((_, index) => index % parts === PART % parts).map(({ one }) => one));
  return cases.filter((one) => chosen.has(one));
}

/** Settings of a property of fast-check: `runs` where all is run, a quarter of them in a sample. */
export function propertyRuns(runs: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: IS_WHOLE ? runs : Math.ceil(runs / 4), seed: SEED };
}
