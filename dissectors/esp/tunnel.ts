import { latest } from '../../src/correlate/frame-reference.js';
import { timerOf } from '../../src/correlate/retransmission-timer.js';
import { outerLength } from '../../src/correlate/tunnel-direction.js';
import type { CarriedKind, Evidence, TunnelDraft, TunnelState } from '../../src/diagnose/diagnosis.js';
import {
  type FollowedDirection,
  type FollowedTunnel,
  followedDirection,
} from '../../src/diagnose/followed-tunnel.js';
import { mayStillNegotiate, sumDirection } from '../../src/diagnose/tunnel-draft.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { type AhPair, ahPairs } from '../ah/correlator.js';
import type { IkeSession } from '../isakmp/correlator.js';
import { natOf } from '../isakmp/shared/nat-detection.js';
import { type NattConversation, nattConversations } from '../udpencap/correlator.js';
import { conversationsBetween } from '../udpencap/shared/by-hosts.js';
import { type Gateways, gatewaysOf } from './gateways.js';
import type { EspDirection, EspPair } from './session.js';
import { espFilter, judgedPairs, sasOf, spiText } from './shared/sa-pairs.js';

/** SPIs that a tunnel lists. */
const SPIS_MAX = 64;

/** One tunnel per pair of IPsec gateways: ESP, IKE, AH or several of them. */
const kind: CarriedKind = {
  kind: 'ipsec',
  name: 'IPsec',
  judges: { oneWay: 'esp.one-way-spi', size: 'overlay.mtu-exceeded' },
  *describe(evidence) {
    const gateways = gatewaysOf(evidence);
    const ah = evidence.sessions(ahPairs);
    for (const one of gateways)
      yield describe(
        one,
        evidence,
        ah.filter((pair) => belongsTo(pair, one)),
      );
    for (const pair of ah) {
      if (!gateways.some((one) => belongsTo(pair, one))) yield describeAh(pair);
    }
  },
  followed: (evidence) => judgedPairs(evidence).map(followedPair),
  filter: espFilter,
};

export default kind;

function followedPair({ low, high, segment, stack, directions: [there, back] }: EspPair): FollowedTunnel {
  const directions = [followedEsp(there), followedEsp(back)] as const;
  return { low, high, segment, stack: 0, outerStack: stack, directions };
}

function followedEsp(direction: EspDirection): FollowedDirection {
  const { from, sas, udpPackets, largest, fragmented } = direction;
  const ports = sas.flatMap(({ udpPackets: packets, destinationPort: port, first }) =>
    packets > 0 ? [{ port, packets, first }] : [],
  );
  return followedDirection(direction, {
    ports,
    largestOuter: outerLength(from, largest, udpPackets > 0),
    fragmented,
  });
}

function belongsTo({ directions, stack }: AhPair, gateways: Gateways): boolean {
  const known = [...gateways.endpoints, ...gateways.aliases];
  return stack === gateways.stack && known.includes(directions[0].from) && known.includes(directions[0].to);
}

function describe(gateways: Gateways, evidence: Evidence, ah: readonly AhPair[]): TunnelDraft {
  const { endpoints } = gateways;
  const spis = spisOf(gateways);
  const directions = endpoints.flatMap((from) => sumOf(gateways, ah, from));
  const encapsulation = encapsulationOf(gateways, ah);
  const keepalive = keepaliveOf(gateways, evidence);
  return {
    kind: 'ipsec',
    endpoints,
    ...(spis.length > 0 ? { key: spis } : {}),
    ...(directions.length > 0 ? {} : { state: silentState(gateways, evidence) }),
    directions,
    facts: {
      ...(spis.length > 0 ? { spis } : {}),
      ...(encapsulation === null ? {} : { encapsulation }),
      ...(gateways.ike.length > 0 ? { ike: ikeFacts(gateways.ike) } : {}),
      ...(gateways.aliases.length > 0 ? { translatedAddresses: gateways.aliases } : {}),
      ...(keepalive === null ? {} : { keepalive }),
    },
  };
}

function describeAh({ directions }: AhPair): TunnelDraft {
  const [there] = directions;
  return {
    kind: 'ipsec',
    endpoints: [there.from, there.to],
    key: directions.flatMap(({ spis }) => spis.map(spiText)),
    directions: directions.flatMap((one) => sumDirection(one.from, one.to, [one])),
    facts: { encapsulation: 'ah' },
  };
}

function spisOf({ esp }: Gateways): string[] {
  const sas = esp.flatMap(sasOf).sort((a, b) => a.first.frame - b.first.frame);
  return [...new Set(sas.map(({ spi }) => spiText(spi)))].slice(0, SPIS_MAX);
}

/** Of every address pair that belongs to the gateways; `from` is one of the endpoints. */
function sumOf({ esp, endpoints }: Gateways, ah: readonly AhPair[], from: string): TunnelDraft['directions'] {
  const other = endpoints[0] === from ? endpoints[1] : endpoints[0];
  // Behind a changing address only one of the two is still the endpoint.
  const own = [...esp, ...(esp.length > 0 ? [] : ah)].flatMap(({ directions }) =>
    directions.filter((one) => one.from === from || (one.to === other && one.from !== other)),
  );
  return sumDirection(from, other, own);
}

/** Of gateways that negotiate, and send nothing that the tunnel carries. */
function silentState({ ike }: Gateways, { quality }: Evidence): TunnelState {
  if (ike.some(({ established, childEstablished }) => established || childEstablished.length > 0)) {
    return 'idle';
  }
  const last = latest(ike.map((session) => session.last));
  if (last && mayStillNegotiate(quality, last)) return 'negotiating';
  return ike.some(({ startSeen }) => startSeen) ? 'failed' : 'unknown';
}

function encapsulationOf({ esp }: Gateways, ah: readonly AhPair[]): string | null {
  const directions = esp.flatMap((pair) => pair.directions);
  const isNative = directions.some(({ nativePackets }) => nativePackets > 0);
  const isUdp = directions.some(({ udpPackets }) => udpPackets > 0);
  if (isNative && isUdp) return 'mixed';
  if (isNative) return 'esp';
  if (isUdp) return 'udp';
  return ah.length > 0 ? 'ah' : null;
}

function ikeFacts(sessions: readonly IkeSession[]): Record<string, unknown> {
  const last = sessions[sessions.length - 1];
  const established = sessions.filter((session) => session.established !== null).length;
  const vendors = [...new Set([...last.peers.initiator.vendorIds, ...last.peers.responder.vendorIds])];
  const timer = sessions
    .flatMap(({ exchanges }) => exchanges.flatMap(({ messages }) => messages.map(timerOf)))
    .find((one) => one !== null && one.implementation !== null);
  return {
    version: last.version,
    sessions: sessions.length,
    established,
    childSas: sessions.reduce((sum, { childEstablished }) => sum + childEstablished.length, 0),
    ...(vendors.length > 0 ? { vendorIds: vendors } : {}),
    ...(timer ? { implementation: timer.implementation } : {}),
    ...natFacts(last),
  };
}

/** What NAT detection says of each side, where it says anything. */
function natFacts(session: IkeSession): Record<string, unknown> {
  const initiator = natOf(session, 'initiator').state;
  const responder = natOf(session, 'responder').state;
  return initiator === 'unknown' && responder === 'unknown' ? {} : { nat: { initiator, responder } };
}

function keepaliveOf(gateways: Gateways, evidence: Evidence): Record<string, unknown> | null {
  for (const { sides } of conversationsAmong(gateways, evidence.sessions(nattConversations))) {
    const sender = sides.find(({ keepalives }) => keepalives > 0);
    if (!sender) continue;
    const { address, keepalives, keepalivePeriodMs, firstKeepalive, lastKeepalive } = sender;
    const spanMs =
      firstKeepalive && lastKeepalive
        ? ((lastKeepalive.timeNs - firstKeepalive.timeNs) * 1000) / NS_PER_SECOND
        : 0;
    const periodMs = keepalivePeriodMs ?? (keepalives === 2 ? Math.round(spanMs) : null);
    return { from: address, packets: keepalives, ...(periodMs === null ? {} : { periodMs }) };
  }
  return null;
}

/** Most tunnels have two addresses or three; looking at each pair of many would cost more than looking at all. */
const ADDRESSES_PAIRED_MAX = 8;

/** Those with a gateway on each side, in the order of the list. */
function conversationsAmong(
  { endpoints, aliases }: Gateways,
  conversations: readonly NattConversation[],
): readonly NattConversation[] {
  const known = [...new Set([...endpoints, ...aliases])];
  if (known.length > ADDRESSES_PAIRED_MAX) {
    const all = new Set(known);
    return conversations.filter(({ sides }) => sides.every(({ address }) => all.has(address)));
  }
  const among = known.flatMap((a, index) =>
    known.slice(index).flatMap((b) => conversationsBetween(conversations, a, b)),
  );
  return among.sort((a, b) => a.first.frame - b.first.frame);
}
