import { earliest, latest } from '../../src/correlate/frame-reference.js';
import { groupBy } from '../../src/correlate/group-by.js';
import type { FrameRef } from '../../src/moment.js';
import type { TunnelRequests } from './requests.js';
import type { InnerFlow, MacPair, VxlanTunnel } from './session.js';

/** When a MAC address was seen, or an inner host with one. */
export interface MacSpan {
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** The inner MAC addresses of one tunnel endpoint in one VNI: those it sends from, and those it is sent to. */
export interface EndMacs {
  readonly address: string;
  /** The tunnels of the endpoint in the VNI, and the direction in which each is sent to it. */
  readonly tunnels: readonly { readonly requests: TunnelRequests; readonly towards: number }[];
  readonly sources: ReadonlyMap<string, MacSpan>;
  /** By inner host behind it: the MAC addresses that its packets come from. */
  readonly sourcesOfHost: ReadonlyMap<string, ReadonlyMap<string, MacSpan>>;
  /** By MAC address: when packets to the endpoint were sent to it. */
  readonly destinations: ReadonlyMap<string, MacSpan>;
  /** By unicast MAC address: inner hosts behind it that are addressed by that. */
  readonly hostsOfDestination: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What endpoints of one VNI can tell of each other. */
export interface VniMacs {
  readonly ends: readonly EndMacs[];
}

/** Groups tunnels by time segment, enclosing tunnel and VNI. */
export function macsByVni(all: readonly TunnelRequests[]): VniMacs[] {
  const groups = groupBy(
    all,
    ({ tunnel: { segment, outerStack, vni } }) => `${segment} ${outerStack} ${vni}`,
  );
  return [...groups.values()].map((ofVni) => ({ ends: endsOf(ofVni) }));
}

function endsOf(ofVni: readonly TunnelRequests[]): EndMacs[] {
  const addresses = new Set(ofVni.flatMap(({ tunnel }) => [tunnel.low, tunnel.high]));
  return [...addresses].map((address) => {
    const tunnels = ofVni
      .filter(({ tunnel }) => tunnel.low === address || tunnel.high === address)
      .map((requests) => ({ requests, towards: requests.tunnel.high === address ? 0 : 1 }));
    const sources = new Map<string, MacSpan>();
    const destinations = new Map<string, MacSpan>();
    const sourcesOfHost = new Map<string, Map<string, MacSpan>>();
    const hostsOfDestination = new Map<string, Set<string>>();
    for (const { requests, towards } of tunnels) {
      for (const pair of requests.tunnel.macPairs) {
        if (pair.outerDirection !== towards) widen(sources, pair.source, pair);
        else widen(destinations, pair.destination, pair);
      }
      for (const { host, macs, span } of hostMacs(requests.tunnel)) {
        if (macs.outerDirection !== towards) widen(of(sourcesOfHost, host.from), macs.source, span);
        else if (!isGroupMac(macs.destination)) {
          const hosts = hostsOfDestination.get(macs.destination) ?? new Set<string>();
          hostsOfDestination.set(macs.destination, hosts.add(host.to));
        }
      }
    }
    return { address, tunnels, sources, destinations, sourcesOfHost, hostsOfDestination };
  });
}

interface HostMacs {
  readonly host: { readonly from: string; readonly to: string };
  readonly macs: MacPair;
  readonly span: MacSpan;
}

/** For each direction of an inner conversation the MAC addresses of its last packet. */
function hostMacs({ flows }: VxlanTunnel): HostMacs[] {
  return flows.flatMap(({ low, high, sides }) =>
    sides.flatMap(({ macs, first, last }, direction) => {
      if (!macs || !first || !last) return [];
      const host = direction === 0 ? { from: low, to: high } : { from: high, to: low };
      return [{ host, macs, span: { first, last } }];
    }),
  );
}

/** The MAC address that packets of one inner host to another, in conversations of that protocol, were last sent to. */
export function destinationMac(
  { flows }: VxlanTunnel,
  from: string,
  to: string,
  isOf: (flow: InnerFlow) => boolean,
): string | null {
  for (const flow of flows) {
    if (!isOf(flow)) continue;
    const isForth = flow.low === from && flow.high === to;
    if (!isForth && !(flow.high === from && flow.low === to)) continue;
    const { macs } = flow.sides[isForth ? 0 : 1];
    if (macs) return macs.destination;
  }
  return null;
}

/** Group bit of the first byte. */
export function isGroupMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/**
 * Addresses that a gateway receives at without sending from them: of VRRP and CARP (RFC 9568, section 7.3), HSRP
 * (RFC 2281 and its second version) and GLBP.
 */
export function isVirtualRouterMac(mac: string): boolean {
  return [
    '00:00:5e:00:01:',
    '00:00:5e:00:02:',
    '00:00:0c:07:ac:',
    '00:00:0c:9f:f',
    '00:05:73:a0:0',
    '00:07:b4:00:',
  ].some((prefix) => mac.startsWith(prefix));
}

function of(hosts: Map<string, Map<string, MacSpan>>, host: string): Map<string, MacSpan> {
  const known = hosts.get(host) ?? new Map<string, MacSpan>();
  hosts.set(host, known);
  return known;
}

function widen(spans: Map<string, MacSpan>, mac: string, { first, last }: MacSpan): void {
  const known = spans.get(mac);
  spans.set(mac, {
    first: earliest([known?.first, first]) ?? first,
    last: latest([known?.last, last]) ?? last,
  });
}
