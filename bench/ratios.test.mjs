import { describe, expect, it } from 'vitest';
import { markdownTable, ratioOf, spreadOf, spreadText } from './ratios.mjs';

const byRound = (...walls) => new Map(walls.map((wallSeconds, index) => [index + 1, { wallSeconds }]));

describe('ratios', () => {
  it('are taken round by round, so that a slow minute falls on both', () => {
    expect(ratioOf(byRound(2, 20, 3), byRound(1, 10, 2), 'wallSeconds')).toEqual({
      min: 1.5,
      median: 2,
      max: 2,
      rounds: 3,
    });
  });

  it('leave out rounds in which the reference did not run, or took no measurable time', () => {
    expect(ratioOf(byRound(2, 4, 6), byRound(1, 0), 'wallSeconds')).toEqual({
      min: 2,
      median: 2,
      max: 2,
      rounds: 1,
    });
    expect(ratioOf(byRound(2), byRound(), 'wallSeconds')).toBeUndefined();
  });

  it('have the mean of the middle two as the median of an even number', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4, rounds: 4 });
  });

  it('are written with the figures that a noisy machine can support', () => {
    expect(spreadText({ min: 0.0678, median: 0.999, max: 123.4, rounds: 3 })).toBe('0.068 / 1.00 / 123');
    expect(spreadText(undefined)).toBe('–');
  });
});

describe('a table', () => {
  it('pads columns to the widest cell', () => {
    expect(
      markdownTable([
        ['a', 'long'],
        ['wider', 'b'],
      ]),
    ).toBe('| a     | long |\n|-------|------|\n| wider | b    |');
  });
});
