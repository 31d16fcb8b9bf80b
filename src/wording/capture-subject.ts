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
  const windows = quality.segments.flatMap(({ captureIndex }, segment) => {
    const window = quality.window(segment);
    return window && (index === undefined || captureIndex === index) ? [window] : [];
  });
  // A file that continues the one before it opens no segment of its own.
  if (windows.length === 0 && index !== undefined) return captureSpan(quality);
  return { first: windows[0]?.first ?? UNTIMED, last: windows.at(-1)?.last ?? UNTIMED };
}

/** The last frame of a file; without a time unless it is also the last one of its segment. Null where it has none. */
export function lastFrameOf(quality: CaptureQuality, index: number): FrameRef | null {
  const count = quality.captures[index]?.frames ?? 0;
  if (count === 0) return null;
  const frame = frameId(index, count);
  for (const segment of quality.segments.keys()) {
    const last = quality.window(segment)?.last;
    if (last?.frame === frame) return last;
  }
  return { frame, segment: 0, timeNs: Number.NaN };
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
