import type { CaptureSummary, Finding } from './report.js';

const RFC_3339_UTC = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/;

/** A time of the report as people read it: the date once in the head, times of day after that. */
export interface Clock {
  /** Date that needs no repetition, `YYYY-MM-DD`, or null where no capture has one. */
  readonly date: string | null;
  /** "12:00:31.123" with milliseconds, or with its date where that is another one; "" for null. */
  timeOfDay(time: string | null): string;
  /** Seconds from the first frame of a capture, or null where either has no time. */
  relativeSeconds(time: string | null, capture: number): number | null;
}

export function reportClock(captures: readonly CaptureSummary[]): Clock {
  const firstTimes = captures.flatMap((capture) => (capture.firstTime === null ? [] : [capture.firstTime]));
  const date = firstTimes.length === 0 ? null : (firstTimes.sort()[0] ?? '').slice(0, 10);
  return {
    date,
    timeOfDay: (time) => (time === null ? '' : timeOfDay(time, date)),
    relativeSeconds(time, capture) {
      const start = captures[capture]?.firstTime ?? null;
      if (time === null || start === null) return null;
      const timeNs = parseTimeNs(time);
      const startNs = parseTimeNs(start);
      return timeNs === null || startNs === null ? null : Number(timeNs - startNs) / 1e9;
    },
  };
}

/** Nanoseconds since 1970 of an RFC 3339 time in UTC, or null where it is none. */
export function parseTimeNs(time: string): bigint | null {
  const match = RFC_3339_UTC.exec(time);
  if (match === null) return null;
  const [, date, clock, fraction = ''] = match;
  const milliseconds = Date.parse(`${date}T${clock}Z`);
  if (Number.isNaN(milliseconds)) return null;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** "+31.123 s". */
export function formatRelative(seconds: number): string {
  return `${seconds < 0 ? '-' : '+'}${Math.abs(seconds).toFixed(3)} s`;
}

/** The onset of a finding: by the clock where there is one, else from the first piece of evidence. */
export function onset(finding: Finding, clock: Clock): { time: string; relativeSeconds: number | null } {
  const first = finding.evidence[0];
  if (finding.first === null) return { time: '', relativeSeconds: first?.relativeSeconds ?? null };
  return {
    time: clock.timeOfDay(finding.first),
    relativeSeconds: clock.relativeSeconds(finding.first, first?.capture ?? 0),
  };
}

/** "12:00:31.123", with its date in front where that is not the known one. */
export function timeOfDay(time: string, knownDate: string | null): string {
  const match = RFC_3339_UTC.exec(time);
  if (match === null) return time;
  const [, date, clock, fraction = ''] = match;
  const text = `${clock}.${fraction.padEnd(3, '0').slice(0, 3)}`;
  return date === knownDate ? text : `${date} ${text}`;
}
