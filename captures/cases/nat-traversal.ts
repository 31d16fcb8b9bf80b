import { writePcap } from '../../test/build/capture-file.js';
import { ah } from '../../test/build/esp.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { NAT_KEEPALIVE } from '../../test/build/isakmp.js';
import { espExchange, espPacket, type Timeline } from '../../test/build/scenario.js';
import { espTunnelOf, type IkePeers, ikev2Handshake, ikev2Liveness } from '../../test/build/scenario-ike.js';
import type { SampleCapture } from './sample-capture.js';
import { NAT_PEER_SITE, NATTED_SITE, natSeenFrom, siteTimeline } from './sites.js';

const INSIDE: IkePeers = {
  initiator: NATTED_SITE.local,
  responder: NATTED_SITE.peer,
  nat: natSeenFrom('inside'),
};
const OUTSIDE: IkePeers = {
  initiator: NAT_PEER_SITE.peer,
  responder: NAT_PEER_SITE.local,
  nat: natSeenFrom('outside'),
};
const SPIS = { toResponder: 0xc570e4a2, toInitiator: 0x38f1c96d };
const EXCHANGE_START = 2;
const TRAFFIC_START = 2.2;

function natKeepalive(t: Timeline, seconds: number, { initiator, responder }: IkePeers): void {
  t.sendUdp(seconds, { ...initiator, port: 4500 }, { ...responder, port: 4500 }, NAT_KEEPALIVE);
}

function healthy(): Uint8Array {
  const t = siteTimeline('esp-healthy-nat', NATTED_SITE, 95);
  const session = ikev2Handshake(t, INSIDE, { at: EXCHANGE_START });
  const tunnel = espTunnelOf(INSIDE, SPIS);
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 25, intervalMs: 900 });
  for (const at of [46.9, 66.9]) natKeepalive(t, at, INSIDE);
  ikev2Liveness(t, session, 56.4, 'responder');
  espExchange(t, tunnel, { at: 70.3, seconds: 22, intervalMs: 900 });
  return writePcap(t.frames());
}

/** 95 s without a packet from behind the NAT; its mapping is gone, and a new port appears at the end. */
function keepaliveMissing(): Uint8Array {
  const t = siteTimeline('natt-keepalive-missing', NAT_PEER_SITE, 150);
  ikev2Handshake(t, OUTSIDE, { at: EXCHANGE_START });
  const tunnel = espTunnelOf(OUTSIDE, SPIS);
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 20, intervalMs: 900 });
  for (let i = 0; i < 6; i += 1) espPacket(t, 116.8 + i * 1.3, tunnel.back, 128);
  const newPort = 61_397;
  const moved = {
    forth: { ...tunnel.forth, ports: { source: newPort, destination: 4500 } },
    back: { ...tunnel.back, ports: { source: 4500, destination: newPort } },
  };
  espExchange(t, moved, { at: 126.1, seconds: 20, intervalMs: 900 });
  return writePcap(t.frames());
}

/** The daemon of the peer restarts: for 3 s its port is closed, then it knows nothing of the SAs that this side goes on using. */
function daemonRestarted(): Uint8Array {
  const t = siteTimeline('ike-daemon-restarted', NATTED_SITE, 75);
  ikev2Handshake(t, INSIDE, { at: EXCHANGE_START });
  const tunnel = espTunnelOf(INSIDE, SPIS);
  espExchange(t, tunnel, { at: TRAFFIC_START, seconds: 20, intervalMs: 900 });
  const { from, to } = tunnel.forth;
  for (let i = 0; i < 60; i += 1) {
    const at = 23 + i * 0.8 + t.random.between(0, 0.05);
    const packet = espPacket(t, at, tunnel.forth, 128);
    if (i < 4) t.sendIp(at + 0.013, to, from, IP_PROTOCOL.icmp, icmpError(3, 3, packet));
  }
  return writePcap(t.frames());
}

/** The side behind the NAT encapsulates in UDP, the other one sends protocol 50. */
function mixedEncapsulation(): Uint8Array {
  const t = siteTimeline('esp-mixed-encapsulation', NAT_PEER_SITE, 45);
  ikev2Handshake(t, OUTSIDE, { at: EXCHANGE_START });
  const tunnel = espTunnelOf(OUTSIDE, SPIS);
  const { from, to, spi } = tunnel.back;
  const native = { forth: tunnel.forth, back: { from, to, spi, nextSequence: 1 } };
  espExchange(t, native, { at: TRAFFIC_START, seconds: 38, intervalMs: 900 });
  return writePcap(t.frames());
}

/** AH covers the addresses that the NAT rewrote: the receiver drops every packet. */
function authenticationHeader(): Uint8Array {
  const t = siteTimeline('ah-through-nat', NAT_PEER_SITE, 45);
  ikev2Handshake(t, OUTSIDE, { at: EXCHANGE_START });
  const { initiator, responder } = OUTSIDE;
  for (let i = 0; i < 36; i += 1) {
    const packet = ah({
      nextHeader: 4,
      spi: SPIS.toResponder,
      sequence: i + 1,
      icv: t.random.bytes(12),
      payload: innerEcho(t, i + 1),
    });
    t.sendIp(
      TRAFFIC_START + i * 1.1 + t.random.between(0, 0.08),
      initiator,
      responder,
      IP_PROTOCOL.ah,
      packet,
    );
  }
  return writePcap(t.frames());
}

function innerEcho(t: Timeline, sequence: number): Uint8Array {
  const data = t.random.bytes(56);
  const payload = icmpEcho({ identifier: 0x2f61, sequence, data });
  const identification = t.nextIdentification('10.1.0.9');
  return ip({
    source: '10.1.0.9',
    destination: '10.2.0.5',
    protocol: IP_PROTOCOL.icmp,
    payload,
    identification,
  });
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'esp-healthy-nat.pcap',
    shows: 'ESP in UDP both ways, an idle time that NAT keepalives bridge, and traffic again',
    must: ['ike.nat-detected'],
    healthy: true,
    write: healthy,
  },
  {
    file: 'ike-daemon-restarted.pcap',
    shows: 'the peer refuses port 4500 for 3 s, and after that answers none of the ESP that goes on for 45 s',
    must: ['ike.port-unreachable'],
    healthy: false,
    allow: ['esp.one-way-spi'],
    write: daemonRestarted,
  },
  {
    file: 'natt-keepalive-missing.pcap',
    shows:
      'the side behind the NAT is silent for 95 s, then it cannot be reached and comes back from a new port',
    must: ['natt.keepalive-missing'],
    healthy: false,
    write: keepaliveMissing,
  },
  {
    file: 'esp-mixed-encapsulation.pcap',
    shows: 'ESP in UDP one way, native ESP the other way',
    must: ['esp.mixed-encapsulation'],
    healthy: false,
    allow: ['ike.nat-undetected'],
    write: mixedEncapsulation,
  },
  {
    file: 'ah-through-nat.pcap',
    shows: 'IKE finds a NAT, the initiator sends AH through it, nothing comes back',
    must: ['esp.ah-through-nat'],
    healthy: false,
    allow: ['esp.one-way-spi', 'esp.no-traffic', 'underlay.ping-loss'],
    write: authenticationHeader,
  },
];
