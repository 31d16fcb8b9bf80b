import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writePcap } from '../../test/build/capture-file.js';
import { clockSet } from '../../test/build/capture-views.js';
import { alarmsOf, answersOf, compareFiles, truthsOf } from '../../test/build/compare-ends.js';
import { type PathFaults, twoEnds } from '../../test/build/two-ends.js';
import { propertyRuns } from '../../test/sampling.js';

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const settings = propertyRuns(20);
const nanoseconds = { nanoseconds: true };
/** Alarms of a healthy path whose captures have a clock that is set: they speak of the clock. */
const CLOCK_ALARMS = ['time.capture-skew', 'capture.time-anomaly'];

type Answers = ReturnType<typeof answersOf>;

/** Packets that are lost just where the clock is set by much may be left out. */
function expectLosses(said: Answers, truth: Answers, leftOutMax: number): void {
  for (const way of ['forward', 'backward'] as const) {
    const { lost, notComparable, ...rest } = said[way];
    expect({ ...rest, lost: lost + notComparable, notComparable: 0 }).toEqual(truth[way]);
    expect(notComparable).toBeLessThanOrEqual(leftOutMax);
  }
}

describe('a clock that is set while the captures run', () => {
  it('is told as a step, and nothing is lost by it', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.constantFrom('a', 'b'),
        fc.constantFrom(-7200, -60, -9, -2.5, -0.4, -0.15, 0.05, 0.4, 2.5, 9, 60, 7200),
        fc.constantFrom(0, 0.1),
        fc.constantFrom(0, 3600),
        fc.integer({ min: -80, max: 80 }),
        async (seed, side, seconds, loss, offsetSeconds, skewPpm) => {
          const ends = twoEnds({ seed, packets: 600, loss, offsetSeconds, skewPpm });
          const set = clockSet(Math.floor(ends[side].length / 2), seconds);
          const [a, b] = (['a', 'b'] as const).map((one) =>
            writePcap(one === side ? set(ends[one]) : ends[one], nanoseconds),
          );
          const report = await compareFiles([a], [b]);
          expectLosses(answersOf(report), truthsOf(ends), Math.abs(seconds) > 1 ? 2 : 0);
          const steps = report.compare?.clock.steps ?? [];
          expect(steps.length).toBe(1);
          const truth = side === 'b' ? seconds : -seconds;
          expect(Math.abs(steps[0].seconds - truth)).toBeLessThan(0.02);
          if (loss === 0) expect(alarmsOf(report).filter((id) => !CLOCK_ALARMS.includes(id))).toEqual([]);
        },
      ),
      settings,
    );
  });

  it('is not suspected where the path grows longer or shorter', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.constantFrom(0.02, 0.1, 0.8),
        fc.constantFrom('forward', 'backward', 'both'),
        fc.boolean(),
        fc.constantFrom(0, 0.1),
        fc.integer({ min: -80, max: 80 }),
        async (seed, detourSeconds, way, isLonger, loss, skewPpm) => {
          const extra: PathFaults['extraDelay'] = (seconds, isForward) =>
            seconds > 6 === isLonger && (way === 'both' || isForward === (way === 'forward'))
              ? detourSeconds
              : 0;
          const ends = twoEnds({ seed, packets: 600, loss, extraDelay: extra, skewPpm, offsetSeconds: -40 });
          const report = await compareFiles(
            [writePcap(ends.a, nanoseconds)],
            [writePcap(ends.b, nanoseconds)],
          );
          expect(answersOf(report)).toEqual(truthsOf(ends));
          expect(report.compare?.clock.steps).toEqual([]);
          if (loss === 0) expect(alarmsOf(report)).toEqual([]);
        },
      ),
      settings,
    );
  });
});
