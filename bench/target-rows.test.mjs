import { describe, expect, it } from 'vitest';
import { judgeComparison } from './compare-row.mjs';
import { judgeHostile } from './hostile-row.mjs';
import { isFlat } from './peak-memory-row.mjs';
import { PLOT_ROWS, pointsOf } from './plot-rows.mjs';
import { verdictOf } from './row-session.mjs';
import { stagesOf } from './serial-share-row.mjs';
import { differencesOf } from './steady-row.mjs';
import { ROWS } from './target-rows.mjs';

const spread = (min, median, max) => ({ min, median, max, rounds: 3 });

describe('the table of targets', () => {
  it('has a name of its own for every row', () => {
    const names = [...ROWS, ...PLOT_ROWS].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('never passes a scaled capture off as the one of the target', () => {
    const [row] = ROWS;
    expect(verdictOf(true, row, 1)).toBe('met');
    expect(verdictOf(false, row, 1)).toBe('**missed**');
    expect(verdictOf(true, row, 0.1)).toBe('met at scale 0.1, which does not count');
    expect(verdictOf(undefined, row, 1)).toBe('not judged');
    expect(verdictOf(undefined, PLOT_ROWS[0], 1)).toBe('no target');
    const startUp = ROWS.find(({ name }) => name === 'start-up');
    expect(verdictOf(true, startUp, 0.1)).toBe('met');
  });
});

describe('the steady state', () => {
  it('is what the further frames take, round by round', () => {
    const of = (...seconds) => ({
      measured: new Map(seconds.map((cpuSeconds, at) => [at + 1, { cpuSeconds }])),
    });
    expect(differencesOf([of(1, 2), of(5, 8)])).toEqual([4, 6]);
  });
});

describe('peak memory', () => {
  it('is bounded by its largest value, and as large for ten times the capture', () => {
    expect(isFlat([spread(90, 100, 110), spread(100, 109, 115)], 120, 1.1)).toBe(true);
    expect(isFlat([spread(90, 100, 121), spread(100, 109, 115)], 120, 1.1)).toBe(false);
    expect(isFlat([spread(90, 100, 110), spread(100, 111, 115)], 120, 1.1)).toBe(false);
    expect(isFlat([spread(90, 100, 110), spread(80, 89, 115)], 120, 1.1)).toBe(false);
  });
});

describe('comparing', () => {
  const direction = { lost: 3, notComparable: { captureLoss: 1, outsideWindow: 0 } };
  const report = {
    captures: [{ frames: 10 }, { frames: 6 }],
    errors: [],
    compare: { directions: [direction] },
  };
  const run = { ratio: spread(1.5, 1.9, 2.1), peaks: spread(3e8, 4e8, 5e8), limit: 2, limitBytes: 5e8 };

  it('is fast enough by the median, within the memory by the largest value', () => {
    expect(judgeComparison(report, run)).toEqual({
      measured: '1.50 / 1.90 / 2.10, 500 MB, losses exact',
      met: true,
    });
    expect(judgeComparison(report, { ...run, limit: 1.8 }).met).toBe(false);
    expect(judgeComparison(report, { ...run, limitBytes: 4e8 }).met).toBe(false);
  });

  it('has to find what the other end lacks', () => {
    const wrong = judgeComparison({ ...report, captures: [{ frames: 10 }, { frames: 7 }] }, run);
    expect(wrong.met).toBe(false);
    expect(wrong.measured).toContain('4 lost packets told of 3');
  });
});

describe('hostile captures', () => {
  const report = { captures: [{ frames: 10 }], errors: [], summarised: [{ what: 'flows', count: 3 }] };
  const run = { frames: 10, peakBytes: 5e6, limitBytes: 6e6, isScaled: false };

  it('are survived within the bound, with a word about what was summarised', () => {
    expect(judgeHostile(report, run)).toEqual({
      measured: 'finishes, 5 MB, says what it summarised',
      met: true,
    });
    expect(judgeHostile(report, { ...run, peakBytes: 7e6 }).met).toBe(false);
  });

  it('are not survived where frames were not read, errors occurred, or nothing is said', () => {
    expect(judgeHostile(report, { ...run, frames: 11 })).toMatchObject({ met: false });
    expect(judgeHostile({ ...report, errors: [{}] }, run)).toMatchObject({ met: false });
    expect(judgeHostile({ ...report, summarised: undefined }, run)).toMatchObject({ met: false });
  });

  it('are not judged where a scaled one leaves nothing to summarise', () => {
    const silent = { ...report, summarised: undefined };
    expect(judgeHostile(silent, { ...run, isScaled: true }).met).toBeUndefined();
    expect(judgeHostile(silent, { ...run, isScaled: true, peakBytes: 7e6 }).met).toBe(false);
  });
});

describe('the serial share', () => {
  it('is the main thread without the dissection that it takes over', () => {
    const run = { wallSeconds: 2, cpuSeconds: 4, mainSeconds: 2, otherSeconds: 2, aloneSeconds: 3 };
    expect(stagesOf(run, 0.25)).toMatchObject({
      serialSeconds: 1.5,
      parallelSeconds: 2.5,
      serialShare: 0.375,
      gain: 1.5,
    });
  });
});

describe('plots', () => {
  it('draw the median of a variant, and its spread', () => {
    const measured = [
      { line: 'a', x: 1, runs: [{ s: 3 }, { s: 1 }, { s: 2 }] },
      { line: 'b', x: 1, runs: [{ s: 9 }] },
    ];
    expect(pointsOf(measured, 'a', ({ s }) => s)).toEqual([{ x: 1, y: 2, low: 1, high: 3 }]);
  });
});
