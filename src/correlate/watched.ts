import type { Moment } from '../moment.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import type { CaptureQuality } from './capture-quality.js';
import type { CapturePause } from './pauses.js';

/*
 * Silence is evidence only while the capture ran. What follows measures time by the frames that prove it, so that a
 * rule with a timer judges a pause (see PauseTracker) like the end of the capture.
 */

type Watch = Pick<CaptureQuality, 'pauses' | 'secondsToEnd'>;

/**
 * Seconds from the moment on in which an answer could not have been missed: to the first pause, or to the end of the
 * time segment. 0 where the moment has no time.
 */
export function secondsToPause(quality: Watch, moment: Moment): number {
  const pause = pauseAfter(quality, moment);
  if (pause === null) return quality.secondsToEnd(moment);
  return Math.max(0, pause.fromNs - moment.timeNs) / NS_PER_SECOND;
}

/**
 * Seconds from the moment to the end of its time segment in which the capture ran: for how long a stream that ought to
 * go on was watched.
 */
export function watchedSecondsAfter(quality: Watch, moment: Moment): number {
  const toEnd = quality.secondsToEnd(moment);
  if (!(toEnd > 0)) return 0;
  const end = { segment: moment.segment, timeNs: moment.timeNs + toEnd * NS_PER_SECOND };
  return watchedNsBetween(quality, moment, end) / NS_PER_SECOND;
}

/** The first pause that ends after the moment, in its time segment; or null. */
export function pauseAfter(
  { pauses }: Pick<Watch, 'pauses'>,
  { segment, timeNs }: Moment,
): CapturePause | null {
  const pause = pauses[firstEndingAfter(pauses, { segment, timeNs })];
  return pause?.segment === segment ? pause : null;
}

/** The last pause that ends at the moment or before it, in its time segment; or null. */
export function pauseBefore({ pauses }: Pick<Watch, 'pauses'>, moment: Moment): CapturePause | null {
  const pause = pauses[firstEndingAfter(pauses, moment) - 1];
  return pause?.segment === moment.segment ? pause : null;
}

/** Nanoseconds between two moments of a time segment in which the capture ran: pauses count nothing. */
export function watchedNsBetween({ pauses }: Pick<Watch, 'pauses'>, from: Moment, to: Moment): Nanoseconds {
  let watchedNs = to.timeNs - from.timeNs;
  for (let at = firstEndingAfter(pauses, from); at < pauses.length; at++) {
    const { segment, fromNs, toNs } = pauses[at];
    if (segment !== from.segment || fromNs >= to.timeNs) break;
    watchedNs -= Math.min(toNs, to.timeNs) - Math.max(fromNs, from.timeNs);
  }
  return watchedNs;
}

/** As `watchedNsBetween`, in seconds. */
export function watchedSecondsBetween(quality: Pick<Watch, 'pauses'>, from: Moment, to: Moment): number {
  return watchedNsBetween(quality, from, to) / NS_PER_SECOND;
}

/** Whether the capture ran all the time between two moments, so that what is not in it did not pass. */
export function isWatched({ pauses }: Pick<Watch, 'pauses'>, from: Moment, to: Moment): boolean {
  const pause = pauses[firstEndingAfter(pauses, from)];
  return pause === undefined || pause.segment !== from.segment || pause.fromNs >= to.timeNs;
}

/** Why numbers that are missing across a pause prove no loss, and what would. */
export function unwatchedLossReason(missing: string, receiver: string): string {
  return (
    `${missing} are missing where the capture holds no frame at all for a while: they were lost, or the capture did not ` +
    `run; capture at ${receiver} without a break, with other traffic of that host: host ${receiver} or arp.`
  );
}

/** Longest stretch between two moments without any frame, of those that are kept (100 ms at least): for tight timers. */
export function longestSilenceNs(
  { silences }: Pick<CaptureQuality, 'silences'>,
  from: Moment,
  to: Moment,
): Nanoseconds {
  let longest = 0;
  for (const { segment, fromNs, toNs } of silences) {
    if (segment !== from.segment) continue;
    longest = Math.max(longest, Math.min(toNs, to.timeNs) - Math.max(fromNs, from.timeNs));
  }
  return longest;
}

function firstEndingAfter(pauses: readonly CapturePause[], { segment, timeNs }: Moment): number {
  let low = 0;
  let high = pauses.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const pause = pauses[middle];
    const endsAfter = pause.segment > segment || (pause.segment === segment && pause.toNs > timeNs);
    if (endsAfter) high = middle;
    else low = middle + 1;
  }
  return low;
}
