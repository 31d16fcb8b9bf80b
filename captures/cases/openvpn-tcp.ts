import { writePcap } from '../../test/build/capture-file.js';
import {
  connectOpenvpn,
  dataExchange,
  type OpenvpnTunnel,
  openvpnHandshake,
  openvpnTunnel,
  type Socket,
  sendInVain,
  sendOpaque,
} from '../../test/build/openvpn.js';
import type { Timeline } from '../../test/build/scenario.js';
import { CLIENT, SERVER } from './openvpn.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

const START = 2;
/** A segment and its repetitions by TCP. */
const BACKOFF_TCP = [0, 0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4];

function overTcp(name: string, untilSeconds: number): [Timeline, OpenvpnTunnel, number] {
  const t = siteTimeline(name, PUBLIC_SITE, untilSeconds);
  const tunnel = openvpnTunnel(t, CLIENT, SERVER);
  connectOpenvpn(t, START, tunnel);
  return [t, tunnel, openvpnHandshake(t, START + 0.1, tunnel)];
}

function healthyOverTcp(): Uint8Array {
  const [t, tunnel, done] = overTcp('openvpn-tcp-healthy', 50);
  dataExchange(t, tunnel, { at: done + 0.5, count: 40, intervalSeconds: 1, lengthBack: 160 });
  return writePcap(t.frames());
}

/** The path back to the client dies; TCP repeats its segment and then gives up. */
function tcpDead(): Uint8Array {
  const [t, tunnel, done] = overTcp('openvpn-tcp-dead', 60);
  dataExchange(t, tunnel, { at: done + 0.5, count: 20, intervalSeconds: 1, lengthBack: 160 });
  sendInVain(
    t,
    BACKOFF_TCP.map((seconds) => done + 21 + seconds),
    tunnel,
    'client',
    250,
  );
  return writePcap(t.frames());
}

/** The connection is well, and each segment acknowledged; but the server never has anything to say inside the tunnel. */
function tcpOneWay(): Uint8Array {
  const [t, tunnel, done] = overTcp('openvpn-tcp-one-way', 100);
  dataExchange(t, tunnel, { at: done + 0.5, count: 80, intervalSeconds: 1, lostBack: () => true });
  return writePcap(t.frames());
}

/** HMAC, IV and what is encrypted: all of it random to who has no key. The far side answers until `silentFrom`. */
function staticKey(name: string, from: Socket, to: Socket, silentFrom: number): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, 95);
    const ends = [
      { ...from, port: 1194 },
      { ...to, port: 1194 },
    ] as const;
    for (let at = 1; at < 94; at += t.random.between(0.7, 1.3)) {
      t.sendUdp(at, ends[0], ends[1], t.random.bytes(124 + 8 * (Math.floor(at) % 5)));
      if (at < silentFrom) t.sendUdp(at + 0.03, ends[1], ends[0], t.random.bytes(132));
    }
    return writePcap(t.frames());
  };
}

function staticKeyOverTcp(): Uint8Array {
  const t = siteTimeline('openvpn-static-key-tcp', PUBLIC_SITE, 95);
  const tunnel = openvpnTunnel(t, CLIENT, SERVER);
  connectOpenvpn(t, START, tunnel);
  for (let at = START + 1; at < 93; at += 1) sendOpaque(t, at, tunnel, 'client', t.random.bytes(132));
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'openvpn-tcp-healthy.pcap',
    shows: 'OpenVPN over TCP: handshake and data both ways',
    must: [],
    healthy: true,
    write: healthyOverTcp,
  },
  {
    file: 'openvpn-tcp-dead.pcap',
    shows: 'OpenVPN over TCP: from second 23 on nothing comes back, and the client repeats one segment',
    must: ['openvpn.one-way-data'],
    allow: ['tcp.half-open', 'tcp.retransmissions'],
    healthy: false,
    write: tcpDead,
  },
  {
    file: 'openvpn-tcp-one-way.pcap',
    shows: 'OpenVPN over TCP: every segment is acknowledged, but no data ever comes back',
    must: ['openvpn.one-way-data'],
    healthy: false,
    write: tcpOneWay,
  },
  {
    file: 'openvpn-static-key-healthy.pcap',
    shows: 'OpenVPN with a static key: no handshake, and packets without opcode both ways',
    must: [],
    healthy: true,
    write: staticKey('openvpn-static-key-healthy', CLIENT, SERVER, 100),
  },
  {
    file: 'openvpn-static-key-one-way.pcap',
    shows: 'OpenVPN with a static key: one side sends for a minute and a half, and nothing ever comes back',
    must: ['openvpn.one-way-data'],
    healthy: false,
    write: staticKey('openvpn-static-key-one-way', CLIENT, SERVER, 0),
  },
  {
    file: 'openvpn-static-key-stops-ipv6.pcap',
    shows: 'OpenVPN with a static key over IPv6: one side falls silent after 30 s',
    must: ['openvpn.one-way-data'],
    healthy: false,
    write: staticKey(
      'openvpn-static-key-stops-ipv6',
      { ...CLIENT, address: '2001:db8:1::1' },
      { ...SERVER, address: '2001:db8:2::7' },
      30,
    ),
  },
  {
    file: 'openvpn-static-key-tcp.pcap',
    shows: 'OpenVPN with a static key over TCP: every segment is acknowledged, and no data comes back',
    must: ['openvpn.one-way-data'],
    healthy: false,
    write: staticKeyOverTcp,
  },
];
