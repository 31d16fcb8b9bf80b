import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { propertyRuns } from '../../../test/sampling.js';
import { BIN_NS_MIN, BINS, TimeBins } from './time-bins.js';

/** Values by number of the bin, as a picture would show them. */
function valuesOf({ binNs, first, used, columns: [sums, least, largest] }: TimeBins): unknown {
  const values = Array.from({ length: used }, (_, at) => [first + at, sums[at], least[at], largest[at]]);
  return { binNs, values: values.filter(([, sum]) => sum !== 0) };
}

function binsOf(times: readonly number[]): TimeBins {
  const bins = new TimeBins(0, ['sum', 'least', 'largest']);
  for (const time of times) put(bins, time);
  return bins;
}

function put(bins: TimeBins, time: number): void {
  const at = bins.binOf(time);
  const [sums, least, largest] = bins.columns;
  sums[at]++;
  least[at] = Math.min(least[at], time);
  largest[at] = Math.max(largest[at], time);
}

const someTimes = fc.array(fc.integer({ min: -5, max: 3000 }), { minLength: 1, maxLength: 60 }).map((units) =>
  // From before the base to far beyond the first width.
  units.map((unit) => unit * BIN_NS_MIN * 0.7),
);

describe('bins over time', () => {
  it('hold the same whatever the order of the values', () => {
    fc.assert(
      fc.property(someTimes, (times) => {
        const sorted = [...times].sort((a, b) => a - b);
        expect(valuesOf(binsOf(times))).toEqual(valuesOf(binsOf(sorted)));
        expect(valuesOf(binsOf(sorted.reverse()))).toEqual(valuesOf(binsOf(times)));
      }),
      propertyRuns(200),
    );
  });

  it('hold every value in the bin of its time, in bounded space', () => {
    fc.assert(
      fc.property(someTimes, (times) => {
        const bins = binsOf(times);
        const [sums] = bins.columns;
        expect(sums.reduce((sum, value) => sum + value, 0)).toBe(times.length);
        expect(bins.first + bins.used).toBeLessThanOrEqual(BINS);
        for (const time of times) {
          const at = bins.binOf(time);
          expect(at).toBeGreaterThanOrEqual(0);
          expect(bins.columns[1][at]).toBeLessThanOrEqual(time);
          expect(bins.columns[2][at]).toBeGreaterThanOrEqual(time);
        }
      }),
      propertyRuns(200),
    );
  });

  it('add up to what one series of all values holds', () => {
    fc.assert(
      fc.property(someTimes, someTimes, (some, more) => {
        const sum = binsOf(some);
        sum.add(binsOf(more));
        expect(valuesOf(sum)).toEqual(valuesOf(binsOf([...some, ...more])));
      }),
      propertyRuns(200),
    );
  });

  it('have no place for what has no time', () => {
    expect(new TimeBins(0, ['sum']).binOf(Number.NaN)).toBe(-1);
  });
});
