import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SequenceRanges } from './sequence-ranges.js';

const range = fc.record({ from: fc.integer({ min: 0, max: 200 }), length: fc.integer({ min: 1, max: 30 }) });

describe('bytes of a stream', () => {
  it('are held exactly where they were added, also where their numbers wrap', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 30 }), range, fc.boolean(), (added, asked, wraps) => {
        const ranges = new SequenceRanges();
        const start = wraps ? 2 ** 32 - 100 : 1000;
        const known = new Set<number>();
        for (const { from, length } of added) {
          ranges.add((start + from) >>> 0, length);
          for (let at = 0; at < length; at++) known.add(from + at);
        }
        const all = Array.from({ length: asked.length }, (_, at) => known.has(asked.from + at));
        expect(ranges.holds((start + asked.from) >>> 0, asked.length)).toBe(all.every(Boolean));
      }),
    );
  });

  it('of the latest 256 ranges are kept', () => {
    const ranges = new SequenceRanges();
    for (let index = 0; index < 300; index++) ranges.add(index * 10, 5);
    expect(ranges.holds(0, 5)).toBe(false);
    expect(ranges.holds(2990, 5)).toBe(true);
    expect(ranges.holds(440, 5)).toBe(true);
  });
});
