import { writePcap } from '../../test/build/capture-file.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { fragmentIpv4, IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE } from '../../test/build/link.js';
import {
  espExchange,
  espPacket,
  neighborExchange,
  type Ping,
  ping,
  reassemblyTimeExceeded,
  type Timeline,
} from '../../test/build/scenario.js';
import { espTunnelOf, type IkePeers, ikev2Handshake } from '../../test/build/scenario-ike.js';
import type { SampleCapture } from './sample-capture.js';
import { namedTimeline, PUBLIC_SITE, siteTimeline } from './sites.js';

const { local, peer } = PUBLIC_SITE;
const PEERS: IkePeers = { initiator: local, responder: peer };
const SPIS = { toResponder: 0xc0e7a35b, toInitiator: 0x5d18f624 };
const MTU = 1500;
/** `ping -s 2000`: 2028 bytes of IP, two fragments. */
const LARGE = { dataLength: 2000, identifier: 0x0d4e, intervalSeconds: 1.1 } as const;
/** Linux gives an incomplete datagram up after 30 s. */
const REASSEMBLY_SECONDS = 30.2;

/** Two gateways with a working tunnel, which one of the two tests with pings. */
function besideTunnel(name: string, seconds: number, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    ikev2Handshake(t, PEERS, { at: 2 });
    const tunnel = espTunnelOf(PEERS, SPIS);
    espExchange(t, tunnel, { at: 2.2, seconds: seconds - 4, intervalMs: 1500, sizes: [80] });
    build(t);
    return writePcap(t.frames());
  };
}

function largePings(options: Partial<Ping>): (t: Timeline) => void {
  return (t) => {
    ping(t, local, peer, {
      at: 10,
      count: 8,
      ...LARGE,
      request: { mtu: MTU },
      reply: { mtu: MTU },
      ...options,
    });
  };
}

function firstMissing(t: Timeline): void {
  ping(t, peer, local, { at: 6, count: 3, identifier: 0x0d4d });
  const request = { mtu: MTU, lostFragments: [0] };
  ping(t, peer, local, { at: 10, count: 8, ...LARGE, answered: false, request });
  ping(t, peer, local, { at: 22, count: 3, identifier: 0x0d4f });
}

function restMissing(t: Timeline): void {
  ping(t, peer, local, { at: 6, count: 3, identifier: 0x0d4d });
  const request = { mtu: MTU, lostFragments: [1] };
  const whole = ping(t, peer, local, { at: 10, count: 8, ...LARGE, answered: false, request });
  for (const [i, packet] of whole.entries()) {
    const at = 10 + i * LARGE.intervalSeconds + REASSEMBLY_SECONDS;
    t.sendIp(at, local, peer, IP_PROTOCOL.icmp, reassemblyTimeExceeded(packet));
  }
  ping(t, peer, local, { at: 22, count: 3, identifier: 0x0d4f });
}

/** The second fragment starts 8 bytes before the end of the first one, with other content. */
function overlapping(t: Timeline): void {
  for (let i = 0; i < 5; i += 1) {
    const at = 10 + i * 2;
    const echo = { identifier: 0x66b0, sequence: i + 1, data: t.random.bytes(LARGE.dataLength) };
    const identification = t.nextIdentification(peer.address);
    const header = {
      source: peer.address,
      destination: local.address,
      protocol: IP_PROTOCOL.icmp,
      ttl: peer.ttl,
    };
    const payload = icmpEcho(echo);
    const [first] = fragmentIpv4(ipv4({ ...header, payload, identification }), MTU);
    const overlapStart = 1472;
    const tail = payload.slice(overlapStart);
    tail.set(t.random.bytes(8));
    const second = ipv4({ ...header, payload: tail, identification, fragmentOffset: overlapStart });
    if (first) t.send(at, peer, local, ETHER_TYPE.ipv4, first);
    t.send(at + 45e-6, peer, local, ETHER_TYPE.ipv4, second);
    const reply = icmpEcho({ ...echo, reply: true });
    t.sendIp(at + 190e-6, local, peer, IP_PROTOCOL.icmp, reply, { mtu: MTU });
  }
}

function ipv6Fragments(): Uint8Array {
  const t = namedTimeline('frag-ipv6-healthy');
  const here = { ...local, address: '2001:db8:1::1' };
  const there = { mac: '00:00:5e:00:53:0b', address: '2001:db8:1::2', ttl: 64 };
  neighborExchange(t, 0, here, there);
  neighborExchange(t, 5.2, there, here);
  ping(t, here, there, { at: 0.1, count: 5, identifier: 0x0d60, roundTripSeconds: 0.0004 });
  const large = { ...LARGE, at: 6, count: 8, roundTripSeconds: 0.0005 };
  ping(t, here, there, { ...large, request: { mtu: MTU }, reply: { mtu: MTU } });
  ping(t, there, here, { at: 16, count: 5, identifier: 0x0d61, roundTripSeconds: 0.0004 });
  return writePcap(t.frames());
}

/** A router on the path, seen from the local gateway. */
const PATH_ROUTER = { mac: peer.mac, address: '203.0.113.1', ttl: 61 };

/** Beside small packets that pass, ESP with DF that does not fit the path; each is reported, the sender goes on. */
function fragmentationNeeded(): Uint8Array {
  const t = siteTimeline('mtu-frag-needed', PUBLIC_SITE, 52);
  ikev2Handshake(t, PEERS, { at: 2 });
  const tunnel = espTunnelOf(PEERS, SPIS);
  const small = { intervalMs: 1500, sizes: [80] };
  espExchange(t, tunnel, { at: 2.2, seconds: 9, ...small });
  for (let i = 0; i < 10; i += 1) {
    const at = 12.1 + i * 3.3;
    const packet = espPacket(t, at, tunnel.forth, 1472);
    const tooBig = icmpError(3, 4, packet, { parameter: 1400 });
    t.sendIp(at + 0.0071, PATH_ROUTER, local, IP_PROTOCOL.icmp, tooBig);
    espExchange(t, tunnel, { at: at + 0.1, seconds: 3, ...small });
  }
  espExchange(t, tunnel, { at: 45.2, seconds: 6, ...small });
  return writePcap(t.frames());
}

/** ESP works for 15 s, then a router reports that the peer cannot be reached. */
function hostUnreachable(): Uint8Array {
  const t = siteTimeline('underlay-unreachable', PUBLIC_SITE, 55);
  ikev2Handshake(t, PEERS, { at: 2 });
  const tunnel = espTunnelOf(PEERS, SPIS);
  espExchange(t, tunnel, { at: 2.2, seconds: 15, intervalMs: 800 });
  for (let i = 0; i < 32; i += 1) {
    const at = 17.6 + i * 1.1 + t.random.between(0, 0.05);
    const packet = espPacket(t, at, tunnel.forth, 128);
    if (i < 2) continue;
    t.sendIp(at + 0.0069, PATH_ROUTER, local, IP_PROTOCOL.icmp, icmpError(3, 1, packet));
  }
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'frag-healthy.pcap',
    shows: 'ping -s 2000 between two gateways, both fragments of each datagram arrive',
    must: [],
    healthy: true,
    write: besideTunnel('frag-healthy', 30, largePings({})),
  },
  {
    file: 'frag-reverse-order.pcap',
    shows: 'the same, but the sender emits the last fragment first, as Linux up to 2.4 did',
    must: ['frag.reverse-order'],
    healthy: true,
    write: besideTunnel('frag-reverse-order', 30, largePings({ request: { mtu: MTU, order: 'reversed' } })),
  },
  {
    file: 'frag-missing-first.pcap',
    shows: 'at the receiver: of eight large pings only the second fragments arrive, small pings work',
    must: ['frag.missing-first'],
    healthy: false,
    write: besideTunnel('frag-missing-first', 60, firstMissing),
  },
  {
    file: 'frag-missing-rest.pcap',
    shows: 'at the receiver: of eight large pings only the first fragments arrive, small pings work',
    must: ['frag.missing-rest'],
    healthy: false,
    allow: ['underlay.ping-size-loss', 'underlay.ping-loss'],
    write: besideTunnel('frag-missing-rest', 60, restMissing),
  },
  {
    file: 'frag-overlap.pcap',
    shows: 'second fragments that overlap the first ones by 8 bytes, with other content',
    must: ['frag.overlap'],
    healthy: false,
    write: besideTunnel('frag-overlap', 30, overlapping),
  },
  {
    file: 'frag-ipv6-healthy.pcap',
    shows: 'ping -s 2000 over IPv6: fragment headers, all pieces arrive',
    must: [],
    healthy: true,
    write: ipv6Fragments,
  },
  {
    file: 'mtu-frag-needed.pcap',
    shows: 'large ESP packets with DF, each answered by fragmentation needed (MTU 1400); small ones pass',
    must: ['mtu.frag-needed'],
    healthy: false,
    allow: ['mtu.ptb-ignored', 'mtu.blackhole', 'overlay.mtu-exceeded'],
    write: fragmentationNeeded,
  },
  {
    file: 'underlay-unreachable.pcap',
    shows: 'a tunnel works for 15 s, then a router answers its packets by host unreachable',
    must: ['underlay.unreachable'],
    healthy: false,
    allow: ['esp.one-way-spi'],
    write: hostUnreachable,
  },
];
