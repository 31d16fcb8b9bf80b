import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { propertyRuns } from '../../test/sampling.js';
import { SequenceHoles } from './sequence-holes.js';

describe('holes in a sequence of bytes', () => {
  it('give back when they were opened, once, and keep what is not filled', () => {
    const holes = new SequenceHoles();
    holes.add(100, 400, 7);
    expect(holes.fill(200, 300)).toBe(7);
    expect(holes.fill(200, 300)).toBeUndefined();
    expect(holes.fill(100, 200)).toBe(7);
    expect(holes.fill(300, 400)).toBe(7);
    expect(holes.fill(0, 1000)).toBeUndefined();
  });

  it('reach across the end of the numbers', () => {
    const holes = new SequenceHoles();
    holes.add(0xffff_ff00, 0x100, 3);
    expect(holes.fill(0xffff_fff0, 0x10)).toBe(3);
    expect(holes.fill(0x20, 0x30)).toBe(3);
  });

  it('hold sixteen, and lose the oldest', () => {
    const holes = new SequenceHoles();
    for (let at = 0; at < 20; at++) holes.add(at * 10, at * 10 + 5, at);
    expect(holes.fill(30, 35)).toBeUndefined();
    expect(holes.fill(40, 45)).toBe(4);
    expect(holes.fill(190, 195)).toBe(19);
  });

  it('fill as a list of intervals does', () => {
    const bytes = fc.integer({ min: 0, max: 60 });
    const step = fc.tuple(fc.boolean(), bytes, fc.integer({ min: 1, max: 20 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const holes = new SequenceHoles();
        const list: { from: number; to: number; opened: number }[] = [];
        for (const [at, [isFill, from, length]] of steps.entries()) {
          const to = from + length;
          if (!isFill) {
            holes.add(from, to, at);
            list.push({ from, to, opened: at });
          } else {
            const filled = list.find((hole) => from < hole.to && to > hole.from);
            expect(holes.fill(from, to)).toBe(filled?.opened);
            if (filled) {
              list.splice(list.indexOf(filled), 1);
              if (from > filled.from) list.push({ ...filled, to: from });
              if (to < filled.to) list.push({ ...filled, from: to });
            }
          }
          if (list.length > 16) list.shift();
        }
      }),
      propertyRuns(200),
    );
  });
});
