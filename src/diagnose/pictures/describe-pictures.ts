import type { CaptureQuality } from '../../correlate/capture-quality.js';
import type { FrameBins } from '../../correlate/pictures/frame-bins.js';
import type { Picture, RatePicture } from '../../correlate/pictures/picture.js';
import { BIN_NS_MIN, BINS, TimeBins } from '../../correlate/pictures/time-bins.js';
import type { Finding, Pictures, Tunnel } from '../../report/report.js';
import { type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../../units.js';
import { CaptureClock } from '../clock.js';
import { PictureChoice } from './picture-choice.js';
import { exchangeOf, fragmentsOf, roundTripOf, secondsOf, sequenceOf, sizesOf } from './picture-facts.js';

/** Tunnels whose rates are listed. */
const TUNNELS_MAX = 100;

/** What a run leaves for pictures. */
export interface PictureSource {
  readonly pictures: readonly Picture[];
  readonly frameBins: FrameBins;
  readonly quality: CaptureQuality;
}

/** What the report's pictures are drawn from: rates of the first tunnels, and for each finding what shows it. */
export function describePictures(
  { pictures, frameBins, quality }: PictureSource,
  tunnels: readonly Tunnel[],
  findings: readonly Finding[],
): Pictures {
  const choice = new PictureChoice(pictures);
  const shows: Pictures['shows'] = {};
  for (const finding of findings) {
    const shown = choice.show(finding, tunnels);
    if (Object.keys(shown).length > 0) shows[finding.key] = shown;
  }
  const binNs = quality.segments.map((_, segment) => commonBin(quality, frameBins, segment));
  return {
    segments: segmentsOf(quality),
    frames: frameBins.segments.flatMap((bins, segment) => framesOf(bins, binNs[segment])),
    rates: ratesOf(pictures, tunnels.slice(0, TUNNELS_MAX), binNs),
    sequences: choice.sequences.map(sequenceOf),
    exchanges: choice.exchanges.map(exchangeOf),
    sizes: choice.sizes.map(sizesOf),
    roundTrips: choice.roundTrips.map(roundTripOf),
    fragments: choice.fragments.map(fragmentsOf),
    shows,
  };
}

function segmentsOf(quality: CaptureQuality): Pictures['segments'] {
  const clock = new CaptureClock(quality.captures, quality.segments);
  return quality.segments.map((_, segment) => ({
    start: clock.rfc3339({ segment, timeNs: 0 }),
    seconds: secondsOf(quality.window(segment)?.last.timeNs ?? 0) ?? 0,
    pauses: quality.pauses
      .filter((pause) => pause.segment === segment)
      .map(({ fromNs, toNs }) => ({ from: fromNs / NS_PER_SECOND, to: toNs / NS_PER_SECOND })),
  }));
}

/** The width that all series of a segment share: that of its last frame. */
function commonBin(quality: CaptureQuality, frameBins: FrameBins, segment: SegmentIndex): Nanoseconds {
  const lastNs = quality.window(segment)?.last.timeNs ?? 0;
  let binNs = frameBins.segments[segment]?.binNs ?? BIN_NS_MIN;
  while (lastNs >= binNs * BINS) binNs *= 2;
  return binNs;
}

function framesOf(bins: TimeBins, binNs: Nanoseconds): Pictures['frames'] {
  if (bins.used === 0) return [];
  bins.widenTo(binNs);
  const [packets, bytes, cut] = valuesOf(bins);
  return [
    {
      segment: bins.segment,
      binSeconds: bins.binNs / NS_PER_SECOND,
      first: bins.first,
      packets,
      bytes,
      ...(cut.some((frames) => frames > 0) ? { cut } : {}),
    },
  ];
}

function ratesOf(
  pictures: readonly Picture[],
  tunnels: readonly Tunnel[],
  binNs: readonly Nanoseconds[],
): Pictures['rates'] {
  const lanes = pictures.filter((one): one is RatePicture => one.picture === 'rate');
  return tunnels.flatMap((tunnel) =>
    tunnel.directions.flatMap((direction) => {
      const own = lanes.filter((lane) => isOfDirection(lane, tunnel, direction));
      const bySegment = new Map<SegmentIndex, TimeBins>();
      for (const { bins } of own) {
        const sum = bySegment.get(bins.segment) ?? new TimeBins(bins.segment, ['sum', 'sum']);
        sum.add(bins);
        bySegment.set(bins.segment, sum);
      }
      return [...bySegment.values()]
        .sort((a, b) => a.segment - b.segment)
        .map((bins) => {
          bins.widenTo(binNs[bins.segment]);
          const [packets, bytes] = valuesOf(bins);
          const { from, to } = direction;
          const { segment, first } = bins;
          const binSeconds = bins.binNs / NS_PER_SECOND;
          return { tunnel: tunnel.id, from, to, segment, binSeconds, first, packets, bytes };
        });
    }),
  );
}

/** Tunnels with several keys, or an address that was translated, have several lanes. */
function isOfDirection(
  lane: RatePicture,
  tunnel: Tunnel,
  { from, to }: Tunnel['directions'][number],
): boolean {
  if (lane.tunnelKind !== tunnel.kind || !isOfKey(lane.key, tunnel.key)) return false;
  const aliases = Array.isArray(tunnel.translatedAddresses) ? tunnel.translatedAddresses : [];
  const isFrom = lane.from === from;
  const isTo = lane.to === to;
  if (isFrom && isTo) return true;
  return (isFrom && aliases.includes(lane.to)) || (isTo && aliases.includes(lane.from));
}

function isOfKey(lane: number | null, key: Tunnel['key']): boolean {
  if (lane === null || key === undefined) return true;
  const keys = [key].flat();
  return keys.every((one) => typeof one === 'string') || keys.some((one) => Number(one) === lane);
}

/** By column the bins from the first to the last that has anything. */
function valuesOf({ columns, used }: TimeBins): number[][] {
  return columns.map((column) => [...column.subarray(0, used)]);
}
