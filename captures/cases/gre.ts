import { ascii, concat, u16, u32 } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { gre } from '../../test/build/gre.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { type Endpoint, ping, type Timeline } from '../../test/build/scenario.js';
import { type Tcp, type TcpFlag, tcp } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

const { local, peer } = PUBLIC_SITE;
const GRE = 47;
const IP_IN_IP = 4;
const TYPE_ERSPAN = 0x88be;
const TYPE_ETHERNET = 0x6558;
const MIDONET_FLOW_STATE_KEY = 0xff_ffff;
const OURS = '192.168.10.';
const THEIRS = '192.168.20.';

/** One end's own setting of a tunnel, and its counter where it counts. */
interface TunnelEnd {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly key?: number;
  sequence?: number;
}

function ends(
  keys: { here?: number; there?: number },
  counted = false,
): { here: TunnelEnd; there: TunnelEnd } {
  const end = (from: Endpoint, to: Endpoint, key?: number): TunnelEnd => ({
    from,
    to,
    ...(key === undefined ? {} : { key }),
    ...(counted ? { sequence: 0 } : {}),
  });
  return { here: end(local, peer, keys.here), there: end(peer, local, keys.there) };
}

/** Sends an inner packet; returns the outer one. `lost`: it counts, but does not reach the capture point. */
function encapsulate(t: Timeline, at: number, end: TunnelEnd, packet: Uint8Array, lost = false): Uint8Array {
  const { key, sequence } = end;
  const payload = gre({
    protocolType: ETHER_TYPE.ipv4,
    ...(key === undefined ? {} : { key }),
    ...(sequence === undefined ? {} : { sequence }),
    payload: packet,
  });
  if (sequence !== undefined) end.sequence = sequence + 1;
  if (lost) return ip({ source: end.from.address, destination: end.to.address, protocol: GRE, payload });
  return t.sendIp(at, end.from, end.to, GRE, payload, { dontFragment: true });
}

interface InnerPing {
  at: number;
  count: number;
  source: string;
  destination: string;
  identifier: number;
  answered?: boolean;
}

/** Pings through a tunnel; returns the outer request packets. */
function innerPing(t: Timeline, forth: TunnelEnd, back: TunnelEnd, options: InnerPing): Uint8Array[] {
  const { at, count, source, destination, identifier, answered = true } = options;
  return Array.from({ length: count }, (_, index) => {
    const echo = { identifier, sequence: index + 1, data: t.random.bytes(56) };
    const seconds = at + index + t.random.between(0, 0.002);
    const protocol = IP_PROTOCOL.icmp;
    const request = ip({ source, destination, protocol, payload: icmpEcho(echo), ttl: 63 });
    const outer = encapsulate(t, seconds, forth, request);
    if (answered) {
      const payload = icmpEcho({ ...echo, reply: true });
      const reply = ip({ source: destination, destination: source, protocol, payload, ttl: 63 });
      encapsulate(t, seconds + 0.013 + t.random.between(0, 0.001), back, reply);
    }
    return outer;
  });
}

/** Inner hosts have an MTU of 1500: outer packets of 1528 bytes leave in two fragments, which all arrive. */
function outerFragments(t: Timeline): void {
  const { here, there } = ends({ here: 700, there: 700 });
  innerPing(t, here, there, { ...FIRST_PAIR, at: 3, count: 4 });
  for (let index = 0; index < 6; index++) {
    for (const [at, end, reply] of [
      [8 + index, here, false],
      [8.013 + index, there, true],
    ] as const) {
      const [source, destination] = reply ? [`${THEIRS}9`, `${OURS}5`] : [`${OURS}5`, `${THEIRS}9`];
      const payload = icmpEcho({
        identifier: 0x51d2,
        sequence: index + 1,
        data: t.random.bytes(1472),
        reply,
      });
      const packet = ip({ source, destination, protocol: IP_PROTOCOL.icmp, payload, ttl: 63 });
      const outer = gre({ protocolType: ETHER_TYPE.ipv4, key: 700, payload: packet });
      t.sendIp(at, end.from, end.to, GRE, outer, { mtu: 1500 });
    }
  }
}

/** A connection that opens, sends a request and gets its answer. */
function innerConnection(t: Timeline, at: number, forth: TunnelEnd, back: TunnelEnd): void {
  const client = { source: `${OURS}5`, destination: `${THEIRS}9`, sourcePort: 41_802, destinationPort: 7070 };
  const server = { source: `${THEIRS}9`, destination: `${OURS}5`, sourcePort: 7070, destinationPort: 41_802 };
  const [x, y] = [t.random.next(), t.random.next()];
  const step = (
    seconds: number,
    isClient: boolean,
    flags: TcpFlag[],
    size: number,
    own: number,
    seen: number,
  ): void => {
    const ends = isClient ? client : server;
    const payload = ascii('.'.repeat(size));
    const segment = tcp({ ...ends, flags, sequence: own >>> 0, acknowledgment: seen >>> 0, payload });
    const packet = ip({ ...ends, protocol: IP_PROTOCOL.tcp, payload: segment, ttl: 63 });
    encapsulate(t, at + seconds, isClient ? forth : back, packet);
  };
  step(0, true, ['SYN'], 0, x, 0);
  step(0.013, false, ['SYN', 'ACK'], 0, y, x + 1);
  step(0.0131, true, ['ACK'], 0, x + 1, y + 1);
  step(0.014, true, ['PSH', 'ACK'], 120, x + 1, y + 1);
  step(0.031, false, ['PSH', 'ACK'], 400, y + 1, x + 121);
  step(0.032, true, ['FIN', 'ACK'], 0, x + 121, y + 401);
  step(0.046, false, ['FIN', 'ACK'], 0, y + 401, x + 122);
  step(0.0461, true, ['ACK'], 0, x + 122, y + 402);
}

/** A capture of a tunnel gateway; pings between the outer addresses pass. */
function gatewayCapture(name: string, seconds: number, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    ping(t, local, peer, { at: 2, count: 3, identifier: 0x2a11, roundTripSeconds: 0.012 });
    build(t);
    return writePcap(t.frames());
  };
}

const FIRST_PAIR = { source: `${OURS}5`, destination: `${THEIRS}9`, identifier: 0x51d0 };
const SECOND_PAIR = { source: `${OURS}6`, destination: `${THEIRS}10`, identifier: 0x51d1 };
const REVERSE_PAIR = { source: `${THEIRS}9`, destination: `${OURS}5`, identifier: 0x0c01 };

function healthyTunnel(t: Timeline): void {
  const { here, there } = ends({ here: 700, there: 700 }, true);
  innerPing(t, here, there, { ...FIRST_PAIR, at: 3, count: 4 });
  countedStream(t, there, () => false);
  innerConnection(t, 18.4, here, there);
  innerPing(t, there, here, { ...REVERSE_PAIR, at: 19, count: 5 });
}

function keysPerDirection(t: Timeline): void {
  const { here, there } = ends({ here: 11, there: 12 });
  innerPing(t, here, there, { ...FIRST_PAIR, at: 6, count: 8 });
  innerConnection(t, 15, here, there);
}

/** Two agents of MidoNet: the key names the receiving port; flow state goes one way under a key of its own. */
function midonet(t: Timeline): void {
  const ports = ends({ here: 41, there: 57 });
  innerPing(t, ports.here, ports.there, { ...FIRST_PAIR, at: 6, count: 8 });
  innerConnection(t, 15, ports.here, ports.there);
  const { here } = ends({ here: MIDONET_FLOW_STATE_KEY });
  const state = { source: '169.254.15.1', destination: '169.254.15.2' };
  for (let index = 0; index < 30; index += 1) {
    const payload = udp({ ...state, sourcePort: 2925, destinationPort: 2925, payload: t.random.bytes(96) });
    const packet = ip({ ...state, protocol: IP_PROTOCOL.udp, payload });
    const frame = ethernet({
      source: 'ac:ca:ba:00:15:01',
      destination: 'ac:ca:ba:00:15:02',
      etherType: ETHER_TYPE.ipv4,
      payload: packet,
    });
    const header = { protocolType: TYPE_ETHERNET, key: here.key ?? 0, payload: frame };
    t.sendIp(5.5 + index, here.from, here.to, GRE, gre(header), { dontFragment: true });
  }
}

function noReturn(t: Timeline): void {
  const { here, there } = ends({ here: 700, there: 700 });
  innerPing(t, here, there, { ...FIRST_PAIR, at: 6, count: 8 });
  innerPing(t, here, there, { ...FIRST_PAIR, identifier: 0x51d2, at: 15, count: 15, answered: false });
  innerPing(t, here, there, { ...SECOND_PAIR, at: 17.3, count: 10, answered: false });
}

function keyMismatch(t: Timeline): void {
  const { here, there } = ends({ here: 700, there: 707 });
  innerPing(t, here, there, { ...FIRST_PAIR, at: 6, count: 12, answered: false });
  innerPing(t, there, here, { ...REVERSE_PAIR, at: 8.4, count: 10, answered: false });
}

function protocolUnreachable(t: Timeline): void {
  const { here, there } = ends({ here: 700, there: 700 });
  const requests = innerPing(t, here, there, { ...FIRST_PAIR, at: 6, count: 10, answered: false });
  for (const [index, packet] of requests.entries()) {
    t.sendIp(6.014 + index, peer, local, IP_PROTOCOL.icmp, icmpError(3, 2, packet));
  }
}

/** 200 packets of UDP from the far side. */
function countedStream(t: Timeline, end: TunnelEnd, isLost: (index: number) => boolean): void {
  for (let index = 0; index < 200; index += 1) {
    const ends = { source: `${THEIRS}30`, destination: `${OURS}30` };
    const reading = ascii(`temperature ${index} of the far side, once every fifty milliseconds`);
    const payload = udp({ ...ends, sourcePort: 40_211, destinationPort: 40_211, payload: reading });
    const packet = ip({ ...ends, protocol: IP_PROTOCOL.udp, payload });
    encapsulate(t, 8 + index * 0.05, end, packet, isLost(index));
  }
}

function sequenceLoss(t: Timeline): void {
  const { here, there } = ends({ here: 700, there: 700 }, true);
  innerPing(t, here, there, { ...FIRST_PAIR, at: 4, count: 4 });
  countedStream(t, there, (index) => index % 50 > 30 && index % 50 < 34);
}

/** A switch mirrors a port: frames of both directions of its host, all to the collector (ERSPAN type II). */
function mirrorSession(t: Timeline): void {
  const hosts = [
    { mac: '00:00:5e:00:53:21', address: '10.40.0.5' },
    { mac: '00:00:5e:00:53:22', address: '10.40.0.9' },
  ];
  let sequence = 0;
  const mirror = (at: number, source: number, payload: Uint8Array): void => {
    const [from, to] = source === 0 ? hosts : [...hosts].reverse();
    const packet = ip({ source: from.address, destination: to.address, protocol: IP_PROTOCOL.icmp, payload });
    const frame = ethernet({
      source: from.mac,
      destination: to.mac,
      etherType: ETHER_TYPE.ipv4,
      payload: packet,
    });
    const header = concat(u16(0x1000), u16(0x0064), u32(0));
    const copy = gre({ protocolType: TYPE_ERSPAN, sequence, payload: concat(header, frame) });
    sequence += 1;
    t.sendIp(at, peer, local, GRE, copy);
  };
  for (let index = 0; index < 60; index += 1) {
    const echo = { identifier: 0x7a00, sequence: index + 1, data: t.random.bytes(56) };
    mirror(5 + index * 0.25, 0, icmpEcho(echo));
    // The mirrored host leaves every tenth ping without answer.
    if (index % 10 !== 9) mirror(5.0004 + index * 0.25, 1, icmpEcho({ ...echo, reply: true }));
  }
}

/** Pods on two nodes of Calico, in IP in IP. */
function ipInIp(t: Timeline): void {
  const [ours, theirs] = ['10.244.1.7', '10.244.2.19'];
  for (let index = 0; index < 10; index += 1) {
    const echo = { identifier: 0x2f01, sequence: index + 1, data: t.random.bytes(56) };
    const between = { source: ours, destination: theirs, protocol: IP_PROTOCOL.icmp, ttl: 63 };
    const request = ip({ ...between, payload: icmpEcho(echo) });
    const payload = icmpEcho({ ...echo, reply: true });
    const reply = ip({ ...between, source: theirs, destination: ours, payload });
    t.sendIp(6 + index, local, peer, IP_IN_IP, request);
    t.sendIp(6.0124 + index, peer, local, IP_IN_IP, reply);
  }
}

/** After 6 s nothing comes back through the tunnel; the nodes themselves still reach each other. */
function ipInIpNoReturn(t: Timeline): void {
  const [ours, theirs] = ['10.244.1.7', '10.244.2.19'];
  for (let index = 0; index < 20; index += 1) {
    const echo = { identifier: 0x2f21, sequence: index + 1, data: t.random.bytes(56) };
    const between = { source: ours, destination: theirs, protocol: IP_PROTOCOL.icmp, ttl: 63 };
    t.sendIp(4 + index, local, peer, IP_IN_IP, ip({ ...between, payload: icmpEcho(echo) }));
    if (index >= 6) continue;
    const payload = icmpEcho({ ...echo, reply: true });
    const reply = ip({ ...between, source: theirs, destination: ours, payload });
    t.sendIp(4.0124 + index, peer, local, IP_IN_IP, reply);
  }
}

/** A balancer in tunnel mode: requests go through IP in IP to the server, which answers the client itself, unseen here. */
function directServerReturn(t: Timeline): void {
  for (let client = 0; client < 4; client += 1) {
    const ends = { source: `198.51.100.${20 + client}`, destination: '203.0.113.80' };
    const ports = { ...ends, sourcePort: 40_100 + client, destinationPort: 80 };
    const send = (at: number, segment: Omit<Tcp, keyof typeof ports>): void => {
      const payload = tcp({ ...ports, ...segment });
      t.sendIp(
        4 + client * 2 + at,
        local,
        peer,
        IP_IN_IP,
        ip({ ...ends, protocol: IP_PROTOCOL.tcp, ttl: 57, payload }),
      );
    };
    send(0, { sequence: 1000, flags: ['SYN'] });
    send(0.03, { sequence: 1001, acknowledgment: 5001, flags: ['ACK'] });
    send(0.031, { sequence: 1001, acknowledgment: 5001, flags: ['ACK'], payload: t.random.bytes(120) });
    send(0.09, { sequence: 1121, acknowledgment: 9001, flags: ['ACK', 'FIN'] });
  }
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'gre-healthy.pcap',
    shows: 'GRE with key and sequence numbers: inner pings both ways, a TCP connection and a stream',
    must: [],
    healthy: true,
    write: gatewayCapture('gre-healthy', 26, healthyTunnel),
  },
  {
    file: 'gre-keys-per-direction.pcap',
    shows: 'GRE whose key differs per direction by design (as in MidoNet): everything is answered',
    must: [],
    healthy: true,
    write: gatewayCapture('gre-keys-per-direction', 22, keysPerDirection),
  },
  {
    file: 'gre-midonet-healthy.pcap',
    shows: 'two MidoNet agents: a key per receiving port, and flow state that nobody answers',
    must: [],
    healthy: true,
    write: gatewayCapture('gre-midonet-healthy', 38, midonet),
  },
  {
    file: 'gre-outer-fragments.pcap',
    shows: 'inner packets of 1500 bytes through GRE with key leave in two outer fragments, and all arrive',
    must: ['overlay.mtu-exceeded'],
    healthy: true,
    write: gatewayCapture('gre-outer-fragments', 20, outerFragments),
  },
  {
    file: 'gre-no-return.pcap',
    shows: 'inner pings are answered for 8 s, then no GRE comes back any more; outer pings still pass',
    must: ['gre.no-return'],
    healthy: false,
    allow: ['underlay.ping-loss'],
    write: gatewayCapture('gre-no-return', 40, noReturn),
  },
  {
    file: 'gre-key-mismatch.pcap',
    shows: 'the two ends use different keys: each pings the other side, nothing is answered',
    must: ['gre.key-mismatch'],
    healthy: false,
    allow: ['gre.no-return', 'underlay.ping-loss'],
    write: gatewayCapture('gre-key-mismatch', 30, keyMismatch),
  },
  {
    file: 'gre-proto-unreachable.pcap',
    shows: 'every GRE packet is answered by ICMP protocol unreachable',
    must: ['gre.proto-unreachable'],
    healthy: false,
    allow: ['gre.no-return', 'underlay.ping-loss'],
    write: gatewayCapture('gre-proto-unreachable', 25, protocolUnreachable),
  },
  {
    file: 'gre-seq-loss.pcap',
    shows: 'a counted stream through GRE, of which 12 packets of 200 are missing in 4 gaps',
    must: ['gre.seq-loss'],
    healthy: false,
    write: gatewayCapture('gre-seq-loss', 25, sequenceLoss),
  },
  {
    file: 'gre-mirror.pcap',
    shows: 'an ERSPAN session, one way by design; every tenth of the pings that it mirrors is unanswered',
    must: ['underlay.ping-loss'],
    healthy: false,
    write: gatewayCapture('gre-mirror', 25, mirrorSession),
  },
  {
    file: 'ipip-healthy.pcap',
    shows: 'pods on two nodes ping each other through IP in IP',
    must: [],
    healthy: true,
    write: gatewayCapture('ipip-healthy', 20, ipInIp),
  },
  {
    file: 'ipip-no-return.pcap',
    shows: 'pings of a pod through IP in IP are answered for 6 s, then nothing comes back through the tunnel',
    must: ['ipip.no-return'],
    healthy: false,
    allow: ['underlay.ping-loss'],
    write: gatewayCapture('ipip-no-return', 36, ipInIpNoReturn),
  },
  {
    file: 'ipip-direct-server-return.pcap',
    shows:
      'a balancer sends requests through IP in IP; the servers answer the clients directly, which the capture does not see',
    must: [],
    healthy: true,
    write: gatewayCapture('ipip-direct-server-return', 24, directServerReturn),
  },
];
