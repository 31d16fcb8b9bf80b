import { u16 } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { internetChecksum } from '../../test/build/checksum.js';
import { icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import {
  ESP_SIZES,
  type EspTunnel,
  espExchange,
  espPacket,
  ping,
  type Timeline,
} from '../../test/build/scenario.js';
import {
  espTunnelOf,
  type IkePeers,
  type Ikev2Session,
  ikev2Handshake,
  ikev2Liveness,
} from '../../test/build/scenario-ike.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

const { local, peer } = PUBLIC_SITE;
const PEERS: IkePeers = { initiator: local, responder: peer };
const SPIS = { toResponder: 0xc36bd018, toInitiator: 0x74a9f25e };
const EXCHANGE_START = 2;
const TRAFFIC_START = 2.2;

/** A router on the path, seen from the local gateway. */
const PATH_ROUTER = { mac: peer.mac, address: '203.0.113.1', ttl: 61 };

interface Established {
  t: Timeline;
  session: Ikev2Session;
  tunnel: EspTunnel;
}

function established(name: string, seconds: number, build: (given: Established) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    const session = ikev2Handshake(t, PEERS, { at: EXCHANGE_START });
    build({ t, session, tunnel: espTunnelOf(PEERS, SPIS) });
    return writePcap(t.frames());
  };
}

/** An access list of a router lets IKE and ICMP pass, but not protocol 50. */
function espFiltered({ t, session, tunnel }: Established): void {
  for (let i = 0; i < 40; i += 1) {
    const at = TRAFFIC_START + i * 1.1 + t.random.between(0, 0.05);
    const packet = espPacket(t, at, tunnel.forth, ESP_SIZES[i % ESP_SIZES.length] ?? 0);
    t.sendIp(at + 0.0068, PATH_ROUTER, local, IP_PROTOCOL.icmp, icmpError(3, 13, packet));
  }
  ikev2Liveness(t, session, 32.3, 'initiator');
  ping(t, local, peer, { at: 36.4, count: 4, identifier: 0x4b02 });
}

/** Two routers send packets to each other; the last hop of a packet reports it, one hop's worth of TTL left. */
function routingLoop({ t, tunnel }: Established): void {
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 15, intervalMs: 800 });
  for (let i = 0; i < 34; i += 1) {
    const at = 17.6 + i * 1.1 + t.random.between(0, 0.05);
    reportExpired(t, at, espPacket(t, at, tunnel.forth, 128));
  }
}

const LOOP_SECONDS = 0.0917;

function reportExpired(t: Timeline, sentAt: number, packet: Uint8Array): void {
  const expired = icmpError(11, 0, withTimeToLive(packet, 1));
  t.sendIp(sentAt + LOOP_SECONDS + t.random.between(0, 0.003), PATH_ROUTER, local, IP_PROTOCOL.icmp, expired);
}

/** The IPv4 packet as it is after some hops. */
function withTimeToLive(packet: Uint8Array, ttl: number): Uint8Array {
  const aged = packet.slice();
  aged[8] = ttl;
  aged.set(u16(0), 10);
  aged.set(u16(internetChecksum(aged.subarray(0, 20))), 10);
  return aged;
}

const LOST_PINGS: ReadonlySet<number> = new Set([4, 11, 12, 19, 27, 33, 38]);
const LOST_EXCHANGES: ReadonlySet<number> = new Set([3, 9, 17, 22, 23, 34, 40, 48]);

/** The path to the peer loses one packet in six, the path back none: the ESP numbers that arrive have no gap. */
function lossyPath({ t, tunnel }: Established): void {
  for (let i = 0; i < 50; i += 1) {
    const at = TRAFFIC_START + i * 0.9 + t.random.between(0, 0.1);
    const size = ESP_SIZES[i % ESP_SIZES.length] ?? 0;
    espPacket(t, at, tunnel.forth, size);
    if (!LOST_EXCHANGES.has(i)) espPacket(t, at + 0.0142, tunnel.back, size);
  }
  for (let i = 0; i < 42; i += 1) {
    const at = 3.5 + i;
    const answered = !LOST_PINGS.has(i);
    ping(t, local, peer, { at, count: 1, identifier: 0x4b05, firstSequence: i + 1, answered });
  }
}

/** Pings with DF: 1372 bytes of data pass, 1472 vanish, and no router says why. */
function largePingsLost({ t, tunnel }: Established): void {
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 46, intervalMs: 1500 });
  const request = { dontFragment: true };
  ping(t, local, peer, { at: 6, count: 4, identifier: 0x4b11, request });
  ping(t, local, peer, {
    at: 13.4,
    count: 6,
    identifier: 0x4b12,
    dataLength: 1472,
    answered: false,
    request,
  });
  ping(t, local, peer, { at: 24.1, count: 5, identifier: 0x4b13, dataLength: 1372, request });
  ping(t, local, peer, {
    at: 33.7,
    count: 5,
    identifier: 0x4b14,
    dataLength: 1472,
    answered: false,
    request,
  });
  ping(t, local, peer, { at: 42.2, count: 4, identifier: 0x4b15, request });
}

/** Captures whose fault lies between the gateways and is told by ICMP. */
export const captures: readonly SampleCapture[] = [
  {
    file: 'underlay-admin-prohibited.pcap',
    shows: 'IKE and ping pass, a router answers ESP by "administratively prohibited"',
    must: ['underlay.admin-prohibited'],
    healthy: false,
    write: established('underlay-admin-prohibited', 50, espFiltered),
  },
  {
    file: 'underlay-ttl-exceeded.pcap',
    shows: 'a tunnel works for 15 s, then its packets run into a routing loop',
    must: ['underlay.ttl-exceeded'],
    healthy: false,
    write: established('underlay-ttl-exceeded', 60, routingLoop),
  },
  {
    file: 'underlay-ping-loss.pcap',
    shows: 'the path to the peer loses one packet in six, the path back none: pings stay unanswered',
    must: ['underlay.ping-loss'],
    healthy: false,
    write: established('underlay-ping-loss', 50, lossyPath),
  },
  {
    file: 'underlay-ping-size-loss.pcap',
    shows: 'pings of up to 1400 bytes are answered, those of 1500 are not, and no router reports it',
    must: ['underlay.ping-size-loss'],
    healthy: false,
    write: established('underlay-ping-size-loss', 52, largePingsLost),
  },
];
