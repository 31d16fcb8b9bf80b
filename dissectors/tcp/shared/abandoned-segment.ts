import { NS_PER_SECOND } from '../../../src/units.js';
import type { ServiceStuckSegment } from '../session.js';
import { isBlackHoleSize } from './size-limits.js';

export const REPEATS_MIN = 5;
export const SECONDS_MIN = 3;

/** Repeated until the connection ended or the capture, never acknowledged, and not for its size. */
export function isAbandoned(stuck: ServiceStuckSegment): boolean {
  const { isRecovered, repeats, first, last } = stuck;
  const lasted = last.segment === first.segment ? last.timeNs - first.timeNs : 0;
  return (
    !isRecovered && repeats >= REPEATS_MIN && lasted >= SECONDS_MIN * NS_PER_SECOND && !isBlackHoleSize(stuck)
  );
}
