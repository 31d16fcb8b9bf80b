import { describe, expect, it } from 'vitest';
import type { CaptureQuality } from '../correlate/capture-quality.js';
import { presentNs, presentOf, qualityAt } from './live-quality.js';

const SECOND = 1e9;
const lastFrame = { frame: 9, segment: 0, timeNs: 5 * SECOND };
const known = {
  segments: [{ baseNs: 0n, captureIndex: 0, clock: 'absolute', openedBy: 'start' }],
  silences: [],
  pauses: [],
  window: (segment: number) =>
    segment === 0 ? { first: { frame: 1, segment: 0, timeNs: 0 }, last: lastFrame } : null,
  secondsToEnd: () => 1,
} as unknown as CaptureQuality;

describe('the present', () => {
  it('is the last packet, until its margin has passed; then monotonic time counts on', () => {
    expect(presentNs(5 * SECOND, 0, 2)).toBe(5 * SECOND);
    expect(presentNs(5 * SECOND, 2000, 2)).toBe(5 * SECOND);
    expect(presentNs(5 * SECOND, 3500, 2)).toBe(6.5 * SECOND);
    expect(presentNs(5 * SECOND, 3500, 22)).toBe(5 * SECOND);
  });

  it('is unknown before a timed packet', () => {
    expect(presentOf({ ...known, window: () => null }, 10, 2)).toBe(null);
    expect(presentOf(known, Number.NaN, 2)).toBe(null);
  });
});

describe('the capture at the present', () => {
  it('goes on although no packet comes, and says that all fell silent', () => {
    const quality = qualityAt(known, presentOf(known, 12_000, 2), true);
    expect(quality.window(0)?.last).toEqual({ ...lastFrame, timeNs: 15 * SECOND });
    expect(quality.secondsToEnd({ segment: 0, timeNs: 4 * SECOND })).toBe(11);
    expect(quality.silences).toEqual([{ segment: 0, fromNs: 5 * SECOND, toNs: 15 * SECOND }]);
    expect(quality.isRunning).toBe(true);
  });

  it('is as it was while packets come', () => {
    expect(qualityAt(known, presentOf(known, 100, 2), false)).toBe(known);
  });
});
