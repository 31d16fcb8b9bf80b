import { connections, outerPortOf } from '../../captures/cases/overlay-links.js';
import { distributedRouter, silentHost } from '../../captures/cases/overlay-macs.js';
import {
  APP_A,
  APP_B,
  encapsulate,
  innerConnection,
  innerPing,
  innerSyns,
  VTEP_A,
  VTEP_B,
} from '../../captures/cases/overlay-network.js';
import { OTHER_B, openedFromInside } from '../../captures/cases/overlay-passage.js';
import { PUBLIC_SITE } from '../../captures/cases/sites.js';
import { ETHER_TYPE, ethernet } from '../build/link.js';
import { dataExchange, openvpnHandshake, openvpnTunnel, pings } from '../build/openvpn.js';
import { espExchange, type Timeline } from '../build/scenario.js';
import { espTunnelOf, ikev2Handshake, ikev2Liveness, ikev2RekeyChild } from '../build/scenario-ike.js';
import { wireguardHandshake, wireguardSession, wireguardTalk, wireguardTunnel } from '../build/wireguard.js';
import { atSite, type Carry, inGre, inIpip, inVxlan, type LookAlike, natively, request } from './table.js';

/*
 * Tunnels that are used one way, rest, move or change their keys, and are well.
 */

const { local, peer, router } = PUBLIC_SITE;

/** Clients come in through a tunnel; `back` carries the answers, null where the capture does not see them. */
function oneWay(t: Timeline, forth: Carry, back: Carry | null): void {
  for (let index = 0; index < 8; index++) {
    const client = { address: `203.0.113.${100 + index}`, port: 45_000 + index };
    request(t, 2 + index * 2, client, { address: '192.0.2.80', port: 443 }, forth, back);
  }
}

/** Both directions of conversations, all to the collector. */
function mirrored(t: Timeline): void {
  const mirror = inVxlan(t, peer, local);
  oneWay(t, mirror, mirror);
}

/** A balancer takes a source address of its own for each flow. */
function katran(t: Timeline): void {
  for (let index = 0; index < 8; index++) {
    const forth = inIpip(t, { ...peer, address: `172.16.${index}.9` }, local);
    const client = { address: `203.0.113.${100 + index}`, port: 45_000 + index };
    request(
      t,
      2 + index * 2,
      client,
      { address: '192.0.2.80', port: 443 },
      forth,
      natively(t, local, router),
    );
  }
}

/** Geneve carries the address of the client's node; the pod answers the client directly. */
function ciliumDsr(t: Timeline): void {
  const back = natively(t, local, router);
  for (let index = 0; index < 6; index++) {
    innerPing(t, VTEP_B, VTEP_A, { at: 2 + index, count: 1, identifier: index + 1, geneve: true });
  }
  for (let index = 0; index < 8; index++) {
    const client = { address: `203.0.113.${100 + index}`, port: 45_000 + index };
    const forth: Carry = (at, packet) => geneveFrame(t, at, packet);
    request(t, 2 + index * 2, client, { address: APP_A.address, port: 443 }, forth, back);
  }
}

function geneveFrame(t: Timeline, at: number, packet: Uint8Array): void {
  const { source, destination } = { source: APP_B.cell.mac, destination: APP_A.cell.mac };
  encapsulate(
    t,
    at,
    APP_B.cell,
    APP_A.cell,
    ethernet({ source, destination, etherType: ETHER_TYPE.ipv4, payload: packet }),
    { geneve: true },
  );
}

/** Services on two hosts are closed by default, some by a rejection; others are reached, and everything is pinged. */
function defaultDeny(t: Timeline): void {
  for (const [index, host] of [APP_B, OTHER_B].entries()) {
    innerPing(t, APP_A, host, { at: 2 + index / 3, count: 20, identifier: 20 + index });
    innerSyns(t, APP_A, host, {
      at: 4 + index,
      clientPort: 58_100 + index,
      serverPort: 9090,
      isRejected: true,
      repeats: [],
    });
    innerConnection(t, APP_A, host, { at: 6 + index, clientPort: 58_200 + index, serverPort: 8080 });
  }
}

function monitoringPings(t: Timeline): void {
  for (const [index, host] of [APP_B, OTHER_B, VTEP_B].entries()) {
    innerPing(t, APP_A, host, { at: 2 + index / 3, count: 25, identifier: 30 + index });
  }
}

/** One host has two switches: its frames come from the address of either. */
function mlag(t: Timeline): void {
  const other = '52:54:00:aa:00:02';
  innerPing(t, APP_A, APP_B, { at: 2, count: 20, identifier: 40, reply: { macs: { source: other } } });
  for (let index = 0; index < 8; index++) {
    const macs = index % 2 ? { source: other } : {};
    const ports = { clientPort: 40_000 + index, serverPort: 8080 };
    innerConnection(t, APP_A, APP_B, { at: 3 + index * 2, ...ports, reply: { macs } });
    innerConnection(t, APP_B, APP_A, {
      at: 3.5 + index * 2,
      clientPort: 41_000 + index,
      serverPort: 8080,
      macs,
    });
  }
}

function virtualRouter(t: Timeline): void {
  const macs = { destination: '00:00:5e:00:01:0a' };
  innerPing(t, APP_A, APP_B, { at: 2, count: 20, identifier: 41, macs });
  innerPing(t, APP_B, APP_A, { at: 2.3, count: 20, identifier: 42, reply: { macs } });
}

function migration(t: Timeline): void {
  const macs = { destination: '52:54:00:ab:01:02' };
  innerPing(t, APP_B, APP_A, { at: 2, count: 20, identifier: 43 });
  innerPing(t, APP_A, APP_B, { at: 2.3, count: 2, identifier: 44, macs, isAnswered: () => false });
  innerPing(t, APP_A, APP_B, { at: 4.3, count: 16, identifier: 44 });
}

/** Above a rate, whatever comes at that time is dropped. */
function policer(t: Timeline): void {
  connections(t, 60, (_port, index) => index > 20 && index < 26);
}

/** A server that is off, behind the same tunnel as others that answer. */
function deadServer(t: Timeline): void {
  connections(t, 60, () => false);
  for (let index = 0; index < 12; index++) {
    const ports = { clientPort: 47_000 + index, serverPort: 8080, outerPort: outerPortOf(index) };
    innerSyns(t, APP_A, OTHER_B, { at: 2 + index, ...ports });
  }
}

function idleOverlay(t: Timeline): void {
  for (const at of [2, 130, 290]) innerPing(t, APP_A, APP_B, { at, count: 3, identifier: 50 + at });
}

const SPIS = { toResponder: 0xc3a1107e, toInitiator: 0x2f0b9d34 };
const GATEWAYS = { initiator: local, responder: peer };

function idleIpsec(t: Timeline): void {
  const session = ikev2Handshake(t, GATEWAYS, { at: 2 });
  espExchange(t, espTunnelOf(GATEWAYS, SPIS), { at: 3, seconds: 8, intervalMs: 900 });
  for (let at = 30; at < 290; at += 30) ikev2Liveness(t, session, at, at % 60 ? 'initiator' : 'responder');
}

function rekeyedIpsec(t: Timeline): void {
  const session = ikev2Handshake(t, GATEWAYS, { at: 2 });
  espExchange(t, espTunnelOf(GATEWAYS, SPIS), { at: 3, seconds: 30, intervalMs: 500 });
  ikev2RekeyChild(t, session, 32.9);
  const next = { toResponder: 0xc7715f02, toInitiator: 0x61c30a9b };
  espExchange(t, espTunnelOf(GATEWAYS, next), { at: 33, seconds: 30, intervalMs: 500 });
}

const ROAMED = { ...peer, address: '203.0.113.88', port: 5122 };

function wireguardRoams(t: Timeline): void {
  const tunnel = wireguardTunnel(t, { ...peer, port: 49_000 }, { ...local, port: 51_820 });
  const left = wireguardTalk(t, tunnel, { at: wireguardHandshake(t, 2, tunnel) + 0.3, count: 30 });
  tunnel.a.socket = ROAMED;
  tunnel.b.endpoint = ROAMED;
  wireguardTalk(t, tunnel, { at: left + 3, count: 40 });
}

function openvpnFloats(t: Timeline): void {
  const tunnel = openvpnTunnel(t, { ...peer, port: 41_874 }, { ...local, port: 1194 });
  const done = openvpnHandshake(t, 2, tunnel);
  dataExchange(t, tunnel, { at: done + 1, count: 30, intervalSeconds: 0.5 });
  tunnel.client.socket = ROAMED;
  dataExchange(t, tunnel, { at: 20, count: 40, intervalSeconds: 0.5 });
}

function openvpnRests(t: Timeline): void {
  const tunnel = openvpnTunnel(t, { ...local, port: 41_874 }, { ...peer, port: 1194 });
  const done = openvpnHandshake(t, 2, tunnel);
  for (const from of ['client', 'server'] as const) pings(t, tunnel, from, done + 5, 100);
  const again = openvpnHandshake(t, 101, tunnel, { soft: true });
  for (const from of ['client', 'server'] as const) pings(t, tunnel, from, again + 5, 200);
}

const around = 'overlay.asymmetric-encapsulation';
const home = natively;

export const tunnels: readonly LookAlike[] = [
  {
    id: 'overlay.only-icmp-passes',
    shows: 'default-deny policy',
    build: atSite('default-deny', 30, defaultDeny),
    allow: ['overlay.policy-reject', 'tcp.refused'],
  },
  {
    id: 'overlay.only-icmp-passes',
    shows: 'monitoring pings',
    build: atSite('monitoring', 30, monitoringPings),
  },
  {
    id: around,
    shows: 'IPVS-TUN: the answer goes natively',
    build: atSite('ipvs', 25, (t) => oneWay(t, inIpip(t, peer, local), home(t, local, router))),
  },
  { id: around, shows: 'Katran', build: atSite('katran', 25, katran) },
  { id: around, shows: 'Cilium DSR', build: atSite('cilium', 25, ciliumDsr) },
  { id: 'geneve.no-return', shows: 'Cilium DSR', build: atSite('cilium', 25, ciliumDsr) },
  {
    id: around,
    shows: 'GRE scrubbing',
    build: atSite('scrubbing', 25, (t) => oneWay(t, inGre(t, peer, local), home(t, local, router))),
  },
  {
    id: 'gre.no-return',
    shows: 'GRE scrubbing, of which the tunnel alone was captured',
    build: atSite('scrubbed', 25, (t) => oneWay(t, inGre(t, peer, local), null)),
  },
  {
    id: 'ipip.no-return',
    shows: 'Mobile IP: the answer goes natively',
    build: atSite('mobile-ip', 25, (t) => oneWay(t, inIpip(t, peer, local), home(t, local, router))),
  },
  {
    id: 'ipip.no-return',
    shows: 'IPVS-TUN, of which the tunnel alone was captured',
    build: atSite('ipvs-alone', 25, (t) => oneWay(t, inIpip(t, peer, local), null)),
  },
  { id: 'vxlan.no-return', shows: 'mirroring in VXLAN', build: atSite('mirrored', 25, mirrored) },
  {
    id: 'overlay.opens-from-inside',
    shows: 'a road warrior behind NAT',
    build: atSite('road-warrior', 180, (t) => openedFromInside(t, 3, (cycle) => cycle === 0)),
    allow: ['vxlan.loss', 'underlay.ping-loss'],
  },
  {
    id: 'vxlan.stale-mac',
    shows: 'EVPN anycast gateway and router MACs',
    build: atSite('evpn', 20, distributedRouter),
    allow: ['tcp.syn-unanswered'],
  },
  { id: 'vxlan.stale-mac', shows: 'VRRP', build: atSite('vrrp', 25, virtualRouter) },
  {
    id: 'vxlan.stale-mac',
    shows: 'silent VMs',
    build: atSite('silent-vm', 20, silentHost),
    allow: ['underlay.ping-loss', 'vxlan.loss'],
  },
  { id: 'vxlan.stale-mac', shows: 'a migration within seconds', build: atSite('migration', 25, migration) },
  { id: 'vxlan.stale-mac', shows: 'MLAG pairs', build: atSite('mlag', 25, mlag) },
  {
    id: 'underlay.port-bucket-loss',
    shows: 'one dead server',
    build: atSite('dead-server', 30, deadServer),
    allow: ['tcp.syn-unanswered'],
  },
  {
    id: 'underlay.port-bucket-loss',
    shows: 'a policer',
    build: atSite('policer', 30, policer),
    allow: ['tcp.syn-unanswered'],
  },
  { id: null, shows: 'idle tunnels: VXLAN', build: atSite('idle-vxlan', 300, idleOverlay) },
  { id: 'ike.dpd-unanswered', shows: 'idle tunnels: IPsec', build: atSite('idle-ipsec', 300, idleIpsec) },
  {
    id: 'openvpn.keepalive-gap',
    shows: 'idle tunnels and rekeys: OpenVPN',
    build: atSite('idle-openvpn', 200, openvpnRests),
  },
  { id: 'esp.stale-spi', shows: 'rekeys: IPsec', build: atSite('rekeyed-ipsec', 65, rekeyedIpsec) },
  {
    id: 'wireguard.handshake-loop',
    shows: 'rekeys: WireGuard',
    build: atSite('rekeyed-wireguard', 260, (t) =>
      wireguardSession(t, wireguardTunnel(t, { ...local, port: 49_000 }, { ...peer, port: 51_820 }), 2, 250),
    ),
  },
  {
    id: 'wireguard.endpoint-stale',
    shows: 'roaming clients: WireGuard',
    build: atSite('wireguard-roams', 65, wireguardRoams),
  },
  {
    id: 'openvpn.one-way-data',
    shows: 'roaming clients: OpenVPN',
    build: atSite('openvpn-floats', 45, openvpnFloats),
  },
];
