import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { Citation, FrameRef, Moment } from '../moment.js';
import { frameId, frameNumberOf } from '../units.js';

/** The subject of a finding about one input file, or about all of them where no index is given. */
export function captureSubject(
  { captures }: CaptureQuality,
  index?: number,
): { kind: 'capture'; file?: string } {
  const facts = index === undefined || captures.length === 1 ? undefined : captures[index];
  return facts ? { kind: 'capture', file: facts.file } : { kind: 'capture' };
}

export interface Span {
  readonly first: Moment;
  readonly last: Moment;
}

const UNTIMED: Moment = { segment: 0, timeNs: Number.NaN };

/** First and last timed frame of a file, or of the whole run; NaN where nothing has a time. */
export function captureSpan(quality: CaptureQuality, index?: number): Span {
  const facts = index === undefined ? undefined : quality.captures[index];
  if (facts && index !== undefined) {
    return {
      first: momentIn(quality, index, facts.firstTimeNs),
      last: momentIn(quality, index, facts.lastTimeNs),
    };
  }
  const windows = quality.segments.flatMap((_, segment) => quality.window(segment) ?? []);
  return { first: windows[0]?.first ?? UNTIMED, last: windows.at(-1)?.last ?? UNTIMED };
}

/** A time of a file, in the latest segment that was open in the file and holds it. */
function momentIn({ segments }: CaptureQuality, index: number, timeNs: bigint | null): Moment {
  if (timeNs === null) return UNTIMED;
  const segment = segments.findLastIndex(
    ({ captureIndex, baseNs }) => captureIndex <= index && baseNs <= timeNs,
  );
  return segment < 0 ? UNTIMED : { segment, timeNs: Number(timeNs - segments[segment].baseNs) };
}

/** The last frame of a file, at the time of the last one that has any. Null where it has none. */
export function lastFrameOf(quality: CaptureQuality, index: number): FrameRef | null {
  const count = quality.captures[index]?.frames ?? 0;
  if (count === 0) return null;
  return { ...captureSpan(quality, index).last, frame: frameId(index, count) };
}

/** Display filter for the cited frames; citations are never more than ten. */
export function framesFilter(evidence: readonly Citation[]): string {
  const numbers = [...new Set(evidence.map(({ frame }) => frameNumberOf(frame)))].sort((a, b) => a - b);
  const [only] = numbers;
  if (only === undefined) return 'frame';
  return numbers.length === 1 ? `frame.number == ${only}` : `frame.number in {${numbers.join(', ')}}`;
}

/** Name of the file of a capture for a sentence: empty where there is only one. */
export function inFile({ captures }: CaptureQuality, index: number): string {
  const facts = captures.length > 1 ? captures[index] : undefined;
  return facts ? ` in ${facts.file}` : '';
}
