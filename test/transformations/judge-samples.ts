import { describe, expect, it } from 'vitest';
import { SAMPLE, sampleOf } from '../sampling.js';
import type { KnownViolation } from './known-violation.js';
import { healthyTraces, type Sample, SHARED, SHIPPED, sharedMissing, traceOf } from './samples.js';
import { dressedAs, randomOf, type Trace, type Transformation } from './trace.js';
import { reportOf, type Violation, violationsOf } from './verdict.js';

/* One suite over captures: each in some other dresses, or in all of them where sweeps run whole. */

/** In a sample: captures that ship, dresses of each; of the larger ones of real tunnels, one in one dress. */
const SHIPPED_IN_SAMPLE = 5;
const DRESSES_IN_SAMPLE = 4;
const SHARED_IN_SAMPLE = 1;
const SHARED_DRESSES_IN_SAMPLE = 1;

let healthy: Promise<readonly Trace[]> | null = null;

/** Registers the tests of those transformations; of the known violations those that are theirs. */
export function judgeSamples(
  transformations: readonly Transformation[],
  known: readonly KnownViolation[],
): void {
  const name = transformations.map((one) => one.name).join();
  const nameOf = (sample: Sample): string => sample.name;
  const shipped = sampleOf(SHIPPED, SHIPPED_IN_SAMPLE, name, nameOf);
  const shared = sampleOf(SHARED, SHARED_IN_SAMPLE, name, nameOf);
  const dressesOf = (sample: Sample): readonly Transformation[] => {
    const count = SHIPPED.includes(sample) ? DRESSES_IN_SAMPLE : SHARED_DRESSES_IN_SAMPLE;
    return sampleOf(transformations, count, sample.name, (one) => one.name);
  };

  describe(`captures in another dress (${SAMPLE})`, () => {
    it.each(shipped)('$name', (sample) => judge(sample, dressesOf(sample), known));
  });
  describe.skipIf(shared.length === 0)(
    `captures of real tunnels in another dress (${sharedMissing ?? SAMPLE})`,
    () => {
      it.each(shared)('$name', { timeout: 120_000 }, (sample) => judge(sample, dressesOf(sample), known));
    },
  );
}

async function judge(
  { name, path }: Sample,
  transformations: readonly Transformation[],
  known: readonly KnownViolation[],
): Promise<void> {
  healthy ??= healthyTraces();
  const trace = await traceOf(path);
  if (trace.frames.length === 0) return;
  const dressed = dressedAs(trace.frames, trace.linkType);
  const before = { dressed, report: await reportOf(dressed) };
  const found: string[] = [];
  const expected: string[] = [];
  for (const transformation of transformations) {
    // The seed of a run draws captures and dresses; a dress is the same on every day.
    const random = randomOf(1, `${name} ${transformation.name}`);
    const other = transformation.apply(trace, { random, healthy: await healthy });
    if (typeof other === 'string') continue;
    const after = { dressed: other, report: await reportOf(other) };
    const violations = violationsOf(before, after, transformation);
    const excused = known.filter(
      (one) => one.captures.includes(name) && one.in.includes(transformation.name),
    );
    expected.push(...excused.map(({ id }) => `${transformation.name}: ${id}`));
    found.push(...violations.map((one) => told(transformation, one, excused)));
  }
  // What is known and violates no longer must leave the list.
  expect([...new Set(found)].sort()).toEqual([...new Set(expected)].sort());
}

function told({ name }: Transformation, violation: Violation, excused: readonly KnownViolation[]): string {
  const { kind, id, detail } = violation;
  const isKnown = excused.some((one) => one.id === id);
  return isKnown ? `${name}: ${id}` : `${name}: ${kind} ${id}: ${detail}`;
}
