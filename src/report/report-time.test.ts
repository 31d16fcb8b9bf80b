import { describe, expect, it } from 'vitest';
import { brokenReport } from '../../test/hand-made-reports.js';
import { formatRelative, parseTimeNs, reportClock } from './report-time.js';

describe('reportClock', () => {
  const clock = reportClock(brokenReport().captures);

  it('gives times of day with milliseconds, and another date where it is another', () => {
    expect(clock.date).toBe('2024-05-01');
    expect(clock.timeOfDay('2024-05-01T12:00:31.123456789Z')).toBe('12:00:31.123');
    expect(clock.timeOfDay('2024-05-02T00:00:00.5Z')).toBe('2024-05-02 00:00:00.500');
    expect(clock.timeOfDay(null)).toBe('');
  });

  it('counts seconds from the first frame of a capture', () => {
    expect(clock.relativeSeconds('2024-05-01T12:00:31.123456789Z', 0)).toBe(31.123456789);
    expect(clock.relativeSeconds('2024-05-01T11:59:59Z', 0)).toBe(-1);
    expect(clock.relativeSeconds('2024-05-01T12:00:31Z', 7)).toBeNull();
    expect(clock.relativeSeconds(null, 0)).toBeNull();
  });
});

describe('parseTimeNs', () => {
  it('is exact to the nanosecond', () => {
    expect(parseTimeNs('2024-05-01T12:00:00.123456789Z')).toBe(1_714_564_800_123_456_789n);
    expect(parseTimeNs('1969-12-31T23:59:59.999999999Z')).toBe(-1n);
  });

  it('is null for anything else', () => {
    expect(parseTimeNs('2024-05-01 12:00')).toBeNull();
    expect(parseTimeNs('2024-99-01T12:00:00Z')).toBeNull();
  });
});

describe('formatRelative', () => {
  it('shows its sign', () => {
    expect(formatRelative(31.1234)).toBe('+31.123 s');
    expect(formatRelative(-0.5)).toBe('-0.500 s');
  });
});
