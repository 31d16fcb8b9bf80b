import type { StuckSegment } from './connection-events.js';

/** Segments below that size pass wherever anything does: no path has a smaller MTU (RFC 791: 576). */
const SIZE_MIN = 500;

/** Larger than anything of its direction that was ever acknowledged, so that its size may be why it is lost. */
export function isBlackHoleSize({
  length,
  largestAcknowledged,
  largestEver,
}: Pick<StuckSegment, 'length' | 'largestAcknowledged'> & { readonly largestEver: number }): boolean {
  return length >= SIZE_MIN && length > largestAcknowledged && length > largestEver;
}
