import { writePcap } from '../../test/build/capture-file.js';
import { icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import {
  dataExchange,
  OPENVPN_OPCODE,
  type OpenvpnTunnel,
  openvpnHandshake,
  openvpnTunnel,
  pings,
  sendControl,
  sendData,
} from '../../test/build/openvpn.js';
import type { Timeline } from '../../test/build/scenario.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

export const CLIENT = { ...PUBLIC_SITE.local, port: 41_874 };
export const SERVER = { ...PUBLIC_SITE.peer, port: 1194 };
export const START = 2;
/** Repetitions of the reliability layer. */
const BACKOFF = [0, 2, 6, 14, 30];

export function tunnelOn(
  name: string,
  untilSeconds: number,
  protection: OpenvpnTunnel['protection'] = 'none',
): [Timeline, OpenvpnTunnel] {
  const t = siteTimeline(name, PUBLIC_SITE, untilSeconds);
  return [t, openvpnTunnel(t, CLIENT, SERVER, protection)];
}

/** Handshake, traffic, an idle minute with pings both ways, new keys, and traffic again. */
function healthy(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-healthy', 130);
  const done = openvpnHandshake(t, START, tunnel);
  dataExchange(t, tunnel, { at: done + 0.4, count: 25, intervalSeconds: 0.8, length: 160, lengthBack: 160 });
  pings(t, tunnel, 'client', 33, 95);
  pings(t, tunnel, 'server', 34, 95);
  const renewed = openvpnHandshake(t, 98, tunnel, { soft: true });
  dataExchange(t, tunnel, {
    at: renewed + 0.4,
    count: 25,
    intervalSeconds: 0.9,
    length: 160,
    lengthBack: 160,
  });
  return writePcap(t.frames());
}

function tlsCrypt(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-tls-crypt', 40, 'tls-crypt');
  const done = openvpnHandshake(t, START, tunnel);
  dataExchange(t, tunnel, { at: done + 0.4, count: 40, intervalSeconds: 0.8 });
  return writePcap(t.frames());
}

function tlsAuth(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-tls-auth', 40, 'tls-auth');
  const done = openvpnHandshake(t, START, tunnel);
  dataExchange(t, tunnel, { at: done + 0.4, count: 40, intervalSeconds: 0.8 });
  return writePcap(t.frames());
}

/** Logs inside a tunnel that nobody pings: nothing comes back for a minute, and nothing has to. */
function oneWayByDesign(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-one-way-by-design', 100);
  const done = openvpnHandshake(t, START, tunnel);
  for (let index = 0; index < 60; index++) {
    sendData(t, done + 1 + index * 1.4 + t.random.between(0, 0.3), tunnel, 'client', 180 + (index % 7) * 31);
    if (index % 29 === 28) sendData(t, done + 1.1 + index * 1.4, tunnel, 'server', 52);
  }
  return writePcap(t.frames());
}

function resets(t: Timeline, tunnel: OpenvpnTunnel, at: number): void {
  const opcode = OPENVPN_OPCODE.clientReset;
  for (const after of BACKOFF) sendControl(t, at + after, tunnel, 'client', { opcode, messageId: 0 });
}

function noResponse(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-no-response', 110);
  resets(t, tunnel, START);
  resets(t, openvpnTunnel(t, { ...CLIENT, port: 52_011 }, SERVER), START + 62);
  return writePcap(t.frames());
}

/** At the server: it answers every reset, and the client repeats it. */
function answersLost(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-answers-lost', 60);
  for (const after of BACKOFF) {
    sendControl(t, START + after, tunnel, 'client', { opcode: OPENVPN_OPCODE.clientReset, messageId: 0 });
    sendControl(t, START + after + 0.001, tunnel, 'server', {
      opcode: OPENVPN_OPCODE.serverReset,
      messageId: 0,
      acks: [0],
    });
  }
  return writePcap(t.frames());
}

function portUnreachable(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-port-unreachable', 60);
  const opcode = OPENVPN_OPCODE.clientReset;
  for (const after of BACKOFF) {
    const { client, server } = tunnel;
    const before = t.frames().length;
    sendControl(t, START + after, tunnel, 'client', { opcode, messageId: 0 });
    const sent = t.frames().find((frame) => frame.timeNs === t.timeNs(START + after));
    if (!sent || t.frames().length === before) throw new Error('no reset was sent');
    const quoted = sent.bytes.slice(14);
    t.sendIp(START + after + 0.019, server.socket, client.socket, IP_PROTOCOL.icmp, icmpError(3, 3, quoted));
  }
  return writePcap(t.frames());
}

function resetLoop(): Uint8Array {
  const [t] = tunnelOn('openvpn-reset-loop', 120);
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = CLIENT.port + attempt * 13;
    openvpnHandshake(t, START + attempt * 21, openvpnTunnel(t, { ...CLIENT, port }, SERVER));
  }
  return writePcap(t.frames());
}

/** Requests that used to be answered get no answer for 60 s, then the client starts over. */
function oneWayData(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-one-way-data', 110);
  const done = openvpnHandshake(t, START, tunnel);
  dataExchange(t, tunnel, { at: done + 0.5, count: 30, intervalSeconds: 0.9 });
  dataExchange(t, tunnel, { at: done + 30, count: 60, intervalSeconds: 1, lostBack: () => true });
  const again = openvpnTunnel(t, { ...CLIENT, port: 41_902 }, SERVER);
  dataExchange(t, again, { at: openvpnHandshake(t, 95, again) + 0.5, count: 12, intervalSeconds: 0.8 });
  return writePcap(t.frames());
}

/** The server's pings are missing for a minute. */
function keepaliveGap(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-keepalive-gap', 190);
  openvpnHandshake(t, START, tunnel);
  pings(t, tunnel, 'client', 12, 185);
  pings(t, tunnel, 'server', 13, 70);
  pings(t, tunnel, 'server', 122, 185);
  return writePcap(t.frames());
}

/** At the client: 8 of 200 packets of the server are missing. */
function loss(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-loss', 70);
  const done = openvpnHandshake(t, START, tunnel);
  const lostBack = (index: number): boolean => index % 23 === 17;
  dataExchange(t, tunnel, {
    at: done + 0.5,
    count: 200,
    intervalSeconds: 0.3,
    length: 40,
    lengthBack: 40,
    lostBack,
  });
  return writePcap(t.frames());
}

/** Full-size packets inside leave in two pieces, and all arrive. */
function fragmented(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-outer-fragmentation', 40);
  const done = openvpnHandshake(t, START, tunnel);
  for (let index = 0; index < 30; index++) {
    const at = done + 0.5 + index;
    sendData(t, at, tunnel, 'client', index % 3 === 0 ? 1500 : 120, { mtu: 1500 });
    sendData(t, at + 0.02, tunnel, 'server', 120);
  }
  return writePcap(t.frames());
}

/** At the client: of the large packets of the server only the first pieces arrive. */
function fragmentsDropped(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-fragments-dropped', 40);
  const done = openvpnHandshake(t, START, tunnel);
  for (let index = 0; index < 30; index++) {
    const at = done + 0.5 + index;
    sendData(t, at, tunnel, 'client', 120);
    const isLarge = index % 3 === 0;
    sendData(t, at + 0.02, tunnel, 'server', isLarge ? 1500 : 120, {
      mtu: 1500,
      ...(isLarge && { lostFragments: [1] }),
    });
  }
  return writePcap(t.frames());
}

/** The NAT of the client gives it a new port in the middle of the session. */
function peerMoved(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-peer-moved', 60);
  const done = openvpnHandshake(t, START, tunnel);
  dataExchange(t, tunnel, { at: done + 0.5, count: 25, intervalSeconds: 0.8 });
  tunnel.client.socket = { ...CLIENT, port: 50_777 };
  dataExchange(t, tunnel, { at: done + 25, count: 25, intervalSeconds: 0.8 });
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'openvpn-healthy.pcap',
    shows: 'OpenVPN: handshake, data both ways, pings while idle, new keys',
    must: [],
    healthy: true,
    write: healthy,
  },
  {
    file: 'openvpn-tls-crypt.pcap',
    shows: 'OpenVPN with tls-crypt: handshake and data both ways',
    must: [],
    healthy: true,
    write: tlsCrypt,
  },
  {
    file: 'openvpn-tls-auth.pcap',
    shows: 'OpenVPN with tls-auth: handshake and data both ways',
    must: [],
    healthy: true,
    write: tlsAuth,
  },
  {
    file: 'openvpn-one-way-by-design.pcap',
    shows: 'logs travel through a tunnel without pings: hardly anything comes back, and nothing has to',
    must: [],
    healthy: true,
    write: oneWayByDesign,
  },
  {
    file: 'openvpn-no-response.pcap',
    shows: 'hard resets at 0, 2, 6, 14, 30 s in two attempts, no packet from the server',
    must: ['openvpn.no-response'],
    healthy: false,
    write: noResponse,
  },
  {
    file: 'openvpn-answers-lost.pcap',
    shows: 'at the server: it answers each hard reset, and the client repeats it',
    must: ['openvpn.no-response'],
    healthy: false,
    write: answersLost,
  },
  {
    file: 'openvpn-port-unreachable.pcap',
    shows: 'hard resets are answered by ICMP port unreachable',
    must: ['openvpn.port-unreachable'],
    healthy: false,
    write: portUnreachable,
  },
  {
    file: 'openvpn-reset-loop.pcap',
    shows: 'five complete handshakes from new ports within two minutes, no data: the login is refused',
    must: ['openvpn.reset-loop'],
    healthy: false,
    write: resetLoop,
  },
  {
    file: 'openvpn-one-way-data.pcap',
    shows: 'data both ways for 27 s, then nothing from the server for 60 s, and the client starts over',
    must: ['openvpn.one-way-data'],
    healthy: false,
    write: oneWayData,
  },
  {
    file: 'openvpn-keepalive-gap.pcap',
    shows: "an idle tunnel in which the server's pings are missing for a minute",
    must: ['openvpn.keepalive-gap'],
    healthy: false,
    write: keepaliveGap,
  },
  {
    file: 'openvpn-loss.pcap',
    shows: 'at the client: 8 of 200 packet ids of the server are missing',
    must: ['openvpn.loss'],
    healthy: false,
    write: loss,
  },
  {
    file: 'openvpn-outer-fragmentation.pcap',
    shows: 'full-size packets inside the tunnel leave it in two fragments, and all arrive',
    must: ['openvpn.outer-fragmentation'],
    healthy: true,
    write: fragmented,
  },
  {
    file: 'openvpn-fragments-dropped.pcap',
    shows: 'at the client: of the large packets of the server only the first fragments arrive',
    must: ['openvpn.outer-fragmentation', 'frag.missing-rest'],
    healthy: false,
    write: fragmentsDropped,
  },
  {
    file: 'openvpn-peer-moved.pcap',
    shows: 'the client goes on from a new port in the middle of the session',
    must: ['openvpn.peer-moved'],
    healthy: true,
    write: peerMoved,
  },
];
