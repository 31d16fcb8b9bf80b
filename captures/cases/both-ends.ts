import { BFD_STATE, type BfdControl, bfdControl } from '../../test/build/bfd.js';
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
} from '../../test/build/scenario-ike.js';
import { keepalives, type Router } from '../../test/build/scenario-scion.js';
import { type Cell, type InnerPing, innerPing } from './overlay-network.js';
import type { SamplePath } from './pairs.js';
import { namedTimeline } from './sites.js';

/*
 * Tunnels of every kind over a path with a fault, as captures of both ends show it.
 */

const NEAR_MAC = '00:00:5e:00:53:0a';
const FAR_MAC = '00:00:5e:00:53:fe';
const NEAR = end('192.0.2.1', NEAR_MAC);
const FAR = end('198.51.100.7', FAR_MAC);
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
function over(
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

const isUdp = (port: number) => (packet: SentPacket) =>
  packet.protocol === IP_PROTOCOL.udp && (packet.destinationPort === port || packet.sourcePort === port);

// IPsec

const NATTED: IkePeers = {
  initiator: end(INSIDE, NEAR_MAC),
  responder: FAR,
  nat: { inside: INSIDE, outside: OUTSIDE, port500: 1027, port4500: 61_244, capturedAt: 'inside' },
};
const THROUGH_NAT = {
  near: [INSIDE],
  nat: { inside: INSIDE, outside: OUTSIDE, ports: NAT_PORTS },
};
const SPIS = { toResponder: 0xc570_e4a2, toInitiator: 0x38f1_c96d };
/** strongSwan repeats after 4, 7.2, 13, 23.3 s. */
const REPEATED = [4, 11.2, 24.2, 47.5];

/** IKE_AUTH on port 4500, never answered. */
function unansweredOn4500(t: Timeline): void {
  const session = ikev2Handshake(t, NATTED, { at: 2, upTo: 'authRequest' });
  for (const after of REPEATED) {
    sendIke(t, 2.0251 + after, NATTED, 'initiator', session.messages.authRequest, { floated: true });
  }
  outerPings(t, 60, NATTED.initiator);
}

/** As before, and every message is answered: by somebody whose answers do not arrive. */
function answeredOn4500(t: Timeline): void {
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
function oneWayTunnel(t: Timeline): void {
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
function nativeThroughNat(t: Timeline): void {
  const { initiator, responder } = NATTED;
  ikev1MainMode(t, NATTED, { at: 2, natTraversal: 'none' });
  const tunnel = espTunnelOf({ initiator, responder }, SPIS);
  espExchange(t, tunnel, { at: 3, seconds: 20, intervalMs: 500 });
  outerPings(t, 26, initiator);
}

function natTunnel(t: Timeline): void {
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

function vxlanPings(options: Partial<InnerPing> = {}): (t: Timeline) => void {
  return (t) => {
    innerPing(t, VTEP_NEAR, VTEP_FAR, { at: 1, count: 30, identifier: 0x2f01, ...options });
    outerPings(t, 33);
  };
}

/** The far VTEP knows the segment as VNI 2: it discards what arrives with VNI 1. */
function wrongVni(t: Timeline): void {
  const isAnswered = (): boolean => false;
  innerPing(t, VTEP_NEAR, VTEP_FAR, { at: 1, count: 20, identifier: 0x2f02, isAnswered });
  innerPing(t, VTEP_FAR, VTEP_NEAR, { at: 1.5, count: 12, identifier: 0x2f03, vni: 2, isAnswered });
  outerPings(t, 25);
}

// OpenVPN

function openvpnTraffic(t: Timeline, largest: number): void {
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
function scionPause(t: Timeline): void {
  keepalives(t, { from: CHILD, to: PARENT, at: 0.32, until: 60 });
  keepalives(t, { from: PARENT, to: CHILD, at: 0.71, until: 60, lost: (beat) => beat > 30 && beat < 37 });
}

function scionKeepalives(t: Timeline): void {
  keepalives(t, { from: CHILD, to: PARENT, at: 0.32, until: 90 });
  keepalives(t, { from: PARENT, to: CHILD, at: 0.71, until: 90 });
}

// GRE

function greTraffic(isAnswered: (index: number) => boolean): (t: Timeline) => void {
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
const MULTIHOP = 4784;

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
function bfdOneWay(t: Timeline): void {
  say(t, 0.5, 12.9, BFD_NEAR, { state: up });
  say(t, 0.6, 12.9, BFD_FAR, { state: up });
  say(t, 12.95, 35, BFD_FAR, { state: down, diagnostic: 1 });
  say(t, 13, 35, BFD_NEAR, { state: down, diagnostic: 3 });
  outerPings(t, 36);
}

export const BOTH_ENDS_PATHS: readonly SamplePath[] = [
  {
    name: 'ike-4500-blocked',
    shows: 'port 500 passes a NAT and the path, port 4500 does not',
    must: ['underlay.selective-loss', 'ike.natt-4500-blocked'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-ike-4500-blocked', unansweredOn4500, { ...THROUGH_NAT, loses: isUdp(4500) }),
  },
  {
    name: 'ike-4500-local',
    shows: 'IKE_AUTH arrives on port 4500 and is never answered there, port 500 is',
    must: ['ike.natt-4500-local'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-ike-4500-local', unansweredOn4500, THROUGH_NAT),
  },
  {
    name: 'ike-4500-answers-lost',
    shows: 'IKE_AUTH arrives on port 4500 and is answered, but the answers do not come back',
    must: ['underlay.selective-loss', 'ike.natt-4500-blocked'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-ike-4500-answers', answeredOn4500, {
      ...THROUGH_NAT,
      loses: (packet) => !packet.isForth && isUdp(4500)(packet),
    }),
  },
  {
    name: 'esp-one-way',
    shows: 'ESP arrives at the far gateway, which sends none any more',
    must: ['esp.one-way-spi'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-esp-one-way', oneWayTunnel),
  },
  {
    name: 'esp-native-nat',
    shows: 'native ESP through a NAT that IKE did not notice',
    must: ['ike.nat-undetected'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-esp-native-nat', nativeThroughNat, THROUGH_NAT),
  },
  {
    name: 'esp-nat-healthy',
    shows: 'ESP in UDP through a NAT, both ways',
    must: [],
    healthy: true,
    points: ['a', 'b'],
    write: over('pair-esp-nat', natTunnel, THROUGH_NAT),
  },
  {
    name: 'vxlan-vni-mismatch',
    shows: 'one end sends in VNI 1 and the other in VNI 2; everything arrives and nothing is answered',
    must: ['vxlan.vni-mismatch'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-vxlan-vni', wrongVni),
  },
  {
    name: 'vxlan-asymmetric-healthy',
    shows: 'each direction has its own VNI, and the answers come',
    must: [],
    healthy: true,
    points: ['a', 'b'],
    write: over('pair-vxlan-asymmetric', vxlanPings({ vni: 41, reply: { vni: 57 } })),
  },
  {
    name: 'vxlan-local',
    shows: 'VXLAN arrives and nothing in it is answered, pings of the hosts are',
    must: ['underlay.local-drop'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-vxlan-local', vxlanPings({ isAnswered: () => false })),
  },
  {
    name: 'vxlan-asymmetric-blocked',
    shows: 'each direction has its own VNI, and VXLAN does not arrive at the far end',
    must: ['vxlan.blocked-in-path'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-vxlan-asymmetric-blocked', wrongVni, {
      loses: (packet) => packet.isForth && isUdp(4789)(packet),
    }),
  },
  {
    name: 'vxlan-loss',
    shows: 'for four seconds nothing of the far cell arrives',
    must: ['underlay.path-loss'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-vxlan-loss', vxlanPings({ count: 120, intervalSeconds: 0.25 }), {
      loses: ({ isForth, seconds }) => !isForth && seconds > 12 && seconds < 16,
    }),
  },
  {
    name: 'openvpn-mtu',
    shows: 'OpenVPN over a path that loses every packet above 1,400 bytes',
    must: ['mtu.blackhole'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-openvpn-mtu', (t) => openvpnTraffic(t, 1500), {
      loses: ({ length }) => length > 1400,
    }),
  },
  {
    name: 'openvpn-loss',
    shows: 'OpenVPN loses every fifth packet one way',
    must: ['underlay.path-loss'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-openvpn-loss', (t) => openvpnTraffic(t, 600), {
      loses: ({ isForth, index }) => isForth && index % 5 === 3 && index > 20,
    }),
  },
  {
    name: 'openvpn-healthy',
    shows: 'OpenVPN both ways',
    must: [],
    healthy: true,
    points: ['a', 'b'],
    write: over('pair-openvpn', (t) => openvpnTraffic(t, 1400)),
  },
  {
    name: 'esp-loss',
    shows: 'ESP in UDP loses packets one way now and then',
    must: ['underlay.path-loss'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-esp-loss', natTunnel, {
      ...THROUGH_NAT,
      loses: ({ isForth, index }) => isForth && index % 7 === 3 && index > 10,
    }),
  },
  {
    name: 'scion-lossy-hop',
    shows: 'a hop below SCION loses some keepalives of the parent in a row, twice',
    must: ['underlay.path-loss'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-scion', scionKeepalives, {
      loses: ({ isForth, seconds }) =>
        !isForth && ((seconds > 30 && seconds < 36) || (seconds > 60 && seconds < 65)),
    }),
  },
  {
    name: 'scion-sender-pauses',
    shows: 'the parent sends no keepalives for six seconds; nothing is lost',
    must: ['scion.keepalive-gap'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-scion-pause', scionPause),
  },
  {
    name: 'scion-healthy',
    shows: 'keepalives of SCION both ways',
    must: [],
    healthy: true,
    points: ['a', 'b'],
    write: over('pair-scion', scionKeepalives),
  },
  {
    name: 'gre-filtered',
    shows: 'GRE arrives, the answers in GRE do not: a filter of protocol 47 one way',
    must: ['underlay.selective-loss'],
    healthy: false,
    points: ['a', 'b'],
    write: over(
      'pair-gre',
      greTraffic(() => true),
      {
        loses: ({ isForth, protocol }) => !isForth && protocol === IP_PROTOCOL.gre,
      },
    ),
  },
  {
    name: 'gre-local',
    shows: 'GRE arrives and is never answered, pings of the hosts are',
    must: ['underlay.local-drop'],
    healthy: false,
    points: ['a', 'b'],
    write: over(
      'pair-gre-local',
      greTraffic(() => false),
    ),
  },
  {
    name: 'gre-healthy',
    shows: 'GRE both ways',
    must: [],
    healthy: true,
    points: ['a', 'b'],
    write: over(
      'pair-gre',
      greTraffic(() => true),
    ),
  },
  {
    name: 'bfd-one-way',
    shows: 'BFD packets of one end do not arrive from some moment on, pings do',
    must: ['underlay.selective-loss'],
    healthy: false,
    points: ['a', 'b'],
    write: over('pair-bfd', bfdOneWay, {
      loses: (packet) => packet.isForth && isUdp(MULTIHOP)(packet) && packet.seconds > 12,
    }),
  },
];
