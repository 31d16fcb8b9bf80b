import { writePcap } from '../../test/build/capture-file.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { EXCHANGE_V2 } from '../../test/build/ikev2.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE } from '../../test/build/link.js';
import {
  arpExchange,
  ESP_SIZES,
  type EspTunnel,
  espExchange,
  espPacket,
  espStream,
  ping,
  type Timeline,
} from '../../test/build/scenario.js';
import {
  espTunnelOf,
  type IkePeers,
  type Ikev2Session,
  ikev2Exchange,
  ikev2Handshake,
  ikev2Liveness,
  ikev2RekeyChild,
} from '../../test/build/scenario-ike.js';
import type { SampleCapture } from './sample-capture.js';
import { namedTimeline, PUBLIC_SITE, siteTimeline } from './sites.js';

/** The local gateway initiates, or the capture is taken on the responder. */
const PEERS: IkePeers = { initiator: PUBLIC_SITE.local, responder: PUBLIC_SITE.peer };
const PEERS_AT_RESPONDER: IkePeers = { initiator: PUBLIC_SITE.peer, responder: PUBLIC_SITE.local };
const SPIS = { toResponder: 0xc8a417e9, toInitiator: 0x4f62b01d };
const NEXT_SPIS = { toResponder: 0xca03f572, toInitiator: 0x61d9e848 };
/** ESP payload of a TCP acknowledgment under AES-GCM. */
const SMALL = 68;
const EXCHANGE_START = 2;
const TRAFFIC_START = 2.2;

interface Established {
  t: Timeline;
  session: Ikev2Session;
  tunnel: EspTunnel;
}

function established(
  name: string,
  seconds: number,
  build: (given: Established) => void,
  peers: IkePeers = PEERS,
): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    const session = ikev2Handshake(t, peers, { at: EXCHANGE_START });
    build({ t, session, tunnel: espTunnelOf(peers, SPIS) });
    return writePcap(t.frames());
  };
}

function healthyWithRekey({ t, session, tunnel }: Established): void {
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 28.8, intervalMs: 900 });
  ikev2RekeyChild(t, session, 31.4);
  const next = espTunnelOf(PEERS, NEXT_SPIS);
  espExchange(t, next, { at: 31.6, seconds: 27, intervalMs: 900 });
}

function oneWay({ t, session, tunnel }: Established): void {
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 20, intervalMs: 600 });
  for (let i = 0; i < 66; i += 1) {
    const at = 22.4 + i * 0.6 + t.random.between(0, 0.06);
    espPacket(t, at, tunnel.forth, ESP_SIZES[i % ESP_SIZES.length] ?? SMALL);
  }
  ikev2Liveness(t, session, 43.7, 'initiator');
}

function noTraffic({ t, session }: Established): void {
  ikev2Liveness(t, session, 32.1, 'initiator');
  ikev2Liveness(t, session, 62.2, 'initiator');
  ping(t, PUBLIC_SITE.local, PUBLIC_SITE.peer, { at: 40, count: 4, identifier: 0x55c1 });
}

/**
 * 0.2 s of a busy tunnel: the outbound SA has 3 million numbers left, which 1250 packets a second use up in 40
 * minutes. Nothing replaced it in the 40 days before.
 */
function nearlyExhausted(): Uint8Array {
  const { local, peer } = PUBLIC_SITE;
  const t = namedTimeline('esp-seq-wrap-soon');
  const { forth, back } = espTunnelOf(PEERS, SPIS);
  const outbound = { from: forth.from, to: forth.to, spi: forth.spi, firstSequence: 0xffd2_3a40 };
  espStream(t, { ...outbound, at: 0, count: 250, intervalMs: 0.8, sizes: [88] });
  const inbound = { from: back.from, to: back.to, spi: back.spi, firstSequence: 0x6e91_07c5 };
  espStream(t, { ...inbound, at: 0.0011, count: 125, intervalMs: 1.6, sizes: [88] });
  arpExchange(t, 0.031, local, PUBLIC_SITE.router, { unicast: true });
  ping(t, local, peer, { at: 0.084, count: 1, identifier: 0x55c8 });
  return writePcap(t.frames());
}

/** Which sequence numbers the path loses: 9 of 300, alone and in pairs. */
const LOST_SEQUENCES: ReadonlySet<number> = new Set([23, 61, 62, 104, 149, 177, 178, 231, 268]);

function loss({ t, tunnel }: Established): void {
  const { from, to, spi } = tunnel.forth;
  const lost = (sequence: number): boolean => LOST_SEQUENCES.has(sequence);
  espStream(t, { from, to, spi, at: TRAFFIC_START, count: 300, intervalMs: 100, sizes: [SMALL], lost });
  const back = { from: to, to: from, spi: tunnel.back.spi, at: TRAFFIC_START + 0.02 };
  espStream(t, { ...back, count: 100, intervalMs: 300, sizes: [SMALL] });
}

function delayed(delays: ReadonlyMap<number, number>): (given: Established) => void {
  return ({ t, tunnel }) => {
    const { from, to, spi } = tunnel.forth;
    const delayMs = (sequence: number): number => delays.get(sequence) ?? 0;
    const sizes = [SMALL];
    espStream(t, { from, to, spi, at: TRAFFIC_START, count: 300, intervalMs: 50, sizes, delayMs });
    const back = { from: to, to: from, spi: tunnel.back.spi, at: TRAFFIC_START + 0.02 };
    espStream(t, { ...back, count: 75, intervalMs: 200, sizes });
  };
}

/** 50 ms a packet: these come 2 to 8 places late. */
const REORDERED = new Map([30, 75, 76, 120, 166, 203, 250].map((sequence, i) => [sequence, 110 + i * 50]));
/** These come 70 to 110 places late, behind a window of 64. */
const BEHIND_WINDOW = new Map([40, 41, 90, 130, 160].map((sequence, i) => [sequence, 3500 + i * 500]));

function duplicates({ t, tunnel }: Established): void {
  const { forth } = tunnel;
  for (let i = 0; i < 120; i += 1) {
    const at = TRAFFIC_START + i * 0.25 + t.random.between(0, 0.02);
    const packet = espPacket(t, at, forth, SMALL);
    if (i % 12 === 7) t.send(at + 0.084, forth.from, forth.to, ETHER_TYPE.ipv4, packet);
    if (i % 2 === 0) espPacket(t, at + 0.016, tunnel.back, SMALL);
  }
}

/** After the rekey the responder sends with the new SPI; the initiator stays on the old one. */
function staleSpi({ t, session, tunnel }: Established): void {
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 20, intervalMs: 1600 });
  const create = { at: 23, from: 'responder', exchangeType: EXCHANGE_V2.createChildSa } as const;
  ikev2Exchange(t, session, { ...create, requestLength: 228, responseLength: 196 });
  const mixed = { forth: tunnel.forth, back: espTunnelOf(PEERS, NEXT_SPIS).back };
  espExchange(t, mixed, { at: 23.4, seconds: 160, intervalMs: 1600, sizes: [SMALL] });
}

const CREATE = { exchangeType: EXCHANGE_V2.createChildSa, requestLength: 180 } as const;
/** An error notify alone, with SHA-256 and with SHA-512. */
const REFUSED = 52;
const REFUSED_SHA512 = 68;

/** The old SA is deleted, a new one is refused, and the tunnel stays without. */
function childRefused({ t, session, tunnel }: Established): void {
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 20, intervalMs: 900 });
  const remove = { at: 23, from: 'responder', exchangeType: EXCHANGE_V2.informational } as const;
  ikev2Exchange(t, session, { ...remove, requestLength: 68, responseLength: 68 });
  ikev2Exchange(t, session, { ...CREATE, at: 23.1, from: 'responder', responseLength: REFUSED_SHA512 });
  ping(t, PUBLIC_SITE.local, PUBLIC_SITE.peer, { at: 24, count: 30, identifier: 0x55c3 });
}

/** New keys are refused again and again, and the old ones are still good. */
function rekeyRefused({ t, session, tunnel }: Established): void {
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 56, intervalMs: 900 });
  for (const at of [20, 30, 40])
    ikev2Exchange(t, session, { ...CREATE, at, from: 'initiator', responseLength: REFUSED });
}

/** Both sides ask for new keys at once: one is told to wait, and asks no more as the other succeeds. */
function rekeyCollision({ t, session, tunnel }: Established): void {
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 25.8, intervalMs: 900 });
  ikev2RekeyChild(t, session, 28.4, 0.2);
  ikev2Exchange(t, session, { ...CREATE, at: 28.404, from: 'responder', responseLength: REFUSED });
  espExchange(t, espTunnelOf(PEERS, NEXT_SPIS), { at: 28.8, seconds: 29, intervalMs: 900 });
}

function protocolUnreachable({ t, tunnel }: Established): void {
  const { from, to } = tunnel.forth;
  for (let i = 0; i < 24; i += 1) {
    const at = TRAFFIC_START + i * 1.1 + t.random.between(0, 0.05);
    const packet = espPacket(t, at, tunnel.forth, 128);
    const refused = icmpError(3, 2, packet, { quotedLength: 156 });
    t.sendIp(at + 0.0131, to, from, IP_PROTOCOL.icmp, refused);
  }
}

/** On Linux the decrypted packet is seen again on the external interface, behind the ESP that carried it. */
function decapsulatedView({ t, tunnel }: Established): void {
  for (let i = 0; i < 40; i += 1) {
    const at = TRAFFIC_START + i + t.random.between(0, 0.05);
    espPacket(t, at, tunnel.forth, 128);
    espPacket(t, at + 0.0146, tunnel.back, 128);
    const echo = { reply: true, identifier: 0x7702, sequence: i + 1, data: t.random.bytes(56) };
    const inner = ip({
      source: '10.2.0.5',
      destination: '10.1.0.9',
      protocol: IP_PROTOCOL.icmp,
      payload: icmpEcho(echo),
      ttl: 62,
      identification: t.nextIdentification('10.2.0.5'),
    });
    t.send(at + 0.0146 + 55e-6, PUBLIC_SITE.peer, PUBLIC_SITE.local, ETHER_TYPE.ipv4, inner);
  }
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'esp-healthy.pcap',
    shows: 'native ESP both ways, both SAs replaced in the middle',
    must: [],
    healthy: true,
    write: established('esp-healthy', 60, healthyWithRekey),
  },
  {
    file: 'esp-one-way.pcap',
    shows: 'ESP both ways for 20 s, then nothing from the peer for 40 s although IKE still answers',
    must: ['esp.one-way-spi'],
    healthy: false,
    write: established('esp-one-way', 62, oneWay),
  },
  {
    file: 'esp-no-traffic.pcap',
    shows: 'an SA is established, and no ESP in either direction for 80 s',
    must: ['esp.no-traffic'],
    healthy: true,
    write: established('esp-no-traffic', 85, noTraffic),
  },
  {
    file: 'esp-loss.pcap',
    shows: 'at the receiver: 9 of 300 sequence numbers missing',
    must: ['esp.loss'],
    healthy: false,
    write: established('esp-loss', 35, loss, PEERS_AT_RESPONDER),
  },
  {
    file: 'esp-reorder.pcap',
    shows: 'at the receiver: seven packets a few places late, inside the replay window',
    must: ['esp.reorder'],
    healthy: true,
    write: established('esp-reorder', 20, delayed(REORDERED), PEERS_AT_RESPONDER),
  },
  {
    file: 'esp-replay-window.pcap',
    shows: 'at the receiver: five packets 70 places and more late, behind a replay window of 64',
    must: ['esp.replay-window'],
    healthy: false,
    write: established('esp-replay-window', 20, delayed(BEHIND_WINDOW), PEERS_AT_RESPONDER),
  },
  {
    file: 'esp-duplicates.pcap',
    shows: 'at the receiver: ten packets arrive twice, 84 ms apart',
    must: ['esp.duplicates'],
    healthy: true,
    write: established('esp-duplicates', 35, duplicates, PEERS_AT_RESPONDER),
  },
  {
    file: 'esp-seq-wrap-soon.pcap',
    shows: '0.2 s of a busy tunnel: the outbound SA has used all but 3 million of its sequence numbers',
    must: ['esp.seq-wrap-soon'],
    healthy: false,
    write: nearlyExhausted,
  },
  {
    file: 'esp-stale-spi.pcap',
    shows: 'the responder moves to its new SA, the initiator sends on the old one for 160 s more',
    must: ['esp.stale-spi'],
    healthy: false,
    write: established('esp-stale-spi', 186, staleSpi),
  },
  {
    file: 'ike-child-refused.pcap',
    shows:
      'the responder deletes the tunnel and asks for a new CHILD_SA, which is refused with an error alone (SHA-512); no ESP follows',
    must: ['ike.quick-stalled'],
    healthy: false,
    write: established('ike-child-refused', 60, childRefused),
  },
  {
    file: 'ike-rekey-refused.pcap',
    shows: 'new keys are refused three times, ten seconds apart, while the old ones are still good',
    must: ['ike.quick-stalled'],
    healthy: false,
    write: established('ike-rekey-refused', 60, rekeyRefused),
  },
  {
    file: 'ike-rekey-collision-healthy.pcap',
    shows: 'both sides ask for new keys at once: one is told to wait, the other succeeds, and ESP goes on',
    must: [],
    healthy: true,
    write: established('ike-rekey-collision', 60, rekeyCollision),
  },
  {
    file: 'esp-proto-unreachable.pcap',
    shows: 'IKE completes, every ESP packet is answered by ICMP protocol unreachable',
    must: ['esp.proto-unreachable'],
    healthy: false,
    allow: ['esp.one-way-spi'],
    write: established('esp-proto-unreachable', 40, protocolUnreachable),
  },
  {
    file: 'esp-decapsulated-view.pcap',
    shows: 'inbound packets seen twice, as ESP and decrypted; outbound as ESP only (normal on Linux)',
    must: ['esp.decapsulated-view'],
    healthy: true,
    write: established('esp-decapsulated-view', 45, decapsulatedView),
  },
];
