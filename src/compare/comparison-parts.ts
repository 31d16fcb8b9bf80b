import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { Nanoseconds } from '../units.js';
import type { CommonNumbers, ComparedDirection, Comparison } from './comparison.js';
import type { DirectionTally } from './direction-tally.js';
import { patternOf } from './loss-pattern.js';
import type { Side } from './side.js';

/** First and last frame of a side in the numbering of the comparison; null where it has none. */
export function edgesOf(
  side: Side,
  quality: CaptureQuality,
  numbers: CommonNumbers,
): Comparison['edges'][Side] {
  const first = quality.segments
    .map((_, segment) => quality.window(segment))
    .find((window) => window !== null);
  const windows = quality.segments.flatMap((_, segment) => quality.window(segment) ?? []);
  const last = windows[windows.length - 1];
  if (!first || !last) return null;
  return { first: numbers.shift(side, first.first), last: numbers.shift(side, last.last) };
}

/** What became of a direction. `shiftNs`: what the clock used to join is ahead of the one that was fitted at last. */
export function directionOf(tally: DirectionTally, shiftNs: Nanoseconds): ComparedDirection {
  const { delays, plan } = tally;
  const shift = plan.sender === 'a' ? shiftNs : -shiftNs;
  const delay =
    delays.count === 0
      ? null
      : {
          minNs: delays.minNs + shift,
          medianNs: delays.quantileNs(0.5) + shift,
          p99Ns: delays.quantileNs(0.99) + shift,
          maxNs: delays.maxNs + shift,
        };
  return { plan, tally, pattern: patternOf(tally), delay };
}
