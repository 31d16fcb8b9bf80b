import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { watchedSecondsAfter } from '../../src/correlate/watched.js';
import type { CarriedKind, TunnelDraft, TunnelState } from '../../src/diagnose/diagnosis.js';
import { followedDirection } from '../../src/diagnose/followed-tunnel.js';
import { insideFacts, sumDirection } from '../../src/diagnose/tunnel-draft.js';
import { NS_PER_MILLISECOND } from '../../src/units.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { scionLinks } from './correlator.js';
import {
  DOWN_AFTER_MISSED,
  INTERVALS_MIN,
  type LinkKeepalive,
  linkKeepalives,
  PERIOD_SECONDS,
} from './keepalives.js';
import type { ScionLink } from './session.js';

/** One row a UDP conversation that carries SCION: the link of two border routers, or of a router and a host. */
const kind: CarriedKind = {
  kind: 'scion',
  name: 'SCION',
  judges: { oneWay: 'scion.keepalive-missing', size: 'scion.mtu-exceeded' },
  *describe(evidence) {
    const keepalives = linkKeepalives(evidence);
    for (const link of evidence.sessions(scionLinks)) {
      yield describe(
        evidence.quality,
        link,
        keepalives.filter((one) => one.link === link),
      );
    }
  },
  followed: ({ sessions }) =>
    sessions(scionLinks).map(({ low, high, stack, segment, directions: [up, down] }) => ({
      low,
      high,
      segment,
      stack: 0,
      outerStack: stack,
      directions: [
        followedDirection({ ...up, from: low, to: high }),
        followedDirection({ ...down, from: high, to: low }),
      ] as const,
    })),
  filter: (a, b) => `udp && ${pairFilter(a, b)}`,
};

export default kind;

function describe(
  quality: CaptureQuality,
  link: ScionLink,
  keepalives: readonly LinkKeepalive[],
): TunnelDraft {
  const { low, lowPort, high, highPort } = link;
  const [up, down] = link.directions;
  const directions = [...sumDirection(low, high, [up]), ...sumDirection(high, low, [down])];
  const state = stateOf(quality, keepalives);
  const periods = keepalives.flatMap(({ stream }) => (stream === null ? [] : [stream.periodNs]));
  const sessions = [...new Set([...up.gatewaySessions, ...down.gatewaySessions])];
  return {
    kind: 'scion',
    endpoints: [low, high],
    ...(directions.length === 2 && state !== undefined ? { state } : {}),
    directions,
    facts: {
      ports: [lowPort, highPort],
      generation: generationsOf(link),
      ...neighboursOf(link),
      ...(periods.length > 0
        ? { keepalive: { periodMs: Math.round(Math.max(...periods) / NS_PER_MILLISECOND) } }
        : {}),
      ...(up.bfd.count + down.bfd.count > 0 ? { bfdPackets: up.bfd.count + down.bfd.count } : {}),
      ...(sessions.length > 0 ? { gatewaySessions: sessions } : {}),
      mtu: { largestPacket: Math.max(up.largestPacket, down.largestPacket) },
      ...insideFacts(quality, link.stack),
    },
  };
}

/**
 * Down where the keepalives of a direction are missing at the end: the receiver has taken the interface down. Unknown where
 * too few of them came to tell.
 */
function stateOf(quality: CaptureQuality, keepalives: readonly LinkKeepalive[]): TunnelState | undefined {
  const isDown = keepalives.some(({ direction, reverseStream }) =>
    direction.stream === null
      ? (reverseStream?.intervals ?? 0) >= INTERVALS_MIN + DOWN_AFTER_MISSED
      : watchedSecondsAfter(quality, direction.stream.last) > (DOWN_AFTER_MISSED + 0.5) * PERIOD_SECONDS,
  );
  if (isDown) return 'down';
  return keepalives.some(({ stream }) => stream === null) ? 'unknown' : undefined;
}

function generationsOf({ directions }: ScionLink): string {
  const old = directions.some((one) => one.old.count > 0);
  const current = directions.some((one) => one.current.count > 0);
  return old && current ? 'mixed' : old ? '2018' : 'current';
}

/** The ASes at the low and the high end, where packets of router to router name them. */
function neighboursOf({ directions: [up, down] }: ScionLink): { readonly isdAs?: readonly string[] } {
  if (up.neighbours) return { isdAs: [up.neighbours.from, up.neighbours.to] };
  return down.neighbours ? { isdAs: [down.neighbours.to, down.neighbours.from] } : {};
}
