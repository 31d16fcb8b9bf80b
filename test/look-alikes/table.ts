import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import { type Deliver, TcpTalk } from '../../captures/cases/tcp-talk.js';
import { isIpv6 } from '../build/address.js';
import { gre } from '../build/gre.js';
import { IP_PROTOCOL, ip } from '../build/ip.js';
import { ETHER_TYPE, ethernet } from '../build/link.js';
import type { Endpoint, Timeline } from '../build/scenario.js';
import { VXLAN_PORT, vxlan } from '../build/vxlan.js';

/** Healthy traffic that a careless rule takes for a fault. */
export interface LookAlike {
  /** The diagnosis whose careless version fires on it; none: any. */
  readonly id: string | null;
  readonly shows: string;
  readonly build: () => Timeline;
  /** LINKTYPE_ of its frames; default: Ethernet. */
  readonly linkType?: number;
  /** Remarks above information that are right all the same. */
  readonly allow?: readonly string[];
}

export function atSite(name: string, seconds: number, build: (t: Timeline) => void): () => Timeline {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    build(t);
    return t;
  };
}

export interface Socket extends Endpoint {
  readonly port: number;
}

/** Puts an IP packet into the capture. */
export type Carry = (at: number, packet: Uint8Array, source: string) => void;

/** As it is, between the MAC addresses of `from` and `to`. */
export function natively(t: Timeline, from: Endpoint, to: Endpoint): Carry {
  return (at, packet, source) => {
    t.send(at, from, to, isIpv6(source) ? ETHER_TYPE.ipv6 : ETHER_TYPE.ipv4, packet);
  };
}

const IP_IN_IP = 4;

export function inIpip(t: Timeline, from: Endpoint, to: Endpoint): Carry {
  return (at, packet) => t.sendIp(at, from, to, IP_IN_IP, packet);
}

export function inGre(t: Timeline, from: Endpoint, to: Endpoint): Carry {
  return (at, payload) => {
    t.sendIp(at, from, to, IP_PROTOCOL.gre, gre({ protocolType: ETHER_TYPE.ipv4, payload }));
  };
}

const INNER = { source: '02:00:0a:00:00:01', destination: '02:00:0a:00:00:02' };

export function inVxlan(t: Timeline, from: Endpoint, to: Endpoint): Carry {
  return (at, payload) => {
    const inner = ethernet({ ...INNER, etherType: ETHER_TYPE.ipv4, payload });
    t.sendUdp(at, { ...from, port: 50_111 }, { ...to, port: VXLAN_PORT }, vxlan({ vni: 7, inner }));
  };
}

interface Ends {
  readonly address: string;
  readonly port: number;
}

/** A request and its response over TCP; `forth` carries what the client sends, `back` what the server sends; null: unseen. */
export function request(
  t: Timeline,
  at: number,
  client: Ends,
  server: Ends,
  forth: Carry,
  back: Carry | null,
  initial = { client: t.random.next(), server: t.random.next() },
): TcpTalk {
  const deliver: Deliver = (when, side, payload) => {
    const [own, peer] = side === 'client' ? [client, server] : [server, client];
    const carry = side === 'client' ? forth : back;
    const ends = { source: own.address, destination: peer.address };
    carry?.(when, ip({ ...ends, protocol: IP_PROTOCOL.tcp, payload, ttl: 61 }), own.address);
  };
  const talk = new TcpTalk({ client, server, roundTripSeconds: 0.012 }, deliver, initial);
  return talk
    .handshake(at)
    .request(at + 0.02, '/')
    .response(at + 0.05, 900)
    .close(at + 0.3);
}
