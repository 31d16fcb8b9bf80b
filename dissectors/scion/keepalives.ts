import { isSteady, PERIODS_MIN } from '../../src/correlate/periodic/cadence.js';
import type { KeepaliveStream, LinkDirection } from '../../src/correlate/periodic/session.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { NS_PER_SECOND } from '../../src/units.js';

import { scionLinks } from './correlator.js';
import type { ScionLink } from './session.js';

/** Border routers of 2018 send one every second, and take an interface down after three without one. */
export const PERIOD_SECONDS = 1;
const PERIOD_TOLERANCE = 0.2;
/** Intervals from which a stream on a link that carries SCION is its keepalive. */
export const INTERVALS_MIN = 5;
export const DOWN_AFTER_MISSED = 3;

/** One direction of a link of 2018, seen from its keepalives. */
export interface LinkKeepalive {
  readonly link: ScionLink;
  /** 0: from `low` to `high`. */
  readonly index: number;
  readonly direction: LinkDirection;
  readonly reverse: LinkDirection;
  /** Null where this direction has no keepalives, or fewer than INTERVALS_MIN intervals of them. */
  readonly stream: KeepaliveStream | null;
  readonly reverseStream: KeepaliveStream | null;
}

/** Both directions of every link that carries keepalives in at least one. */
export function linkKeepalives(evidence: Evidence): LinkKeepalive[] {
  return evidence.sessions(scionLinks).flatMap((link) => {
    if (link.keepalive === null) return [];
    const [up, down] = link.keepalive.directions;
    const streams = [streamOf(up), streamOf(down)];
    if (streams[0] === null && streams[1] === null) return [];
    return [
      { link, index: 0, direction: up, reverse: down, stream: streams[0], reverseStream: streams[1] },
      { link, index: 1, direction: down, reverse: up, stream: streams[1], reverseStream: streams[0] },
    ];
  });
}

function streamOf({ stream }: LinkDirection): KeepaliveStream | null {
  if (stream === null || stream.intervals < INTERVALS_MIN) return null;
  const seconds = stream.periodNs / NS_PER_SECOND;
  if (!(Math.abs(seconds - PERIOD_SECONDS) <= PERIOD_TOLERANCE)) return null;
  return stream.intervals < PERIODS_MIN || isSteady(stream) ? stream : null;
}
