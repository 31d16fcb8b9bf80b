import { NS_PER_SECOND } from '../../../src/units.js';
import type { StuckSegment } from '../connection-events.js';
import type { ServiceMissingData } from '../session.js';

/** Segments below that size pass wherever anything does: no path has a smaller MTU (RFC 791: 576). */
export const SIZE_MIN = 500;

/** TCP options take up to 40 bytes of a segment (RFC 9293, section 3.1). */
const OPTIONS_MAX = 40;
/** Without a word from either side Ethernet is assumed. */
const MAXIMUM_SEGMENT_DEFAULT = 1460;
/** By timer a sender repeats at least four times meanwhile (RFC 6298: 0.2, 0.4, 0.8, 1.6 s). */
export const MISSING_SECONDS_MIN = 3;
export const MISSING_WAITS_MIN = 3;

/** Left out, and asked for until the sender has repeated it again and again. */
export function isMissingForLong({ waits, first, last }: ServiceMissingData): boolean {
  const lastedNs = first.segment === last.segment ? last.timeNs - first.timeNs : 0;
  return waits >= MISSING_WAITS_MIN && lastedNs >= MISSING_SECONDS_MIN * NS_PER_SECOND;
}

/**
 * Missing for so long, and in segments larger than any that was seen: its size may be why. `maximumSegment`: of the
 * receiver, 0 where unknown.
 */
export function isMissingForSize(one: ServiceMissingData, maximumSegment: number): boolean {
  const largest = Math.min(one.bytes, maximumSegment || MAXIMUM_SEGMENT_DEFAULT);
  return isMissingForLong(one) && largest >= SIZE_MIN && one.largestSeen + OPTIONS_MAX < largest;
}

/** Larger than anything of its direction that was ever acknowledged, so that its size may be why it is lost. */
export function isBlackHoleSize({
  length,
  largestAcknowledged,
  largestEver,
}: Pick<StuckSegment, 'length' | 'largestAcknowledged'> & { readonly largestEver: number }): boolean {
  return length >= SIZE_MIN && length > largestAcknowledged && length > largestEver;
}
