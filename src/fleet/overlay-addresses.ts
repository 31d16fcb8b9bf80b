import { groupBy } from '../correlate/group-by.js';
import type { PointClock } from './clocks.js';
import type { ReadPoint } from './fleet-evidence.js';
import type { PointLane } from './packet-digest.js';
import { networkName } from './passage.js';

/** An address of an overlay behind a tunnel end, as all points together show it. */
export interface OverlayAddress {
  readonly network: string;
  readonly address: string;
  readonly host: string;
  readonly packets: number;
  /** By the middle clock. */
  readonly firstUs: number;
  readonly lastUs: number;
  readonly seenAt: readonly string[];
  /** Some of its conversations, as addresses and ports. */
  readonly conversations: ReadonlySet<string>;
}

/** An address that two hosts have at the same time. */
export interface SharedAddress {
  readonly network: string;
  readonly address: string;
  readonly hosts: readonly [OverlayAddress, OverlayAddress];
  readonly sinceUs: number;
  readonly untilUs: number;
}

const PACKETS_MIN = 5;
/** A container that moves sends from both hosts for a moment. */
const OVERLAP_US = 3_000_000;
const OVERLAP_SHARE_MIN = 0.2;
const CONVERSATIONS_KEPT = 256;
/** Other addresses of its subnet that live behind one host each. */
const NEIGHBOURS_MIN = 2;

/** Who sends from which address of an overlay, behind which tunnel end. */
export function overlayAddresses(
  points: readonly ReadPoint[],
  clocks: readonly PointClock[],
): OverlayAddress[] {
  const known = new Map<string, OverlayAddress>();
  for (const [index, { name, lanes }] of points.entries()) {
    const shiftUs = clocks[index].offsetSeconds * 1e6;
    for (const lane of lanes) {
      if (lane === null || lane.tunnel === null || lane.carrier < 0) continue;
      const host = lanes[lane.carrier]?.from;
      if (host === undefined) continue;
      const network = networkName(lane.tunnel);
      const key = `${network}\n${lane.from}\n${host}`;
      const before = known.get(key);
      known.set(key, {
        network,
        address: lane.from,
        host,
        // Two points may show the same packets: the larger count is at least right for one of them.
        packets: (before?.packets ?? 0) + lane.packets,
        firstUs: Math.min(before?.firstUs ?? Number.POSITIVE_INFINITY, lane.firstUs - shiftUs),
        lastUs: Math.max(before?.lastUs ?? Number.NEGATIVE_INFINITY, lane.lastUs - shiftUs),
        conversations: withConversation(before?.conversations, lane),
        seenAt: before?.seenAt.includes(name) ? before.seenAt : [...(before?.seenAt ?? []), name],
      });
    }
  }
  return [...known.values()];
}

/**
 * Addresses of an overlay that two hosts send from at the same time. Not those that live behind three hosts or more (a
 * gateway on every host), and not those from elsewhere that come in by several gateways: the other addresses of the
 * subnet must have one host each.
 */
export function sharedAddresses(addresses: readonly OverlayAddress[]): SharedAddress[] {
  const byAddress = groupBy(addresses, ({ network, address }) => `${network}\n${address}`);
  const single = [...byAddress.values()].filter((own) => own.length === 1).map(([one]) => one);
  return [...byAddress.values()].flatMap((own): SharedAddress[] => {
    if (own.length !== 2) return [];
    const [x, y] = [...own].sort((a, b) => (a.host < b.host ? -1 : 1));
    const [sinceUs, untilUs] = [Math.max(x.firstUs, y.firstUs), Math.min(x.lastUs, y.lastUs)];
    const shorterUs = Math.min(x.lastUs - x.firstUs, y.lastUs - y.firstUs);
    if (Math.min(x.packets, y.packets) < PACKETS_MIN) return [];
    if (untilUs - sinceUs < OVERLAP_US || untilUs - sinceUs < OVERLAP_SHARE_MIN * shorterUs) return [];
    // A gateway that sends on what it got from the other host: it is the same conversation.
    if ([...x.conversations].some((one) => y.conversations.has(one))) return [];
    const neighbours = single.filter(
      ({ network, address }) => network === x.network && isNear(address, x.address),
    );
    if (neighbours.length < NEIGHBOURS_MIN) return [];
    return [{ network: x.network, address: x.address, hosts: [x, y], sinceUs, untilUs }];
  });
}

function withConversation(known: ReadonlySet<string> | undefined, lane: PointLane): ReadonlySet<string> {
  if (known !== undefined && known.size >= CONVERSATIONS_KEPT) return known;
  return new Set(known).add(`${lane.to} ${lane.protocol} ${lane.fromPort} ${lane.toPort}`);
}

/** One /16, or one /64 of IPv6: overlays give each host a subnet of its own out of it. */
function isNear(x: string, y: string): boolean {
  const prefix = (address: string): string =>
    address.includes(':')
      ? address.split(':').slice(0, 4).join(':')
      : address.split('.').slice(0, 2).join('.');
  return prefix(x) === prefix(y);
}
