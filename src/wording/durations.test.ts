import { describe, expect, it } from 'vitest';
import { durationBetween, durationText, secondsText } from './durations.js';

describe('durations in findings', () => {
  it.each([
    [340e9, '340 s'],
    [99.94e9, '99.9 s'],
    [99.96e9, '100 s'],
    [12.34e9, '12.3 s'],
    [1e9, '1.0 s'],
    [999.6e6, '1.0 s'],
    [210e6, '210 ms'],
    [9.96e6, '10 ms'],
    [2.34e6, '2.3 ms'],
    [36_400, '36 µs'],
    [100, '1 µs'],
    [0, '0 s'],
    [-1, 'an unknown time'],
    [Number.NaN, 'an unknown time'],
  ])('%d ns are %s', (ns, text) => {
    expect(durationText(ns)).toBe(text);
  });

  it('are told of seconds too, and of no two segments', () => {
    expect(secondsText(0.25)).toBe('250 ms');
    expect(durationBetween({ segment: 0, timeNs: 0 }, { segment: 0, timeNs: 5e9 })).toBe('5.0 s');
    expect(durationBetween({ segment: 0, timeNs: 0 }, { segment: 1, timeNs: 5e9 })).toBe('an unknown time');
  });
});
