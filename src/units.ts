/** Integer nanoseconds since the base of the frame's time segment; NaN where the capture has no time. */
export type Nanoseconds = number;

/**
 * A frame's place in the input: `capture index * 2^40 + frame number`, exact in a double. Frame
 * numbers are 1-based and count as Wireshark counts; the capture index is that of `captures[]`.
 */
export type FrameId = number;

/** Index of a time segment, in the order in which they were opened. Times of two segments do not compare. */
export type SegmentIndex = number;

export const NS_PER_SECOND = 1_000_000_000;
export const NS_PER_MILLISECOND = 1_000_000;

const FRAMES_PER_CAPTURE = 2 ** 40;

/** Most captures in one run: 2^53 / 2^40. */
export const CAPTURE_COUNT_MAX = 8192;

export function frameId(captureIndex: number, frameNumber: number): FrameId {
  return captureIndex * FRAMES_PER_CAPTURE + frameNumber;
}

export function captureIndexOf(id: FrameId): number {
  return Math.floor(id / FRAMES_PER_CAPTURE);
}

export function frameNumberOf(id: FrameId): number {
  return id % FRAMES_PER_CAPTURE;
}

export function seconds(value: number): Nanoseconds {
  return value * NS_PER_SECOND;
}

/** A time since 1970 of a segment that begins at `baseNs`, in nanoseconds; null where there is no time (NaN, an infinity). */
export function absoluteNs(baseNs: bigint, timeNs: Nanoseconds): bigint | null {
  return Number.isFinite(timeNs) ? baseNs + BigInt(Math.round(timeNs)) : null;
}

/** Seconds as whole nanoseconds; 0 for what is no number. */
export function nsOfSeconds(value: number): bigint {
  return absoluteNs(0n, value * NS_PER_SECOND) ?? 0n;
}
