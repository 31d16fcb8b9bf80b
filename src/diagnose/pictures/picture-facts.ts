import type {
  ExchangePicture,
  FatePicture,
  FragmentPicture,
  SequencePicture,
} from '../../correlate/pictures/picture.js';
import type { TimeBins } from '../../correlate/pictures/time-bins.js';
import type { Pictures } from '../../report/report.js';
import { captureIndexOf, frameNumberOf, type Nanoseconds, NS_PER_SECOND } from '../../units.js';

/** Null where there is no time. */
export function secondsOf(timeNs: Nanoseconds): number | null {
  return Number.isFinite(timeNs) ? timeNs / NS_PER_SECOND : null;
}

export function sequenceOf(picture: SequencePicture): Pictures['sequences'][number] {
  const { protocol, from, to, key, bins, gaps, missing } = picture;
  return {
    protocol,
    from,
    to,
    key: protocol === 'esp' ? `0x${key.toString(16).padStart(8, '0')}` : key === 0 ? null : String(key),
    segment: bins.segment,
    binSeconds: bins.binNs / NS_PER_SECOND,
    ranges: rangesOf(bins, 2, (value) => value),
    missing,
    gaps: gaps.map(({ sequence, missing: numbers, fromNs, toNs }) => ({
      sequence,
      missing: numbers,
      from: secondsOf(fromNs),
      to: secondsOf(toNs),
    })),
  };
}

export function exchangeOf(picture: ExchangePicture): Pictures['exchanges'][number] {
  const { protocol, low, high, lowPort, highPort, segment, messages, leftOut, leftOutAfter } = picture;
  const ends: [string, string] = [endOf(low, lowPort), endOf(high, highPort)];
  const lastOf = [0, 1].map((direction) =>
    messages.findLastIndex((message) => message.direction === direction),
  );
  return {
    protocol,
    ends,
    segment,
    messages: messages.map((message, index) => ({
      from: message.direction === 0 ? 0 : 1,
      capture: captureIndexOf(message.frame),
      frame: frameNumberOf(message.frame),
      at: secondsOf(message.timeNs),
      label: message.label,
      ...(message.times > 1 ? { times: message.times, until: secondsOf(message.lastNs) } : {}),
      ...(message.isRepeated ? { again: true as const } : {}),
      ...((message.asks || message.isRepeated) &&
      lastOf[1 - message.direction] < index &&
      isSilentAfter(messages, message)
        ? { unanswered: true as const }
        : {}),
    })),
    ...(leftOut > 0 ? { leftOut: { after: leftOutAfter, messages: leftOut } } : {}),
  };
}

/** A message that stands for several may have been answered in between. */
function isSilentAfter(
  messages: ExchangePicture['messages'],
  { direction, frame }: ExchangePicture['messages'][number],
): boolean {
  return !messages.some((other) => other.direction !== direction && other.lastFrame > frame);
}

function endOf(address: string, port: number): string {
  if (port === 0) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export function sizesOf({
  protocol,
  from,
  to,
  segment,
  classBytes,
  passed,
  lost,
}: FatePicture): Pictures['sizes'][number] {
  const classes = passed.flatMap((packets, index) =>
    packets + lost[index] === 0
      ? []
      : [
          {
            fromBytes: index * classBytes,
            toBytes: (index + 1) * classBytes - 1,
            passed: packets,
            lost: lost[index],
          },
        ],
  );
  return { protocol, from, to, segment, classes };
}

export function roundTripOf({ protocol, from, to, roundTrips }: FatePicture): Pictures['roundTrips'][number] {
  const [, , sum, count] = roundTrips.columns;
  const ranges = rangesOf(roundTrips, 3, (value) => value / NS_PER_SECOND);
  return {
    protocol,
    from,
    to,
    segment: roundTrips.segment,
    binSeconds: roundTrips.binNs / NS_PER_SECOND,
    ranges,
    means: ranges.map(([bin]) => {
      const at = bin - roundTrips.first;
      return Math.round(sum[at] / count[at]) / NS_PER_SECOND;
    }),
  };
}

export function fragmentsOf(picture: FragmentPicture): Pictures['fragments'][number] {
  const { from, to, identification, segment, pieces, length } = picture;
  return {
    from,
    to,
    identification,
    segment,
    length,
    pieces: pieces.map((piece) => ({
      capture: captureIndexOf(piece.frame),
      frame: frameNumberOf(piece.frame),
      at: secondsOf(piece.timeNs),
      offset: piece.offset,
      length: piece.length,
    })),
  };
}

/** Bins that have a value. `count`: the column that says how many. */
export function rangesOf(
  { columns, first, used }: TimeBins,
  count: number,
  unit: (value: number) => number,
): [number, number, number, number][] {
  const [least, largest] = columns;
  const ranges: [number, number, number, number][] = [];
  for (let at = 0; at < used; at++) {
    const values = columns[count][at];
    if (values > 0) ranges.push([first + at, unit(least[at]), unit(largest[at]), values]);
  }
  return ranges;
}
