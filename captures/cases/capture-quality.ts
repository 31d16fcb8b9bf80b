import { mac } from '../../test/build/address.js';
import { concat } from '../../test/build/bytes.js';
import { type CaptureFrame, writePcap, writePcapng } from '../../test/build/capture-file.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet, LINK_TYPE, linuxSll2 } from '../../test/build/link.js';
import {
  arpExchange,
  espExchange,
  type LinkFraming,
  ping,
  type Timeline,
} from '../../test/build/scenario.js';
import {
  espTunnelOf,
  type IkePeers,
  ikev1MainMode,
  ikev1QuickMode,
  ikev2Handshake,
  ikev2Liveness,
  sendMainMode,
} from '../../test/build/scenario-ike.js';
import {
  mssOption,
  type Tcp,
  type TcpFlag,
  tcp,
  timestampsOption,
  windowScaleOption,
} from '../../test/build/tcp.js';
import type { SampleCapture } from './sample-capture.js';
import { NATTED_SITE, namedTimeline, natSeenFrom, PUBLIC_SITE, siteTimeline, surroundings } from './sites.js';

const { local, router, peer } = PUBLIC_SITE;
const PEERS: IkePeers = { initiator: local, responder: peer };
const SPIS = { toResponder: 0xc4419b7e, toInitiator: 0x6a35d0c2 };
const EXCHANGE_START = 2;
const TRAFFIC_START = 2.2;

/** A tunnel with nothing wrong on it. */
function healthyTunnel(t: Timeline, seconds: number, intervalMs = 900): void {
  const session = ikev2Handshake(t, PEERS, { at: EXCHANGE_START });
  espExchange(t, espTunnelOf(PEERS, SPIS), { at: TRAFFIC_START, seconds: seconds - 5, intervalMs });
  ikev2Liveness(t, session, seconds / 2, 'responder');
}

function healthyFrames(name: string, seconds: number, intervalMs?: number): CaptureFrame[] {
  const t = siteTimeline(name, PUBLIC_SITE, seconds);
  healthyTunnel(t, seconds, intervalMs);
  return t.frames();
}

/** A loop of pseudowires: every pass puts an Ethernet header and a label around what came in. */
function nestedPseudowires(): Uint8Array {
  const frames = healthyFrames('capture-undissected', 60);
  const looped = frames
    .slice(20, 24)
    .map(({ timeNs, bytes }) => ({ timeNs: timeNs + 1_000n, bytes: inPseudowires(bytes, 12) }));
  return writePcap([...frames, ...looped].sort((a, b) => Number(a.timeNs - b.timeNs)));
}

function inPseudowires(frame: Uint8Array, passes: number): Uint8Array {
  const header = { source: router.mac, destination: peer.mac, etherType: ETHER_TYPE.mpls };
  const labelAndControlWord = Uint8Array.of(0, 0x01, 0x01, 0xff, 0, 0, 0, 0);
  let bytes = frame;
  for (let pass = 0; pass < passes; pass++)
    bytes = ethernet({ ...header, payload: concat(labelAndControlWord, bytes) });
  return bytes;
}

function cutBySnaplen(): Uint8Array {
  return writePcap(healthyFrames('capture-snaplen', 60), { snaplen: 96 });
}

/** The kernel dropped two bursts, ten frames: ESP of both directions and an ARP exchange. */
function kernelDrops(): Uint8Array {
  const all = healthyFrames('capture-kernel-drops', 60, 500);
  const bursts = [
    [70, 76],
    [150, 154],
  ] as const;
  const frames = all.filter((_, index) => !bursts.some(([from, to]) => index >= from && index < to));
  const timeNs = (frames.at(-1)?.timeNs ?? 0n) + 400_000_000n;
  const droppedBySystem = all.length - frames.length;
  const statistics = { timeNs, received: all.length, droppedByInterface: 0, droppedBySystem };
  return writePcapng([
    { interfaces: [{ name: 'eth0', tsresol: 9, statistics }], frames, application: 'dumpcap' },
  ]);
}

const PHYSICAL = 2;
const BRIDGE = 5;

/** `-i any` on a host whose address is on a bridge: each packet on the bridge and on its port. */
const anyInterface: LinkFraming = (from, to, protocol, payload) => {
  const outbound = from.mac === local.mac;
  const broadcast = to.mac === 'ff:ff:ff:ff:ff:ff';
  const packetType = outbound ? 4 : broadcast ? 1 : 0;
  const order = outbound ? [BRIDGE, PHYSICAL] : [PHYSICAL, BRIDGE];
  return order.map((interfaceIndex) =>
    linuxSll2({ packetType, address: from.mac, protocol, payload, interfaceIndex }),
  );
};

function copies(): Uint8Array {
  const t = namedTimeline('capture-duplicates', anyInterface);
  surroundings(t, PUBLIC_SITE, 45);
  healthyTunnel(t, 45, 900);
  return writePcap(t.frames(), { linkType: LINK_TYPE.linuxSll2 });
}

/** What a mirror port of one direction shows of a working tunnel, a ping and a TCP connection. */
function oneSided(): Uint8Array {
  const t = namedTimeline('capture-one-sided');
  arpExchange(t, 0, local, router, { answered: false });
  const session = ikev1MainMode(t, PEERS, { at: EXCHANGE_START });
  ikev1QuickMode(t, session, EXCHANGE_START + 0.09);
  espExchange(t, espTunnelOf(PEERS, SPIS), { at: TRAFFIC_START, seconds: 40, intervalMs: 800 });
  ping(t, local, peer, { at: 6, count: 10, identifier: 0x3c55, intervalSeconds: 3 });
  tcpTransfer(t, 8, { segmentLength: 900, segments: 12, offload: false });
  const ownMac = mac(local.mac);
  const outbound = t.frames().filter(({ bytes }) => ownMac.every((octet, i) => bytes[6 + i] === octet));
  return writePcap(outbound);
}

/**
 * IKE of a host behind a NAT through `udp port 500 or udp port 4500`: the second fragments of the large
 * third messages have no ports, and the filter hides them.
 */
function portFilter(): Uint8Array {
  const t = namedTimeline('capture-filter');
  const nat = natSeenFrom('inside');
  const peers: IkePeers = { initiator: NATTED_SITE.local, responder: NATTED_SITE.peer, nat };
  for (const at of [EXCHANGE_START, 31.8]) {
    const session = ikev1MainMode(t, peers, { at, upTo: 'MR2', encryptedLength: 1968 });
    for (const [name, after] of [['MI3', 0.0506] as const, ['MR3', 0.0631] as const]) {
      sendMainMode(t, at + after, session, name, { mtu: 1500, lostFragments: [1] });
    }
    ikev1QuickMode(t, session, at + 0.09);
    const toResponder = SPIS.toResponder + Math.floor(at);
    const toInitiator = SPIS.toInitiator + Math.floor(at);
    const tunnel = espTunnelOf(peers, { toResponder, toInitiator });
    espExchange(t, tunnel, { at: at + 0.3, seconds: 29, intervalMs: 900, sizes: [128, 80] });
  }
  const filter = 'udp port 500 or udp port 4500';
  return writePcapng([{ interfaces: [{ name: 'eth0', filter, tsresol: 9 }], frames: t.frames() }]);
}

function truncatedFile(): Uint8Array {
  const file = writePcap(healthyFrames('capture-truncated', 40));
  return file.subarray(0, file.length - 37);
}

/** At 30 s the clock of the capturing host is set back by 45 s. */
function clockStep(): Uint8Array {
  const frames = healthyFrames('capture-time-step', 60);
  const stepNs = (frames[0]?.timeNs ?? 0n) + 30_000_000_000n;
  const setBack = (frame: CaptureFrame): CaptureFrame => ({
    ...frame,
    timeNs: frame.timeNs - 45_000_000_000n,
  });
  return writePcap(frames.map((frame) => (frame.timeNs < stepNs ? frame : setBack(frame))));
}

/** Segments that the sending host's network card will cut, and checksums that it will fill in. */
function offload(): Uint8Array {
  const t = siteTimeline('capture-offload', PUBLIC_SITE, 35);
  const session = ikev2Handshake(t, PEERS, { at: EXCHANGE_START });
  espExchange(t, espTunnelOf(PEERS, SPIS), { at: TRAFFIC_START, seconds: 28, intervalMs: 900 });
  ikev2Liveness(t, session, 25.5, 'initiator');
  tcpTransfer(t, 8, { segmentLength: 4344, segments: 6, offload: true });
  return writePcap(t.frames());
}

/** An IKE_SA_INIT 1.8 s before the end: no daemon has repeated it by then. */
function stoppedTooSoon(): Uint8Array {
  const t = siteTimeline('capture-too-short', PUBLIC_SITE, 9);
  ping(t, local, peer, { at: 3.1, count: 6, identifier: 0x3c61 });
  ikev2Handshake(t, PEERS, { at: 6.3, upTo: 'initRequest' });
  return writePcap(t.frames());
}

/** tcpdump prints to the SSH session that it captures, once a second what it has read meanwhile. */
function ownSession(): Uint8Array {
  const seconds = 27;
  const t = siteTimeline('capture-self-traffic', PUBLIC_SITE, seconds);
  healthyTunnel(t, seconds, 1000);
  const admin = { ...peer, address: '203.0.113.50', ttl: 58 };
  let sequence = t.random.next() >>> 1;
  const acknowledgment = t.random.next() >>> 1;
  const ticks = { local: t.random.next() >>> 1, admin: t.random.next() >>> 1 };
  const roundTrip = 0.0184;
  const send = (at: number, fromLocal: boolean, payload?: Uint8Array): void => {
    const [from, to] = fromLocal ? [local, admin] : [admin, local];
    const milliseconds = Math.round(at * 1000);
    const echoed = milliseconds - Math.round(roundTrip * 1000);
    const segment = tcp({
      source: from.address,
      destination: to.address,
      sourcePort: fromLocal ? 22 : 52_344,
      destinationPort: fromLocal ? 52_344 : 22,
      sequence: fromLocal ? sequence : acknowledgment,
      acknowledgment: fromLocal ? acknowledgment : sequence,
      flags: payload ? ['PSH', 'ACK'] : ['ACK'],
      window: 501,
      options: fromLocal
        ? timestampsOption(ticks.local + milliseconds, ticks.admin + echoed)
        : timestampsOption(ticks.admin + milliseconds, ticks.local + milliseconds - 9),
      ...(payload && { payload }),
    });
    t.sendIp(at, from, to, IP_PROTOCOL.tcp, segment, { dontFragment: true });
    if (payload) sequence += payload.length;
  };
  for (let second = 0; second < seconds - 2; second += 1) {
    const at = 1.07 + second + t.random.between(0, 0.02);
    for (const pair of [0, 0.0007]) {
      send(at + pair, true, t.random.bytes(164));
      send(at + pair + 0.0003, true, t.random.bytes(236));
      send(at + pair + roundTrip, false);
    }
  }
  return writePcap(t.frames());
}

interface Transfer {
  segmentLength: number;
  segments: number;
  /** Leaves the sender's checksums unfilled, as its own capture shows them. */
  offload: boolean;
}

/** A TCP connection from the local host that sends `segments`, each acknowledged, and closes. */
function tcpTransfer(t: Timeline, at: number, { segmentLength, segments, offload }: Transfer): void {
  const ports = { client: 49_812, server: 8443 };
  let sequence = t.random.next() >>> 1;
  let acknowledgment = t.random.next() >>> 1;
  let seconds = at;
  const client = (flags: TcpFlag[], more: Partial<Tcp> = {}): void => {
    const segment = tcp({
      source: local.address,
      destination: peer.address,
      sourcePort: ports.client,
      destinationPort: ports.server,
      sequence,
      acknowledgment: flags.includes('ACK') ? acknowledgment : 0,
      flags,
      checksum: offload ? 'offload' : 'correct',
      ...more,
    });
    t.sendIp(seconds, local, peer, IP_PROTOCOL.tcp, segment, { dontFragment: true });
    sequence += (more.payload?.length ?? 0) + (flags.includes('SYN') || flags.includes('FIN') ? 1 : 0);
    seconds += 0.0127;
  };
  const server = (flags: TcpFlag[], options?: Uint8Array): void => {
    const segment = tcp({
      source: peer.address,
      destination: local.address,
      sourcePort: ports.server,
      destinationPort: ports.client,
      sequence: acknowledgment,
      acknowledgment: sequence,
      flags,
      ...(options && { options }),
    });
    t.sendIp(seconds, peer, local, IP_PROTOCOL.tcp, segment, { dontFragment: true });
    acknowledgment += flags.includes('SYN') || flags.includes('FIN') ? 1 : 0;
    seconds += 0.0009;
  };
  const options = concat(mssOption(1460), windowScaleOption(7));
  client(['SYN'], { options });
  server(['SYN', 'ACK'], options);
  client(['ACK']);
  for (let i = 0; i < segments; i += 1) {
    client(['PSH', 'ACK'], { payload: t.random.bytes(segmentLength) });
    server(['ACK']);
  }
  client(['FIN', 'ACK']);
  server(['FIN', 'ACK']);
  client(['ACK']);
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'capture-undissected.pcap',
    shows: 'a healthy tunnel, and four packets that went round in a loop of pseudowires',
    must: ['capture.undissected'],
    healthy: true,
    write: nestedPseudowires,
  },
  {
    file: 'capture-snaplen.pcap',
    shows: 'a healthy tunnel, frames cut to 96 bytes',
    must: ['capture.snaplen'],
    healthy: true,
    write: cutBySnaplen,
  },
  {
    file: 'capture-kernel-drops.pcapng',
    shows: 'a healthy tunnel, of which the capture itself lost 10 frames and says so',
    must: ['capture.kernel-drops'],
    healthy: false,
    write: kernelDrops,
  },
  {
    file: 'capture-duplicates.pcap',
    shows: 'a healthy tunnel captured with `-i any`: each packet on a bridge and on its port',
    must: ['capture.duplicates'],
    healthy: true,
    write: copies,
  },
  {
    file: 'capture-one-sided.pcap',
    shows: 'a working tunnel of which only the outbound packets were captured',
    must: ['capture.one-sided'],
    healthy: false,
    write: oneSided,
  },
  {
    file: 'capture-filter.pcapng',
    shows: 'a healthy tunnel through a port filter that hides non-first fragments; the file names the filter',
    must: ['capture.filter'],
    healthy: true,
    write: portFilter,
  },
  {
    file: 'capture-truncated.pcap',
    shows: 'a healthy tunnel, the file ends inside its last record',
    must: ['capture.truncated-file'],
    healthy: false,
    write: truncatedFile,
  },
  {
    file: 'capture-time-step.pcap',
    shows: 'a healthy tunnel, the clock of the capturing host is set back by 45 s in the middle',
    must: ['capture.time-anomaly'],
    healthy: false,
    write: clockStep,
  },
  {
    file: 'capture-offload.pcap',
    shows: 'a healthy tunnel and a TCP transfer with segments above the MTU and unfilled checksums',
    must: ['capture.offload'],
    healthy: true,
    write: offload,
  },
  {
    file: 'capture-self-traffic.pcap',
    shows: 'a healthy tunnel, and tcpdump printing to an SSH session that it captures as well',
    must: ['capture.self-traffic'],
    healthy: true,
    write: ownSession,
  },
  {
    file: 'capture-too-short.pcap',
    shows: 'IKE_SA_INIT, and the end of the capture 1.8 s later: nobody can say whether an answer comes',
    must: ['capture.too-short'],
    healthy: true,
    write: stoppedTooSoon,
  },
];
