import { describe, expect, it } from 'vitest';
import { SetBacks } from './set-backs.js';

const SPACING_NS = 10e6;

/** Notes times in milliseconds, one record a frame. */
function setBacksOf(times: readonly number[]): SetBacks {
  const setBacks = new SetBacks();
  times.forEach((time, ordinal) => {
    setBacks.note(time * 1e6, ordinal);
  });
  setBacks.end();
  return setBacks;
}

function run(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + (index * SPACING_NS) / 1e6);
}

describe('a clock that is set back', () => {
  it('runs on from the frame before, from the first record after it on', () => {
    const setBacks = setBacksOf([...run(1000, 50), ...run(500, 100)]);
    expect(setBacks.all).toEqual([{ ordinal: 50, shiftNs: 990e6, atNs: 1490e6 }]);
    expect(setBacks.shiftAt(49)).toBe(0);
    expect(setBacks.shiftAt(50)).toBe(990e6);
    expect(setBacks.latestNs).toBe((1490 + 990) * 1e6);
  });

  it('adds up where it is set back again', () => {
    const setBacks = setBacksOf([...run(1000, 50), ...run(500, 50), ...run(200, 50)]);
    expect(setBacks.all.map(({ ordinal }) => ordinal)).toEqual([50, 100]);
    expect(setBacks.shiftAt(120)).toBe(990e6 + 790e6);
  });

  it('is noticed at the end of a capture too, unless one frame alone is behind', () => {
    expect(setBacksOf([...run(1000, 50), ...run(500, 3)]).all).toHaveLength(1);
    expect(setBacksOf([...run(1000, 50), 500]).all).toEqual([]);
  });

  it('is not seen in frames that stand in the wrong order', () => {
    const late = run(1000, 60).flatMap((time, index) => (index % 7 === 3 ? [time, time - 400] : [time]));
    expect(setBacksOf(late).all).toEqual([]);
    const reversed = [...run(1000, 20), ...run(1200, 8).reverse(), ...run(1300, 20)];
    expect(setBacksOf(reversed).all).toEqual([]);
  });

  it('is nothing that frames without a step could show', () => {
    expect(setBacksOf(run(0, 500)).all).toEqual([]);
    expect(setBacksOf([]).latestNs).toBeNaN();
  });
});
