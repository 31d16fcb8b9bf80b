import { describe, expect, it } from 'vitest';
import { bestOf, earliestOf, isNonEmpty, latestOf, mapped, mostBy, spanOf } from './moment.js';
import { absoluteNs, nsOfSeconds } from './units.js';

const at = (frame: number) => ({ frame, segment: 0, timeNs: frame * 1e9 });

describe('lists that are not empty', () => {
  it('finds the first of the best, and of the frames the first and the last', () => {
    expect(mostBy([{ n: 1 }, { n: 3 }, { n: 3 }], ({ n }) => n)).toEqual({ n: 3 });
    expect(bestOf([3n, 1n, 2n], (one, best) => one < best)).toBe(1n);
    expect(mapped([1, 2], (one) => one * 2)).toEqual([2, 4]);
    expect(earliestOf([at(3), at(1), at(2)])).toEqual(at(1));
    expect(latestOf([at(1), at(3), at(2)])).toEqual(at(3));
    expect(
      spanOf([
        { first: at(4), last: at(9) },
        { first: at(2), last: at(5) },
      ]),
    ).toEqual({ first: at(2), last: at(9) });
  });

  it('takes an amount that is no number for less than any', () => {
    expect(mostBy([{ n: 1 }, { n: Number.NaN }, { n: 2 }], ({ n }) => n)).toEqual({ n: 2 });
  });

  it('knows an empty list', () => {
    expect(isNonEmpty([])).toBe(false);
    expect(isNonEmpty([1])).toBe(true);
  });
});

describe('times as whole nanoseconds', () => {
  it('are null where there is no time, and fractions are rounded', () => {
    expect(absoluteNs(10n, 2.6)).toBe(13n);
    expect(absoluteNs(10n, Number.NaN)).toBeNull();
    expect(absoluteNs(10n, Number.POSITIVE_INFINITY)).toBeNull();
    expect(nsOfSeconds(1.5)).toBe(1_500_000_000n);
    expect(nsOfSeconds(Number.NaN)).toBe(0n);
  });
});
