import type { Finding, Report } from '../report/report.js';

/** The time of a picture: seconds from the start of a segment. */
export interface PageClock {
  /** Milliseconds since 1970, null where the capture has no date. */
  readonly startMs: number | null;
  readonly seconds: number;
}

export function segmentClocks(report: Report): PageClock[] {
  const known = report.pictures?.segments ?? [];
  if (known.length > 0) {
    return known.map(({ start, seconds }) => ({
      startMs: start === null ? null : Date.parse(start),
      seconds,
    }));
  }
  const firsts = report.captures.flatMap(({ firstTime }) =>
    firstTime === null ? [] : [Date.parse(firstTime)],
  );
  const lasts = report.captures.flatMap(({ lastTime }) => (lastTime === null ? [] : [Date.parse(lastTime)]));
  if (firsts.length === 0 || lasts.length === 0) return [{ startMs: null, seconds: 0 }];
  const startMs = Math.min(...firsts);
  return [{ startMs, seconds: (Math.max(...lasts) - startMs) / 1000 }];
}

/** Onset and end of a finding in a segment; null where it belongs to another one or has no time. */
export function spanOf(
  finding: Finding,
  clocks: readonly PageClock[],
  segment: number,
): [number, number] | null {
  const clock = clocks[segment];
  if (clock.startMs === null) {
    const times = finding.evidence.flatMap(({ relativeSeconds }) =>
      relativeSeconds === null ? [] : [relativeSeconds],
    );
    if (times.length === 0 || segment !== 0) return null;
    return [Math.min(...times), finding.ongoingAtEnd ? clock.seconds : Math.max(...times)];
  }
  if (finding.first === null) return null;
  const from = (Date.parse(finding.first) - clock.startMs) / 1000;
  if (clocks.length > 1 && (from < -1 || from > clock.seconds + 1)) return null;
  const to =
    finding.ongoingAtEnd || finding.last === null
      ? clock.seconds
      : (Date.parse(finding.last) - clock.startMs) / 1000;
  return [from, Math.max(from, to)];
}

/** "14:30:12.313", or "+12.313 s" where there is no date. */
export function clockText({ startMs }: PageClock, seconds: number, digits = 3): string {
  if (startMs === null) return `+${seconds.toFixed(digits)} s`;
  const time = new Date(startMs + seconds * 1000).toISOString();
  return digits === 0 ? time.slice(11, 19) : time.slice(11, 20 + digits);
}

/** A duration in the unit that suits it. */
export function durationText(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 1e-3) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (size < 1) return `${(seconds * 1e3).toFixed(size < 0.01 ? 2 : 1)} ms`;
  if (size < 120) return `${seconds.toFixed(size < 10 ? 2 : 1)} s`;
  return size < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function timeText(time: string | null): string {
  return time === null ? '' : `${time.slice(0, 10)} ${time.slice(11, 23)}`;
}

export const countText = (count: number): string => count.toLocaleString('en-GB').replace(/,/g, ' ');
