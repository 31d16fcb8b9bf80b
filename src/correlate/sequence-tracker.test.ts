import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NS_PER_MILLISECOND } from '../units.js';
import { SEQUENCE_WINDOW, SequenceTracker } from './sequence-tracker.js';

/** One packet a millisecond. */
function track(sequences: readonly number[]): SequenceTracker {
  const tracker = new SequenceTracker();
  sequences.forEach((sequence, index) => {
    const before = index - 1;
    tracker.observe(
      sequence >>> 0,
      index * NS_PER_MILLISECOND,
      index + 1,
      before * NS_PER_MILLISECOND,
      before + 1,
    );
  });
  return tracker;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

describe('sequence numbers', () => {
  it('counts a stream without gaps', () => {
    expect(track(range(1, 10_000))).toMatchObject({
      distinct: 10_000,
      missing: 0,
      duplicates: 0,
      reordered: 0,
      gapCount: 0,
      first: 1,
      highest: 10_000,
    });
  });

  it('counts what is missing, with the frames before and after', () => {
    const tracker = track([1, 2, 3, 7, 8, 10]);
    expect(tracker).toMatchObject({ distinct: 6, missing: 4, gapCount: 2 });
    expect(tracker.gaps).toMatchObject([
      { sequence: 4, length: 3, missing: 3, beforeFrame: 3, afterFrame: 4 },
      { sequence: 9, length: 1, missing: 1, beforeFrame: 5, afterFrame: 6 },
    ]);
  });

  it('takes late packets for reordered, not for lost', () => {
    const tracker = track([1, 2, 4, 5, 3, 7, 6]);
    expect(tracker).toMatchObject({ missing: 0, reordered: 2, maxExtent: 2, duplicates: 0, gaps: [] });
  });

  it('fills a gap in part', () => {
    expect(track([1, 5, 3]).gaps).toMatchObject([{ sequence: 2, length: 3, missing: 2 }]);
  });

  it('accepts packets from before the first one that was seen, and misses none that may have passed before', () => {
    expect(track([10, 11, 7, 12])).toMatchObject({ distinct: 4, missing: 0, reordered: 1 });
    expect(track([10, 11, 7, 12, 9, 8])).toMatchObject({ distinct: 6, missing: 0, reordered: 3 });
  });

  it('counts repeated numbers', () => {
    expect(track([1, 2, 2, 3, 1])).toMatchObject({ distinct: 3, duplicates: 2, missing: 0 });
  });

  it('tells how late packets are', () => {
    const late = track([
      ...range(1, 9),
      ...range(11, 41),
      10,
      ...range(43, 106),
      42,
      ...range(108, 1131),
      107,
    ]);
    expect(late).toMatchObject({
      reordered: 3,
      late32: 2,
      late64: 2,
      late1024: 1,
      maxExtent: 1024,
      missing: 0,
    });
  });

  it('goes on across 2^32 without a loss', () => {
    expect(track([0xfffffffe, 0xffffffff, 0, 1, 3])).toMatchObject({ distinct: 5, missing: 1, wraps: 1 });
  });

  it('knows a sender that begins anew from duplicates', () => {
    expect(track([...range(1, 500), ...range(1, 300)])).toMatchObject({
      restarts: 1,
      distinct: 800,
      duplicates: 0,
      missing: 0,
      highest: 300,
    });
    expect(track([...range(9000, 9500), ...range(1, 300)])).toMatchObject({ restarts: 1, missing: 0 });
    expect(track([...range(1, 500), ...range(200, 300)])).toMatchObject({ restarts: 0, duplicates: 101 });
  });

  it('does not take a block that arrives late for a new beginning', () => {
    const blocks = [...range(1, 10), ...range(61, 120), ...range(11, 60)];
    expect(track(blocks)).toMatchObject({ restarts: 0, missing: 0, reordered: 50 });
  });

  it('does not take a jump of the sender for loss', () => {
    expect(track([...range(1, 100), ...range(2 ** 30, 2 ** 30 + 50)])).toMatchObject({
      jumps: 1,
      missing: 0,
    });
  });

  it('claims no large gap where times are unknown', () => {
    const tracker = new SequenceTracker();
    tracker.observe(1, Number.NaN, 1, Number.NaN, 0);
    tracker.observe(100_000, Number.NaN, 2, Number.NaN, 1);
    expect(tracker).toMatchObject({ jumps: 1, missing: 0 });
  });

  it('keeps the first and the largest gaps', () => {
    const sequences = range(1, 400).map((index) => index * 2);
    const tracker = track([...sequences, 1000, 1001]);
    expect(tracker.gapCount).toBe(400);
    expect(tracker.gaps.length).toBe(64);
    expect(tracker.gaps[0].sequence).toBe(3);
    expect(tracker.gaps.at(-1)).toMatchObject({ sequence: 801, missing: 199 });
  });

  it('agrees with a list of everything seen, whatever is lost, late or repeated', () => {
    const arrivals = fc.array(
      fc.record({ step: fc.integer({ min: 1, max: 6 }), late: fc.integer({ min: 0, max: 40 }) }),
      {
        minLength: 1,
        maxLength: 400,
      },
    );
    fc.assert(
      fc.property(arrivals, (steps) => {
        let at = 100;
        const sequences = steps.map(({ step, late }) => {
          at += step;
          return late > 30 ? at - (late - 28) : at;
        });
        const seen = new Set(sequences);
        const span = Math.max(...sequences) - sequences[0] + 1;
        const sinceFirst = [...seen].filter((sequence) => sequence >= sequences[0]);
        const tracker = track(sequences);
        expect(tracker.restarts).toBe(0);
        expect(tracker.distinct).toBe(seen.size);
        expect(tracker.duplicates).toBe(sequences.length - seen.size);
        expect(tracker.missing).toBe(span - sinceFirst.length);
        expect(tracker.gaps.length).toBeLessThanOrEqual(64);
      }),
    );
  });

  it('never throws and never counts below zero on hostile numbers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 300 }),
        (sequences) => {
          const tracker = track(sequences);
          expect(tracker.missing).toBeGreaterThanOrEqual(0);
          expect(tracker.distinct).toBeGreaterThan(0);
          expect(tracker.maxExtent).toBeLessThan(SEQUENCE_WINDOW);
        },
      ),
    );
  });
});
