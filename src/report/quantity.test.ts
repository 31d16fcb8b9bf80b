import { describe, expect, it } from 'vitest';
import { counted, formatBytes, formatCount, formatDuration } from './quantity.js';

describe('quantities', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [31_530, '31.5 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [4.2e18, '4200 PB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0, '0 s'],
    [0.0312, '0.031 s'],
    [71.04, '71 s'],
    [302, '5m02s'],
    [3599.6, '1h00m'],
    [86_399, '1d00h'],
    [187_200, '2d04h'],
  ])('%d seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it('groups digits and agrees in number', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect(counted(1, 'check')).toBe('1 check');
    expect(counted(0, 'entry', 'entries')).toBe('0 entries');
  });
});
