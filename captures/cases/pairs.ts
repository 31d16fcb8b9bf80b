import { random, zeros } from '../../test/build/bytes.js';
import { type CaptureFrame, writePcap } from '../../test/build/capture-file.js';
import { esp } from '../../test/build/esp.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { ikeSaInitRequest, keyExchangeV2, nonceV2, saV2 } from '../../test/build/ikev2.js';
import { fragmentIpv4, IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { udp } from '../../test/build/udp.js';
import { VXLAN_PORT, vxlan } from '../../test/build/vxlan.js';
import { BOTH_ENDS_PATHS } from './both-ends.js';
import { FIREWALL_PATHS } from './firewall-paths.js';

/** Captures of the same traffic at several points of a path, and what a comparison must say of them. */
export interface SamplePath {
  readonly name: string;
  readonly shows: string;
  /** Finding ids that must be there. */
  readonly must: readonly string[];
  readonly healthy: boolean;
  readonly allow?: readonly string[];
  /** Names of the points in the order of the path; two of them are the sides A and B. */
  readonly points: readonly string[];
  /** Writes one file a point. */
  readonly write: () => Uint8Array[];
}

const START_NS = 1_772_489_645_128_461_000n;
const NEAR = '192.0.2.1';
const FAR = '198.51.100.7';
const MACS = { source: '00:00:5e:00:53:0a', destination: '00:00:5e:00:53:fe' };
const HOP_DELAY = 0.003;
const SPIS = { forth: 0xc36b_d018, back: 0x74a9_f25e };

interface Sent {
  readonly at: number;
  /** True for packets from the near to the far end. */
  readonly forth: boolean;
  readonly protocol: number;
  /** The IP payload, for the addresses that a point shows. */
  readonly payload: (source: string, destination: string) => Uint8Array;
  readonly identification: number;
  /** Leaves in fragments. */
  readonly mtu?: number;
}

interface PathOptions {
  readonly points?: number;
  /** Index of the stretch on which a packet (or a fragment of it) is lost; null where it arrives. */
  readonly losesOn?: (sent: Sent, fragment: number) => number | null;
  /** What the far end shows instead of the near end's address. */
  readonly translated?: string;
  /** Seconds that the clock of the last point is ahead. */
  readonly ahead?: number;
}

/** What each point of the path captures. */
function capturesOf(packets: readonly Sent[], options: PathOptions = {}): Uint8Array[] {
  const points = options.points ?? 2;
  const captured: CaptureFrame[][] = Array.from({ length: points }, () => []);
  for (const sent of packets) {
    const way = Array.from({ length: points }, (_, point) => (sent.forth ? point : points - 1 - point));
    const pieceCount = piecesAt(sent, NEAR, 64).length;
    for (let piece = 0; piece < pieceCount; piece++) {
      const lostOn = options.losesOn?.(sent, piece) ?? null;
      for (const [hop, point] of way.entries()) {
        if (lostOn !== null && hop > lostOn) break;
        const isLast = point === points - 1;
        const near = isLast && options.translated !== undefined ? options.translated : NEAR;
        const ahead = isLast ? (options.ahead ?? 0) : 0;
        const seconds = sent.at + piece * 0.0001 + hop * HOP_DELAY + ahead;
        const bytes = ethernet({
          ...MACS,
          etherType: ETHER_TYPE.ipv4,
          payload: piecesAt(sent, near, 64 - hop)[piece],
        });
        captured[point].push({ timeNs: START_NS + BigInt(Math.round(seconds * 1e9)), bytes });
      }
    }
  }
  return captured.map((frames) => writePcap(frames.sort((a, b) => (a.timeNs < b.timeNs ? -1 : 1))));
}

function piecesAt(sent: Sent, near: string, ttl: number): Uint8Array[] {
  const [source, destination] = sent.forth ? [near, FAR] : [FAR, near];
  const { protocol, identification } = sent;
  const packet = ipv4({
    source,
    destination,
    protocol,
    ttl,
    identification,
    payload: sent.payload(source, destination),
  });
  return sent.mtu === undefined ? [packet] : fragmentIpv4(packet, sent.mtu);
}

/** An IPsec tunnel in both directions with a ping of the gateways every two seconds. */
function tunnelTraffic(seconds: number, sizes: readonly number[] = [120, 1000]): Sent[] {
  const numbers = random(11);
  const packets: Sent[] = [];
  let sequence = 0;
  for (let at = 0.5; at < seconds; at += 0.25) {
    sequence++;
    const size = sizes[sequence % sizes.length];
    for (const forth of [true, false]) {
      const content = numbers.bytes(forth ? size : sizes[0]);
      packets.push({
        at: at + (forth ? 0 : 0.02),
        forth,
        protocol: IP_PROTOCOL.esp,
        identification: packets.length + 1,
        payload: () =>
          esp({ spi: forth ? SPIS.forth : SPIS.back, sequence: packets.length, payload: content }),
      });
    }
  }
  const numbered = packets.map((packet, index): Sent => {
    const content = packet.payload('', '').subarray(8);
    const own = {
      spi: packet.forth ? SPIS.forth : SPIS.back,
      sequence: Math.floor(index / 2) + 1,
      payload: content,
    };
    return { ...packet, payload: () => esp(own) };
  });
  return [...numbered, ...pings(seconds)].sort((a, b) => a.at - b.at);
}

function pings(seconds: number, size = 56): Sent[] {
  const packets: Sent[] = [];
  for (let at = 0.1, sequence = 1; at < seconds; at += 1, sequence++) {
    for (const forth of [true, false]) {
      packets.push({
        at: at + (forth ? 0 : 0.008),
        forth,
        protocol: IP_PROTOCOL.icmp,
        identification: 0x4000 + packets.length,
        payload: () => icmpEcho({ reply: !forth, identifier: 0x4b02, sequence, data: zeros(size) }),
      });
    }
  }
  return packets;
}

function vxlanTraffic(seconds: number): Sent[] {
  const numbers = random(23);
  const packets: Sent[] = [];
  for (let at = 0.4, sequence = 1; at < seconds; at += 0.5, sequence++) {
    for (const forth of [true, false]) {
      const [source, destination] = forth ? ['10.255.0.15', '10.255.0.17'] : ['10.255.0.17', '10.255.0.15'];
      const data = numbers.bytes(56);
      const echo = icmpEcho({ reply: !forth, identifier: 7, sequence, data: forth ? data : data });
      const inner = ethernet({
        source: forth ? 'ee:ee:0a:ff:00:0f' : 'ee:ee:0a:ff:00:11',
        destination: forth ? 'ee:ee:0a:ff:00:11' : 'ee:ee:0a:ff:00:0f',
        etherType: ETHER_TYPE.ipv4,
        payload: ipv4({
          source,
          destination,
          protocol: IP_PROTOCOL.icmp,
          payload: echo,
          identification: sequence,
        }),
      });
      packets.push({
        at: at + (forth ? 0 : 0.01),
        forth,
        protocol: IP_PROTOCOL.udp,
        identification: 0x6000 + packets.length,
        payload: (outer, peer) =>
          udp({
            source: outer,
            destination: peer,
            sourcePort: 50_123,
            destinationPort: VXLAN_PORT,
            payload: vxlan({ vni: 1, inner }),
          }),
      });
    }
  }
  return [...packets, ...pings(seconds)].sort((a, b) => a.at - b.at);
}

/** IKE requests that nobody answers, beside pings that are answered. */
function unansweredIke(seconds: number): Sent[] {
  const numbers = random(31);
  const spis = { initiatorSpi: numbers.bytes(8), responderSpi: zeros(8) };
  const request = ikeSaInitRequest(spis, [
    saV2(),
    keyExchangeV2(numbers.bytes(256)),
    nonceV2(numbers.bytes(32)),
  ]);
  const times = [1, 5, 12.2, 25.2].filter((at) => at < seconds);
  const requests = times.map(
    (at, index): Sent => ({
      at,
      forth: true,
      protocol: IP_PROTOCOL.udp,
      identification: 0x7000 + index,
      payload: (source, destination) =>
        udp({ source, destination, sourcePort: 500, destinationPort: 500, payload: request }),
    }),
  );
  return [...requests, ...pings(seconds)].sort((a, b) => a.at - b.at);
}

/** Datagrams of 3,000 bytes in fragments beside small packets. */
function fragmentedTraffic(seconds: number): Sent[] {
  const numbers = random(41);
  const packets: Sent[] = [];
  for (let at = 0.7; at < seconds; at += 2) {
    const content = numbers.bytes(3000);
    packets.push({
      at,
      forth: true,
      protocol: IP_PROTOCOL.udp,
      identification: 0x5000 + packets.length,
      mtu: 1500,
      payload: (source, destination) =>
        udp({ source, destination, sourcePort: 500, destinationPort: 500, payload: content }),
    });
  }
  return [...packets, ...pings(seconds)].sort((a, b) => a.at - b.at);
}

const inOutage = ({ at }: Sent): boolean => at > 4 && at < 14;
const everySeventh = ({ at, forth }: Sent): number | null =>
  forth && Math.floor(at * 4) % 7 === 3 && at < 15 ? 0 : null;

export const SAMPLE_PATHS: readonly SamplePath[] = [
  {
    name: 'healthy',
    shows: 'an IPsec tunnel and pings, nothing lost',
    must: [],
    healthy: true,
    points: ['a', 'b'],
    write: () => capturesOf(tunnelTraffic(20)),
  },
  {
    name: 'path-loss',
    shows: 'packets of every kind are lost one way',
    must: ['underlay.path-loss'],
    healthy: false,
    points: ['a', 'b'],
    write: () => capturesOf(tunnelTraffic(20), { losesOn: everySeventh }),
  },
  {
    name: 'selective-loss',
    shows: 'ESP from one end does not arrive from some moment on, pings do',
    must: ['underlay.selective-loss'],
    healthy: false,
    points: ['a', 'b'],
    write: () =>
      capturesOf(tunnelTraffic(25), {
        losesOn: ({ forth, protocol, at }) => (forth && protocol === IP_PROTOCOL.esp && at > 5 ? 0 : null),
      }),
  },
  {
    name: 'fragments-filtered',
    shows: 'a firewall drops all fragments but the first',
    must: ['frag.filtered-in-path'],
    healthy: false,
    points: ['a', 'b'],
    write: () => capturesOf(fragmentedTraffic(20), { losesOn: (_, fragment) => (fragment > 0 ? 0 : null) }),
  },
  {
    name: 'fragments-healthy',
    shows: 'fragmented datagrams that arrive',
    must: [],
    healthy: true,
    points: ['a', 'b'],
    write: () => capturesOf(fragmentedTraffic(20)),
  },
  {
    name: 'vxlan-blocked',
    shows: 'VXLAN answers do not leave the network of the other host, pings of the hosts do',
    must: ['vxlan.blocked-in-path'],
    healthy: false,
    points: ['a', 'b'],
    write: () =>
      capturesOf(vxlanTraffic(15), {
        losesOn: ({ forth, protocol }) => (!forth && protocol === IP_PROTOCOL.udp ? 0 : null),
      }),
  },
  {
    name: 'vxlan-healthy',
    shows: 'VXLAN both ways',
    must: [],
    healthy: true,
    points: ['a', 'b'],
    write: () => capturesOf(vxlanTraffic(15)),
  },
  {
    name: 'mtu-blackhole',
    shows: 'ESP packets above 1,300 bytes leave and do not arrive, smaller ones do',
    must: ['mtu.blackhole'],
    healthy: false,
    points: ['a', 'b'],
    write: () =>
      capturesOf(tunnelTraffic(12, [120, 120, 1400]), {
        losesOn: (sent) => (sent.forth && sent.payload(NEAR, FAR).length > 1300 ? 0 : null),
      }),
  },
  {
    name: 'nat',
    shows: 'the near gateway stands behind a NAT',
    must: ['underlay.nat-in-path'],
    healthy: true,
    points: ['a', 'b'],
    write: () => capturesOf(tunnelTraffic(20), { translated: '203.0.113.20' }),
  },
  {
    name: 'clock',
    shows: 'the clock of B is an hour and two seconds ahead',
    must: ['time.capture-skew'],
    healthy: true,
    points: ['a', 'b'],
    write: () => capturesOf(tunnelTraffic(20), { ahead: 3602.25 }),
  },
  {
    name: 'mismatch',
    shows: 'captures of two different networks',
    must: ['capture.pair-mismatch'],
    healthy: false,
    points: ['a', 'b'],
    write: () => [capturesOf(tunnelTraffic(10))[0], unrelated()],
  },
  {
    name: 'local-drop',
    shows: 'IKE requests arrive and are never answered, pings are',
    must: ['underlay.local-drop'],
    healthy: false,
    allow: ['ike.no-response'],
    points: ['a', 'b'],
    write: () => capturesOf(unansweredIke(60)),
  },
  {
    name: 'lost-between',
    shows: 'three points of a path; packets get lost between the second and the third',
    must: ['path.lost-between'],
    healthy: false,
    points: ['pod', 'vpp', 'host'],
    write: () =>
      capturesOf(tunnelTraffic(18), {
        points: 3,
        losesOn: (sent) => (sent.forth && inOutage(sent) ? 1 : null),
      }),
  },
  {
    name: 'three-points-healthy',
    shows: 'three points of a path, nothing lost',
    must: [],
    healthy: true,
    points: ['pod', 'vpp', 'host'],
    write: () => capturesOf(tunnelTraffic(10), { points: 3 }),
  },
  ...BOTH_ENDS_PATHS,
  ...FIREWALL_PATHS,
];

/** ESP of other hosts. */
function unrelated(): Uint8Array {
  const numbers = random(51);
  const frames = Array.from({ length: 60 }, (_, index): CaptureFrame => {
    const forth = index % 2 === 0;
    const [source, destination] = forth ? ['10.7.0.1', '10.7.0.2'] : ['10.7.0.2', '10.7.0.1'];
    const sequence = (index >> 1) + 1;
    const payload = esp({ spi: forth ? 0x1f0e_0001 : 0x1f0e_0002, sequence, payload: numbers.bytes(200) });
    return {
      timeNs: START_NS + BigInt(index) * 150_000_000n,
      bytes: ethernet({
        ...MACS,
        etherType: ETHER_TYPE.ipv4,
        payload: ipv4({ source, destination, protocol: IP_PROTOCOL.esp, payload, identification: index }),
      }),
    };
  });
  return writePcap(frames);
}
