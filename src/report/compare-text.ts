import { counted, formatCount } from './quantity.js';
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
    [
      notComparable.renumbered ?? 0,
      'belong to connections whose TCP numbers are rewritten by an unknown amount',
    ],
    [notComparable.crowded ?? 0, 'could not be waited for: more packets were on their way than are kept'],
  ];
  return counts.filter(([count]) => count > 0).map(([count, words]) => `${formatCount(count)} ${words}`);
}

const CHANGES_SHOWN = 12;
const FRAMES_SHOWN = 2;

/** What the path changed in the packets of a direction, field by field, and what of it is not known. */
export function changesOf({ sender, changes = [], changesUnread: unread }: CompareDirection): string[] {
  const [own, other] = sender === 'a' ? ['A', 'B'] : ['B', 'A'];
  const lines = changes.slice(0, CHANGES_SHOWN).map(({ field, from, to, packets, frames }) => {
    const values = from === null || to === null ? 'other values' : `${from} -> ${to}`;
    const cited = frames
      .slice(0, FRAMES_SHOWN)
      .map(({ sent, received }) => `frame ${sent} of ${own} is ${received} of ${other}`);
    return `${field}: ${values} in ${counted(packets, 'packet')} (${cited.join(', ')})`;
  });
  if (changes.length > CHANGES_SHOWN)
    lines.push(`${counted(changes.length - CHANGES_SHOWN, 'more change')}, see --format json`);
  if (!unread) return lines;
  const counts: [number, string][] = [
    [unread.notAgain, 'changed in fields that are not available from a pipe or a live capture'],
    [unread.bound, 'changed too, beyond those that were looked at one by one'],
    [unread.notCaptured, 'changed in bytes that were not captured or not kept'],
    [unread.otherFields, 'changed in still other fields'],
  ];
  for (const [count, words] of counts) if (count > 0) lines.push(`${counted(count, 'packet')} ${words}`);
  return lines;
}

/** What the path rewrites in whole flows. */
export function rewrittenOf({ rewritten = [] }: CompareSection): string[] {
  return rewritten.map(({ what, a, b, flows }) => {
    const hosts = a === b ? a : `${a} at A, ${b} at B`;
    switch (what) {
      case 'scion-hops':
        return `SCION hops: ${a} at A is ${b} at B (${counted(flows, 'flow')}); every router puts its own addresses on the packet`;
      case 'ip-identifications':
        return `IP identifications are rewritten: ${hosts}`;
      case 'tcp-options':
        return `TCP options are rewritten in ${counted(flows, 'connection')}: ${hosts}`;
      default:
        return `TCP sequence numbers are rewritten by a constant in ${counted(flows, 'connection')}: ${hosts}`;
    }
  });
}

/** Directions worth a row: those with traffic, lossy ones first. */
export function directionsShown({ compare }: Report, most: number): readonly CompareDirection[] {
  const directions = [...(compare?.directions ?? [])];
  return directions.sort((a, b) => b.lost - a.lost || b.sent - a.sent).slice(0, most);
}

/** `0.012 ms`, `3.2 s`; '?' where it is not known. */
function durationText(seconds: number | null): string {
  if (seconds === null) return '?';
  const absolute = Math.abs(seconds);
  if (absolute < 1e-3) return `${(seconds * 1e6).toFixed(absolute < 1e-5 ? 1 : 0)} us`;
  if (absolute < 1) return `${(seconds * 1e3).toFixed(absolute < 0.1 ? 2 : 1)} ms`;
  return `${seconds.toFixed(3)} s`;
}
