import {
  arpExchange,
  type Endpoint,
  type LinkFraming,
  ping,
  type Timeline,
  timeline,
} from '../../test/build/scenario.js';
import type { Nat } from '../../test/build/scenario-ike.js';

/** 2026-03-02 22:14:05.128461 UTC. */
const START_NS = 1_772_489_645_128_461_000n;
const LOCAL_MAC = '00:00:5e:00:53:0a';
const ROUTER_MAC = '00:00:5e:00:53:fe';
const OWN_TTL = 64;
const TTL_AFTER_SEVEN_HOPS = 57;

/** The host that captures, its router, and the peer behind that router. */
export interface Site {
  readonly local: Endpoint;
  readonly router: Endpoint;
  readonly peer: Endpoint;
}

function site(local: string, router: string, peer: string): Site {
  return {
    local: { mac: LOCAL_MAC, address: local, ttl: OWN_TTL },
    router: { mac: ROUTER_MAC, address: router, ttl: OWN_TTL },
    peer: { mac: ROUTER_MAC, address: peer, ttl: TTL_AFTER_SEVEN_HOPS },
  };
}

/** Two gateways with public addresses; the capture is taken on the first one's external interface. */
export const PUBLIC_SITE = site('192.0.2.1', '192.0.2.254', '198.51.100.7');

/** The local gateway stands behind a NAT. */
export const NATTED_SITE = site('10.0.0.2', '10.0.0.1', '198.51.100.7');

/** The peer of the one above: it sees the outside of the NAT. */
export const NAT_PEER_SITE = site('198.51.100.7', '198.51.100.1', '203.0.113.20');

/** The NAT in front of 10.0.0.2. */
export function natSeenFrom(capturedAt: 'inside' | 'outside'): Nat {
  return { inside: '10.0.0.2', outside: '203.0.113.20', port500: 1027, port4500: 61_244, capturedAt };
}

/** A timeline whose bytes depend on the name alone. */
export function namedTimeline(name: string, framing?: LinkFraming): Timeline {
  let seed = 7;
  for (const character of name) seed = (seed * 31 + character.charCodeAt(0)) >>> 0;
  return timeline(START_NS, seed, framing);
}

/** What else a gateway's interface carries: its neighbour resolution, and a probe of its router. */
export function surroundings(t: Timeline, { local, router }: Site, untilSeconds: number): void {
  arpExchange(t, 0, local, router);
  for (let at = 5.3; at < untilSeconds; at += 41.7) {
    arpExchange(t, at, router, local, { unicast: true });
    if (at + 12 < untilSeconds) arpExchange(t, at + 12, local, router, { unicast: true });
  }
  const count = Math.max(1, Math.floor((untilSeconds - 1.5) / 15) + 1);
  const options = { at: 1.2, count, intervalSeconds: 15, identifier: 0x4e1f, roundTripSeconds: 0.0006 };
  ping(t, local, router, options);
}

/** A timeline with its surroundings already on it. */
export function siteTimeline(name: string, at: Site, untilSeconds: number): Timeline {
  const t = namedTimeline(name);
  surroundings(t, at, untilSeconds);
  return t;
}
