import { describe, expect, it } from 'vitest';
import { PAUSE_NEIGHBOURS, PAUSE_SECONDS_MAX, PauseTracker } from './pauses.js';
import {
  isWatched,
  pauseAfter,
  pauseBefore,
  secondsToPause,
  watchedSecondsAfter,
  watchedSecondsBetween,
} from './watched.js';

/** Pauses, as [from, to] in seconds, of a capture with frames at these seconds. */
function pausesOf(times: readonly number[]): [number, number][] {
  const tracker = new PauseTracker();
  times.forEach((at, frame) => {
    if (frame > 0) tracker.note(0, times[frame - 1] * 1e9, at * 1e9, frame);
  });
  return tracker.pauses().map(({ fromNs, toNs }) => [fromNs / 1e9, toNs / 1e9]);
}

const every = (seconds: number, count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, index) => from + index * seconds);

describe('a pause', () => {
  it('stands out from the gaps around it, whatever the distance', () => {
    expect(pausesOf([0, 1, 2, 8, 9])).toEqual([[2, 8]]);
    expect(pausesOf([0, 1, 2, 7, 8])).toEqual([]);
    expect(pausesOf([...every(1, 40), ...every(1, 40, 7200)])).toEqual([[39, 7200]]);
    expect(pausesOf([...every(4, 40), ...every(4, 40, 171)])).toEqual([[156, 171]]);
  });

  it('is not the beat of a quiet link, nor a timer that backs off', () => {
    expect(pausesOf(every(30, 50))).toEqual([]);
    expect(pausesOf([0, 1, 3, 7, 15, 31, 63])).toEqual([]);
    expect(pausesOf([0, 0.01, 30, 30.01, 60, 60.01])).toEqual([]);
  });

  it('is any gap of more than ten minutes', () => {
    expect(pausesOf(every(PAUSE_SECONDS_MAX + 1, 3))).toHaveLength(2);
    expect(pausesOf(every(PAUSE_SECONDS_MAX, 3))).toEqual([]);
  });

  it('is compared with the frames next to it alone', () => {
    const bursts = [0, 1, 2].flatMap((burst) => every(0.01, PAUSE_NEIGHBOURS + 2, burst * 60));
    expect(pausesOf(bursts)).toHaveLength(2);
  });

  it('stays one where more frames come after it, however the capture ends', () => {
    const times = [...every(1, 10), ...every(1, 100, 600)];
    for (const count of [11, 20, 60, 110]) expect(pausesOf(times.slice(0, count))).toEqual([[9, 600]]);
  });
});

describe('watched time', () => {
  const at = (seconds: number, segment = 0) => ({ segment, timeNs: seconds * 1e9 });
  const quality = {
    pauses: [
      { segment: 0, fromNs: 10e9, toNs: 20e9 },
      { segment: 0, fromNs: 50e9, toNs: 80e9 },
      { segment: 1, fromNs: 5e9, toNs: 15e9 },
    ],
    secondsToEnd: ({ segment, timeNs }: { segment: number; timeNs: number }) =>
      (segment === 0 ? 100 : 30) - timeNs / 1e9,
  };

  it('ends for an answer at the first pause', () => {
    expect(secondsToPause(quality, at(4))).toBe(6);
    expect(secondsToPause(quality, at(10))).toBe(0);
    expect(secondsToPause(quality, at(20))).toBe(30);
    expect(secondsToPause(quality, at(80))).toBe(20);
    expect(secondsToPause(quality, at(0, 1))).toBe(5);
  });

  it('adds up without the pauses for what ought to go on', () => {
    expect(watchedSecondsAfter(quality, at(4))).toBe(56);
    expect(watchedSecondsAfter(quality, at(80))).toBe(20);
    expect(watchedSecondsBetween(quality, at(15), at(60))).toBe(30);
    expect([isWatched(quality, at(20), at(50)), isWatched(quality, at(20), at(50.5))]).toEqual([true, false]);
  });

  it('knows the pauses next to a moment', () => {
    expect(pauseBefore(quality, at(20))?.toNs).toBe(20e9);
    expect(pauseBefore(quality, at(1, 1))).toBeNull();
    expect(pauseAfter(quality, at(90))).toBeNull();
  });
});
