import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { isBefore } from '../../../src/correlate/traffic.js';
import type { FrameRef } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import type { EchoSize } from '../echo-tally.js';
import type { EchoPair } from './echo-pairs.js';

/** Requests of each class that must be seen. */
export const REQUESTS_PER_CLASS_MIN = 3;
/** Small ones answered so shortly before still say that the target was alive. */
const ALIVE_SECONDS = 10;

/** Pings that fail by size alone. */
export interface SizeLimit {
  /** Largest size that was answered, smallest that was not; ICMP bytes, or those of the first fragment. */
  readonly answered: EchoSize;
  readonly unanswered: EchoSize;
  readonly answeredCount: number;
  readonly unansweredCount: number;
  readonly firstUnanswered: FrameRef;
  readonly lastUnanswered: FrameRef;
  readonly lastAnswered: FrameRef;
  /** The target was heard while the large ones failed; otherwise only shortly before. */
  readonly isProvenAlive: boolean;
}

/** Whether every request up to some size was answered, and none above it. */
export function sizeLimitOf(quality: CaptureQuality, pair: EchoPair): SizeLimit | null {
  const { sizes, source, destination, stack, lastAnswered } = pair;
  const answered = sizes.filter((size) => size.answered > 0);
  const unanswered = sizes.filter((size) => size.unanswered > 0);
  const largest = answered[answered.length - 1];
  const smallest = unanswered[0];
  if (!largest || !smallest || sizes.indexOf(largest) >= sizes.indexOf(smallest) || !lastAnswered)
    return null;
  const answeredCount = answered.reduce((sum, size) => sum + size.answered, 0);
  const unansweredCount = unanswered.reduce((sum, size) => sum + size.unanswered, 0);
  const { firstUnanswered, lastUnanswered } = pair;
  if (!firstUnanswered || !lastUnanswered) return null;
  if (answeredCount < REQUESTS_PER_CLASS_MIN || unansweredCount < REQUESTS_PER_CLASS_MIN) return null;
  const heard = quality.traffic.between(source, destination, stack)?.fromB.last ?? null;
  const isProvenAlive = heard !== null && isBefore(firstUnanswered, heard);
  const quietSeconds = (firstUnanswered.timeNs - lastAnswered.timeNs) / NS_PER_SECOND;
  if (!isProvenAlive && !(quietSeconds <= ALIVE_SECONDS)) return null;
  return {
    answered: largest,
    unanswered: smallest,
    answeredCount,
    unansweredCount,
    firstUnanswered,
    lastUnanswered,
    lastAnswered,
    isProvenAlive,
  };
}

/** `1480 bytes of ICMP`, or that the request was fragmented. */
export function sizeWords({ bytes, isFragmented }: EchoSize): string {
  return isFragmented ? `more than ${bytes} bytes of ICMP, sent as fragments` : `${bytes} bytes of ICMP`;
}
