import type { CaptureQuality, Window } from '../correlate/capture-quality.js';
import type { Nanoseconds, SegmentIndex } from '../units.js';

/** A packet may be this late on its way from the kernel to the rules. */
export const ARRIVAL_MARGIN_SECONDS = 2;
/** Shorter silences are of no interest to a rule about absence. */
const SILENCE_MIN_NS = 100_000_000;

/**
 * What a live capture knows of the present: the time of the last packet, plus the monotonic time since it arrived, less
 * a margin for packets on their way; never before the last packet. The time during which the host was suspended does
 * not count.
 */
export function presentNs(
  lastPacketNs: Nanoseconds,
  sinceArrivalMs: number,
  marginSeconds: number,
): Nanoseconds {
  const sinceNs = sinceArrivalMs * 1e6 - marginSeconds * 1e9;
  return sinceNs > 0 ? lastPacketNs + sinceNs : lastPacketNs;
}

/** The present in the time segment of the last packet, or null before the first timed packet. */
export interface Present {
  readonly segment: SegmentIndex;
  readonly lastPacketNs: Nanoseconds;
  readonly nowNs: Nanoseconds;
}

export function presentOf(
  quality: CaptureQuality,
  sinceArrivalMs: number,
  marginSeconds: number,
): Present | null {
  const segment = quality.segments.length - 1;
  const lastPacketNs = quality.window(segment)?.last.timeNs;
  if (lastPacketNs === undefined || Number.isNaN(lastPacketNs) || Number.isNaN(sinceArrivalMs)) return null;
  return { segment, lastPacketNs, nowNs: presentNs(lastPacketNs, sinceArrivalMs, marginSeconds) };
}

/**
 * The capture as it stands now: it goes on to the present, although its last packet came earlier.
 * @param isRunning false for the final report.
 */
export function qualityAt(
  known: CaptureQuality,
  present: Present | null,
  isRunning: boolean,
): CaptureQuality {
  const quality = isRunning ? { ...known, isRunning } : known;
  if (present === null || present.nowNs <= present.lastPacketNs) return quality;
  const { segment, lastPacketNs, nowNs } = present;
  const isSilence = nowNs - lastPacketNs >= SILENCE_MIN_NS;
  return {
    ...quality,
    // Nothing came from anybody: whether a flow or the capture fell silent is for the rules to weigh.
    silences: isSilence
      ? [...quality.silences, { segment, fromNs: lastPacketNs, toNs: nowNs }]
      : quality.silences,
    window(wanted): Window | null {
      const window = quality.window(wanted);
      if (wanted !== segment || window === null) return window;
      return { first: window.first, last: { ...window.last, timeNs: nowNs } };
    },
    secondsToEnd(moment): number {
      if (moment.segment !== segment) return quality.secondsToEnd(moment);
      return nowNs > moment.timeNs ? (nowNs - moment.timeNs) / 1e9 : 0;
    },
  };
}
