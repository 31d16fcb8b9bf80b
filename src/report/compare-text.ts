import { formatCount } from './quantity.js';
import type { CompareDirection, CompareSection, Report } from './report.js';

/*
 * The comparison of two ends in words, for the text and Markdown forms.
 */

export const DIRECTION_HEADINGS = ['from', 'to', 'sender', 'sent', 'arrived', 'lost', 'delay median / p99'];

/** `B is 3.217001 s ahead of A, ± 0.002 ms; skew 0.1 ppm.` */
export function clockText({ clock }: CompareSection): string {
  const { offsetSeconds, halfWidthSeconds, skewPpm, steps } = clock;
  if (offsetSeconds === null) return 'not known: no packet is in both captures.';
  const way = offsetSeconds >= 0 ? 'ahead of' : 'behind';
  const amount = `B is ${Math.abs(offsetSeconds).toFixed(6)} s ${way} A`;
  if (clock.given) return `${amount}, as given with --offset.`;
  if (clock.oneWay || halfWidthSeconds === null)
    return `${amount} at most by what is left of the delay: packets were matched in one direction only, so delays count from the least.`;
  const skew = skewPpm === null || Math.abs(skewPpm) < 0.05 ? '' : `; skew ${skewPpm.toFixed(1)} ppm`;
  const stepped = steps.map(
    ({ time, seconds }) => ` Step of ${seconds.toFixed(6)} s${time === null ? '' : ` at ${time}`}.`,
  );
  return `${amount}, ± ${durationText(halfWidthSeconds)} (half the best round trip)${skew}.${stepped.join('')}`;
}

/** The row of a direction; further numbers are in `remarksOf`. */
export function directionCells(direction: CompareDirection): string[] {
  const { delaySeconds: delay, lost, matched } = direction;
  const percent = lost === 0 ? '' : ` (${((100 * lost) / (lost + matched)).toFixed(1)} %)`;
  const delays = delay ? [delay.median, delay.p99].map((one) => durationText(one)).join(' / ') : 'not known';
  return [
    direction.from,
    direction.to,
    direction.sender.toUpperCase(),
    formatCount(direction.sent),
    formatCount(direction.matched),
    `${formatCount(lost)}${percent}`,
    delays,
  ];
}

/** What the table leaves out of a direction: nothing that was counted goes unsaid. */
export function remarksOf(direction: CompareDirection): string[] {
  const { notComparable } = direction;
  const counts: [number, string][] = [
    [direction.duplicated, 'arrived twice'],
    [direction.reordered, 'arrived after one sent later'],
    [direction.recut, 'arrived in other pieces (fragments, segmentation offload)'],
    [direction.modified, 'arrived changed'],
    [direction.receivedOnly, 'are in the capture of the receiver only'],
    [notComparable.outsideWindow, 'left outside the time of the other capture'],
    [notComparable.snaplen, 'were cut too short to compare'],
    [notComparable.captureLoss, 'arrived but are missing in the capture there'],
    [notComparable.captureFilter, 'are hidden by the filter of the other capture'],
  ];
  return counts.filter(([count]) => count > 0).map(([count, words]) => `${formatCount(count)} ${words}`);
}

/** Directions worth a row: those with traffic, lossy ones first. */
export function directionsShown({ compare }: Report, most: number): readonly CompareDirection[] {
  const directions = [...(compare?.directions ?? [])];
  return directions.sort((a, b) => b.lost - a.lost || b.sent - a.sent).slice(0, most);
}

/** `0.012 ms`, `3.2 s`; '?' where it is not known. */
export function durationText(seconds: number | null): string {
  if (seconds === null) return '?';
  const absolute = Math.abs(seconds);
  if (absolute < 1e-3) return `${(seconds * 1e6).toFixed(absolute < 1e-5 ? 1 : 0)} us`;
  if (absolute < 1) return `${(seconds * 1e3).toFixed(absolute < 0.1 ? 2 : 1)} ms`;
  return `${seconds.toFixed(3)} s`;
}
