import type { KnownProtocols } from '../../src/correlate/known-protocols.js';
import { isTraceroutePort } from '../../src/wire/transport.js';
import { CNAT_FAILED, CNAT_MISSED } from './columns.js';
import * as graph from './graph-nodes.js';
import type { VppFaultKind, VppPacket, VppPath } from './session.js';

/*
 * Why a packet did not get through, told from its path alone.
 */

const MTU = /mtu[ _]exceeded|packet too big|can.?t fragment|dont_fragment_set/i;
const TTL = /ttl <= 1|time_expired|hop limit/i;
const POLICY = /deny|denied|\bacl\b|inacl|outacl|policy|policies|blocked/i;
const POLICY_NODE = /acl|policy|npol|capo/;
const BUFFERS =
  /out of buffers|no[ _](?:free[ _])?buffers?|allocate buffer|alloc[a-z_ ]*fail|no free tx slots/i;
const RESOLVING = /\barp\b|neighbor|glean|incomplete/i;
/** What VPP itself terminates over UDP. */
const OWN_PROTOCOLS: readonly string[] = [
  'bfd',
  'dhcp',
  'dhcpv6',
  'geneve',
  'gtp',
  'isakmp',
  'udpencap',
  'vxlan',
  'vxlan-gpe',
  'wireguard',
];
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_ICMP = 1;
const PROTOCOL_ICMPV6 = 58;
const PROTOCOL_IGMP = 2;
const LINK_LOCAL = /^fe[89ab]/;
/** 148 bytes in UDP and IPv6. */
const WIREGUARD_HANDSHAKE_LENGTH = 196;
const UNSPECIFIED: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Packets for neighbours and groups: VPP drops them when it has done what they ask for. */
export function isHousekeeping({ received, nodes, decidedBy }: VppPath): boolean {
  if (received === null || !received.isUnicast || received.destination.endsWith('.255')) return true;
  if (received.protocol === PROTOCOL_IGMP || UNSPECIFIED.has(received.source)) return true;
  if (received.protocol === PROTOCOL_UDP && isWireGuardHandshake(received, decidedBy)) return true;
  if (LINK_LOCAL.test(received.source) || LINK_LOCAL.test(received.destination)) return true;
  return nodes.some(graph.isHousekeepingNode) || graph.isHousekeepingNode(decidedBy);
}

/** Handshakes and keepalives of WireGuard, at most 148 bytes of UDP payload: the node that takes them drops their buffers. */
function isWireGuardHandshake({ totalLength }: VppPacket, node: string): boolean {
  return /^wg|wireguard/.test(node) && totalLength <= WIREGUARD_HANDSHAKE_LENGTH;
}

/** Null where the packet got through, or where nothing can be said. */
export function faultOf(path: VppPath): VppFaultKind | null {
  switch (path.outcome) {
    case 'dropped':
      return dropKind(path);
    case 'rejected':
      return rejectionKind(path);
    case 'unfinished':
    case 'output':
      return path.isCut ? null : path.outcome;
    default:
      return null;
  }
}

function dropKind(path: VppPath): VppFaultKind | null {
  const { reason, decidedBy, nodes, cnat } = path;
  if (MTU.test(reason)) return 'mtu';
  if (TTL.test(reason)) return 'ttl';
  if (BUFFERS.test(reason)) return 'buffers';
  if (graph.isResolvingNode(decidedBy) || RESOLVING.test(reason)) return 'resolving';
  if (POLICY.test(reason) || POLICY_NODE.test(decidedBy)) return 'policy';
  if (graph.isCnatNode(decidedBy) || cnat === CNAT_FAILED) return 'cnat';
  if (cnat === CNAT_MISSED && nodes.some(graph.isCnatNode)) return 'cnat';
  const end = localEnd(nodes);
  if (end === 'handled') return null;
  if (end === 'unclaimed') return 'local';
  return exceedsMtu(path) ? 'mtu' : 'drop';
}

/**
 * How a packet ended that VPP took for its own. 'handled': by a host stack, BFD, IKE, the reader of echo replies, which hand
 * buffers to a drop node when their work is done. 'unclaimed': nobody took it. 'no': it was not for VPP, or only its
 * outer header was, as that of a tunnel.
 */
function localEnd(nodes: readonly string[]): 'handled' | 'unclaimed' | 'no' {
  const rejected = nodes.findIndex(graph.isIcmpErrorNode);
  const judged = rejected < 0 ? nodes : nodes.slice(0, rejected);
  const local = judged.findLastIndex(graph.isLocalNode);
  if (local < 0) return 'no';
  const since = judged
    .slice(local + 1)
    .filter((node) => !graph.isDropNode(node) && !graph.isLocalLookup(node));
  const last = since.at(-1);
  if (last === undefined) return 'unclaimed';
  const wentOn = since.some((node) => graph.isStartNode(node) || graph.isLookupNode(node));
  return wentOn || graph.mayInputAgain(last) ? 'no' : 'handled';
}

/** VPP answers by ICMP: which error, the node before tells. */
function rejectionKind(path: VppPath): VppFaultKind {
  const { decidedBy, received, nodes } = path;
  const atLookup = /^ip[46]-(?:input|lookup)/.test(decidedBy);
  if (localEnd(nodes) === 'unclaimed') return 'local';
  if (TTL.test(path.reason) || (received !== null && received.timeToLive <= 1)) return 'ttl';
  if (POLICY_NODE.test(decidedBy)) return 'policy';
  if (!atLookup && graph.isRewriteNode(decidedBy) && received?.dontFragment === true) return 'mtu';
  return exceedsMtu(path) ? 'mtu' : 'drop';
}

function exceedsMtu({ mtu, sent, isGso }: VppPath): boolean {
  return mtu > 0 && !isGso && sent?.dontFragment === true && sent.totalLength > mtu;
}

/** Answers to themselves: VPP terminates the protocol, so nothing has to be punted. */
export function isVppsOwn(protocols: KnownProtocols, { protocol, destinationPort }: VppPacket): boolean {
  if (protocol === PROTOCOL_TCP) return false;
  if (protocol !== PROTOCOL_UDP) return true;
  return OWN_PROTOCOLS.some((name) => protocols.named(name)?.udpPorts.includes(destinationPort));
}

/** Packets that are meant to expire. */
export function isTraceroute({ protocol, destinationPort }: VppPacket): boolean {
  if (protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6) return true;
  return protocol === PROTOCOL_UDP && isTraceroutePort(destinationPort);
}

/** Passed a lookup, and no node of cnat. */
export function isUntranslated({ nodes, origin }: VppPath): boolean {
  return origin !== 'drop-capture' && nodes.some(graph.isLookupNode) && !nodes.some(graph.isCnatNode);
}
