import { BFD_STATE, type BfdControl, bfdControl } from '../../test/build/bfd.js';
import { ah } from '../../test/build/esp.js';
import { gre } from '../../test/build/gre.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { NAT_KEEPALIVE } from '../../test/build/isakmp.js';
import { ETHER_TYPE } from '../../test/build/link.js';
import { dataExchange, openvpnHandshake, openvpnTunnel, sendData } from '../../test/build/openvpn.js';
import { bothFiles, type PathBetween, type SentPacket } from '../../test/build/path-between.js';
import {
  type Endpoint,
  ESP_SIZES,
  espExchange,
  espPacket,
  ping,
  type Timeline,
} from '../../test/build/scenario.js';
import {
  espTunnelOf,
  type IkePeers,
  ikev1MainMode,
  ikev2Handshake,
  sendIke,
  sendMainMode,
} from '../../test/build/scenario-ike.js';
import { keepalives, type Router } from '../../test/build/scenario-scion.js';
import { type Cell, type InnerPing, innerPing } from './overlay-network.js';
import { namedTimeline } from './sites.js';

/*
 * Tunnels of every kind between two hosts, as their senders send it.
 */

const NEAR_MAC = '00:00:5e:00:53:0a';
const FAR_MAC = '00:00:5e:00:53:fe';
export const NEAR = end('192.0.2.1', NEAR_MAC);
export const FAR = end('198.51.100.7', FAR_MAC);
const INSIDE = '10.0.0.2';
const OUTSIDE = '203.0.113.20';
const NAT_PORTS = new Map([
  [500, 1027],
  [4500, 61_244],
]);

function end(address: string, mac: string, ttl = 64): Endpoint {
  return { mac, address, ttl };
}

/** Writes traffic that a name and `write` make, over a path. */
export function over(
  name: string,
  write: (t: Timeline) => void,
  path: Omit<PathBetween, 'near'> & { near?: readonly string[] } = {},
): () => Uint8Array[] {
  return () => {
    const t = namedTimeline(name);
    write(t);
    return bothFiles(t.frames(), { near: [NEAR.address], ...path });
  };
}

/** Both hosts ping each other all the time. */
function outerPings(t: Timeline, seconds: number, near = NEAR, far = FAR): void {
  ping(t, near, far, { at: 0.2, count: Math.floor(seconds), identifier: 0x4b02 });
}

export const isUdp = (port: number) => (packet: SentPacket) =>
  packet.protocol === IP_PROTOCOL.udp && (packet.destinationPort === port || packet.sourcePort === port);

// IPsec

const NATTED: IkePeers = {
  initiator: end(INSIDE, NEAR_MAC),
  responder: FAR,
  nat: { inside: INSIDE, outside: OUTSIDE, port500: 1027, port4500: 61_244, capturedAt: 'inside' },
};
export const THROUGH_NAT = {
  near: [INSIDE],
  nat: { inside: INSIDE, outside: OUTSIDE, ports: NAT_PORTS },
};
const SPIS = { toResponder: 0xc570_e4a2, toInitiator: 0x38f1_c96d };
/** strongSwan repeats after 4, 7.2, 13, 23.3 s. */
const REPEATED = [4, 11.2, 24.2, 47.5];

/** The first message of main mode, sent four times over `from` and `to`, and nothing else of IKE. */
export function firstMessages(from: Endpoint, to: Endpoint): (t: Timeline) => void {
  return (t) => {
    const session = ikev1MainMode(t, { initiator: from, responder: to }, { at: 2, upTo: 'MI1' });
    for (const after of [10, 30, 50]) sendMainMode(t, 2 + after, session, 'MI1');
    outerPings(t, 60, from, to);
  };
}

/** IKE_AUTH on port 4500, never answered. */
export function unansweredOn4500(t: Timeline): void {
  const session = ikev2Handshake(t, NATTED, { at: 2, upTo: 'authRequest' });
  for (const after of REPEATED) {
    sendIke(t, 2.0251 + after, NATTED, 'initiator', session.messages.authRequest, { floated: true });
  }
  outerPings(t, 60, NATTED.initiator);
}

/** As before, and every message is answered: by somebody whose answers do not arrive. */
export function answeredOn4500(t: Timeline): void {
  const session = ikev2Handshake(t, NATTED, { at: 2 });
  const { authRequest, authResponse } = session.messages;
  for (const after of REPEATED) {
    const at = 2.0251 + after;
    sendIke(t, at, NATTED, 'initiator', authRequest, { floated: true });
    sendIke(t, at + 0.0147, NATTED, 'responder', authResponse, { floated: true });
  }
  outerPings(t, 60, NATTED.initiator);
}

/** From 20 s on the far gateway sends nothing any more. */
export function oneWayTunnel(t: Timeline): void {
  const peers: IkePeers = { initiator: NEAR, responder: FAR };
  ikev2Handshake(t, peers, { at: 2 });
  const tunnel = espTunnelOf(peers, SPIS);
  espExchange(t, tunnel, { at: 2.4, seconds: 18, intervalMs: 400 });
  for (let index = 0; index < 60; index++) {
    espPacket(t, 20.6 + index * 0.4, tunnel.forth, ESP_SIZES[index % ESP_SIZES.length] ?? 128);
  }
  outerPings(t, 46);
}

/** The gateways do not notice the NAT: ESP stays native. */
export function nativeThroughNat(t: Timeline): void {
  const { initiator, responder } = NATTED;
  ikev1MainMode(t, NATTED, { at: 2, natTraversal: 'none' });
  const tunnel = espTunnelOf({ initiator, responder }, SPIS);
  espExchange(t, tunnel, { at: 3, seconds: 20, intervalMs: 500 });
  outerPings(t, 26, initiator);
}

/** AH one way; the far gateway discards what the NAT has rewritten. */
export function authenticationHeader(t: Timeline): void {
  const { initiator, responder } = NATTED;
  for (let index = 0; index < 40; index++) {
    const payload = ip({
      source: '10.1.0.9',
      destination: '10.2.0.5',
      protocol: IP_PROTOCOL.icmp,
      payload: icmpEcho({ identifier: 0x2f61, sequence: index + 1, data: t.random.bytes(56) }),
    });
    const packet = ah({
      nextHeader: 4,
      spi: SPIS.toResponder,
      sequence: index + 1,
      icv: t.random.bytes(12),
      payload,
    });
    t.sendIp(2 + index * 0.6, initiator, responder, IP_PROTOCOL.ah, packet);
  }
  outerPings(t, 27, initiator);
}

export function natTunnel(t: Timeline): void {
  ikev2Handshake(t, NATTED, { at: 2 });
  espExchange(t, espTunnelOf(NATTED, SPIS), { at: 2.4, seconds: 45, intervalMs: 500 });
  t.sendUdp(48, { ...NATTED.initiator, port: 4500 }, { ...FAR, port: 4500 }, NAT_KEEPALIVE);
  outerPings(t, 50, NATTED.initiator);
}

// VXLAN

const CELL_NEAR: Cell = { underlay: NEAR, mac: 'ee:ee:0a:ff:52:00', vtep: '10.255.82.0' };
const CELL_FAR: Cell = { underlay: FAR, mac: 'ee:ee:0a:ff:90:00', vtep: '10.255.144.0' };
const VTEP_NEAR = { cell: CELL_NEAR, address: CELL_NEAR.vtep, ttl: 64 };
const VTEP_FAR = { cell: CELL_FAR, address: CELL_FAR.vtep, ttl: 64 };

export function vxlanPings(options: Partial<InnerPing> = {}): (t: Timeline) => void {
  return (t) => {
    innerPing(t, VTEP_NEAR, VTEP_FAR, { at: 1, count: 30, identifier: 0x2f01, ...options });
    outerPings(t, 33);
  };
}

/** The far VTEP knows the segment as VNI 2: it discards what arrives with VNI 1. */
export function wrongVni(t: Timeline): void {
  const isAnswered = (): boolean => false;
  innerPing(t, VTEP_NEAR, VTEP_FAR, { at: 1, count: 20, identifier: 0x2f02, isAnswered });
  innerPing(t, VTEP_FAR, VTEP_NEAR, { at: 1.5, count: 12, identifier: 0x2f03, vni: 2, isAnswered });
  outerPings(t, 25);
}

// OpenVPN

export function openvpnTraffic(t: Timeline, largest: number): void {
  const tunnel = openvpnTunnel(t, { ...NEAR, port: 41_874 }, { ...FAR, port: 1194 });
  const done = openvpnHandshake(t, 1, tunnel);
  dataExchange(t, tunnel, { at: done + 0.4, count: 60, intervalSeconds: 0.5, length: 160 });
  for (let index = 0; index < 20; index++) {
    sendData(t, done + 6 + index * 1.1, tunnel, 'client', largest - 60 - index * 3);
    sendData(t, done + 6.4 + index * 1.1, tunnel, 'client', Math.min(largest, 1390) - 60 - index);
  }
}

// SCION

const CHILD: Router = { isdAs: '17-ffaa:1:64', socket: { ...NEAR, port: 50_000 } };
const PARENT: Router = { isdAs: '17-ffaa:0:1107', socket: { ...FAR, port: 50_015 } };

/** The parent sends nothing for some seconds. */
export function scionPause(t: Timeline): void {
  keepalives(t, { from: CHILD, to: PARENT, at: 0.32, until: 60 });
  keepalives(t, { from: PARENT, to: CHILD, at: 0.71, until: 60, lost: (beat) => beat > 30 && beat < 37 });
}

export function scionKeepalives(t: Timeline): void {
  keepalives(t, { from: CHILD, to: PARENT, at: 0.32, until: 90 });
  keepalives(t, { from: PARENT, to: CHILD, at: 0.71, until: 90 });
}

// A heartbeat of an unknown protocol

/** One a second each way; the far host sends nothing for six seconds. */
export function heartbeats(t: Timeline): void {
  for (let index = 0; index < 60; index++) {
    const [near, far] = [
      { ...NEAR, port: 7200 },
      { ...FAR, port: 7200 },
    ];
    t.sendUdp(0.3 + index + t.random.between(0, 0.003), near, far, t.random.bytes(40));
    if (index > 30 && index < 37) continue;
    t.sendUdp(0.7 + index + t.random.between(0, 0.003), far, near, t.random.bytes(40));
  }
}

// GRE

export function greTraffic(isAnswered: (index: number) => boolean): (t: Timeline) => void {
  return (t) => {
    for (const [host, identifier] of [
      ['192.168.20.9', 0x71],
      ['192.168.20.10', 0x72],
    ] as const) {
      for (let index = 0; index < 25; index++) {
        const echo = { identifier, sequence: index + 1, data: t.random.bytes(56) };
        const at = 1 + index + t.random.between(0, 0.01);
        const inner = (source: string, destination: string, payload: Uint8Array): Uint8Array =>
          gre({
            protocolType: ETHER_TYPE.ipv4,
            payload: ip({ source, destination, protocol: IP_PROTOCOL.icmp, payload, ttl: 63 }),
          });
        t.sendIp(at, NEAR, FAR, IP_PROTOCOL.gre, inner('192.168.10.5', host, icmpEcho(echo)));
        if (!isAnswered(index)) continue;
        const answer = inner(host, '192.168.10.5', icmpEcho({ ...echo, reply: true }));
        t.sendIp(at + 0.014, FAR, NEAR, IP_PROTOCOL.gre, answer);
      }
    }
    outerPings(t, 28);
  };
}

// BFD

const { down, up } = BFD_STATE;
export const MULTIHOP = 4784;

interface System extends Endpoint {
  readonly port: number;
  readonly discriminator: number;
}

const BFD_NEAR: System = { ...NEAR, ttl: 255, port: 49_152, discriminator: 0x5a01_0007 };
const BFD_FAR: System = { ...FAR, ttl: 255, port: 49_160, discriminator: 0x1c44_9e02 };

function say(
  t: Timeline,
  at: number,
  until: number,
  from: System,
  said: Pick<BfdControl, 'state' | 'diagnostic'>,
): void {
  const to = from === BFD_NEAR ? BFD_FAR : BFD_NEAR;
  const interval = said.state === up ? 300_000 : 1_000_000;
  for (let now = at; now < until; now += (interval / 1e6) * t.random.between(0.76, 1)) {
    const packet = bfdControl({
      ...said,
      mine: from.discriminator,
      yours: said.state === down && said.diagnostic === 1 ? 0 : to.discriminator,
      desiredMinTx: interval,
      requiredMinRx: interval,
    });
    t.sendUdp(now, from, { ...to, port: MULTIHOP }, packet);
  }
}

/** From 12 s on nothing of the near system arrives: the far one notices, and says so. */
export function bfdOneWay(t: Timeline): void {
  say(t, 0.5, 12.9, BFD_NEAR, { state: up });
  say(t, 0.6, 12.9, BFD_FAR, { state: up });
  say(t, 12.95, 35, BFD_FAR, { state: down, diagnostic: 1 });
  say(t, 13, 35, BFD_NEAR, { state: down, diagnostic: 3 });
  outerPings(t, 36);
}
