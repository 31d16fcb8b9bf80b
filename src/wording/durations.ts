import type { Moment } from '../moment.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';

/** A duration in words of at most two significant decimals: `41.2 s`, `0.3 ms`. */
export function durationWords(from: Moment, to: Moment): string {
  const seconds = (to.timeNs - from.timeNs) / NS_PER_SECOND;
  if (from.segment !== to.segment || !(seconds >= 0)) return 'an unknown time';
  return seconds >= 0.1 || seconds === 0 ? `${seconds.toFixed(1)} s` : `${(seconds * 1000).toFixed(2)} ms`;
}

/** `12.3 s`, `0.25 s`. */
export function secondsText(seconds: number): string {
  return `${seconds >= 10 ? seconds.toFixed(1) : Number(seconds.toPrecision(2))} s`;
}

/** Of a period: `1.00 s`, `250 ms`. */
export function intervalText(interval: Nanoseconds): string {
  const seconds = interval / NS_PER_SECOND;
  return seconds >= 0.9995
    ? `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`
    : `${(seconds * 1000).toFixed(0)} ms`;
}
