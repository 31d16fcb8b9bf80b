import type { Moment } from '../moment.js';
import { type Nanoseconds, NS_PER_MILLISECOND, NS_PER_SECOND } from '../units.js';

/** A duration as findings write it: `340 s`, `12.3 s`, `210 ms`, `2.3 ms`, `36 µs`; 'an unknown time' where it is none. */
export function durationText(ns: Nanoseconds): string {
  if (!(ns >= 0)) return 'an unknown time';
  if (ns === 0) return '0 s';
  if (ns >= 0.9995 * NS_PER_SECOND) return rounded(ns / NS_PER_SECOND, 100, 's');
  if (ns >= 0.9995 * NS_PER_MILLISECOND) return rounded(ns / NS_PER_MILLISECOND, 10, 'ms');
  return `${Math.max(1, Math.round((ns * 1000) / NS_PER_MILLISECOND))} µs`;
}

/** Whole from `wholeFrom` on, with one decimal below. */
function rounded(size: number, wholeFrom: number, unit: string): string {
  return `${size.toFixed(size < wholeFrom - 0.05 ? 1 : 0)} ${unit}`;
}

/** As `durationText`. */
export function secondsText(seconds: number): string {
  return durationText(seconds * NS_PER_SECOND);
}

/** As `durationText`; no clock ties the moments of two time segments. */
export function durationBetween(from: Moment, to: Moment): string {
  return durationText(from.segment === to.segment ? to.timeNs - from.timeNs : Number.NaN);
}
