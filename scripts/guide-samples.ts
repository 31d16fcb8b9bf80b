import { readFileSync } from 'node:fs';
import { GUIDE_INPUTS } from './guide-inputs.js';
import type { GuideStatement } from './guide-statements.js';

/** A sample capture, or captures of several points of a path, with the golden report that says the conclusion. */
export interface GuideSample {
  readonly name: string;
  /** In `captures/`. */
  readonly golden: string;
  /** Ids that it shows. */
  readonly must: readonly string[];
}

const CAPTURES = new URL('../captures/', import.meta.url);
const SHOWN_MAX = 3;

function samplesOf(folder: string, golden: (name: string) => string): GuideSample[] {
  const text = readFileSync(new URL(`${folder}expect.json`, CAPTURES), 'utf8');
  const expected = Object.entries(JSON.parse(text) as Record<string, { readonly must: readonly string[] }>);
  return expected.map(([name, { must }]) => ({ name: `${folder}${name}`, golden: golden(name), must }));
}

const SAMPLES: readonly GuideSample[] = [
  ...samplesOf('', (name) => `golden/${name}.json`),
  ...samplesOf('paths/', (name) => `paths/golden/${name}.json`),
];

/** The samples that are named for a row; for the others the first sample of each of its diagnoses, in the order of the row. */
export function samplesShowing({ statement, ids }: GuideStatement): GuideSample[] {
  const named = GUIDE_INPUTS[statement]?.split(' ');
  if (named) return named.map(sampleNamed);
  const found = ids.flatMap((id) => SAMPLES.find(({ must }) => must.includes(id)) ?? []);
  return [...new Set(found)].slice(0, SHOWN_MAX);
}

function sampleNamed(name: string): GuideSample {
  const sample = SAMPLES.find((one) => one.name === name);
  if (!sample) throw new Error(`no sample ${name} in captures/`);
  return sample;
}
