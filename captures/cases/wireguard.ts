import { writePcap } from '../../test/build/capture-file.js';
import type { Timeline } from '../../test/build/scenario.js';
import {
  sendCookieReply,
  sendInitiation,
  sendResponse,
  sendTransport,
  WIREGUARD_PORT,
  type WireguardTunnel,
  wireguardHandshake,
  wireguardSession,
  wireguardTalk,
  wireguardTunnel,
} from '../../test/build/wireguard.js';
import type { SampleCapture } from './sample-capture.js';
import { NAT_PEER_SITE, PUBLIC_SITE, siteTimeline } from './sites.js';

const CLIENT = { ...PUBLIC_SITE.local, port: 43_911 };
const SERVER = { ...PUBLIC_SITE.peer, port: WIREGUARD_PORT };
/** At the server: the client stands behind a NAT. */
const LISTENER = { ...NAT_PEER_SITE.local, port: WIREGUARD_PORT };
const VISITOR = { ...NAT_PEER_SITE.peer, port: 36_358 };
const START = 2;
const REKEY_TIMEOUT = 5.1;

function atClient(name: string, untilSeconds: number): [Timeline, WireguardTunnel] {
  const t = siteTimeline(name, PUBLIC_SITE, untilSeconds);
  return [t, wireguardTunnel(t, CLIENT, SERVER)];
}

function atServer(name: string, untilSeconds: number): [Timeline, WireguardTunnel] {
  const t = siteTimeline(name, NAT_PEER_SITE, untilSeconds);
  return [t, wireguardTunnel(t, VISITOR, LISTENER)];
}

/** Handshake, traffic, a new handshake after 120 s, traffic. */
function healthy(): Uint8Array {
  const [t, tunnel] = atClient('wireguard-healthy', 170);
  wireguardSession(t, tunnel, START, 165);
  return writePcap(t.frames());
}

/** Nobody talks: a keepalive of the client every 25 s, and a new handshake where its key is older than 120 s. */
function idle(): Uint8Array {
  const [t, tunnel] = atClient('wireguard-idle', 320);
  let keyAge = Number.POSITIVE_INFINITY;
  for (let at = START; at < 315; at += 25) {
    if (keyAge > 120) {
      wireguardHandshake(t, at, tunnel);
      keyAge = 0;
    } else sendTransport(t, at, tunnel, 'a', 0);
    keyAge += 25;
  }
  return writePcap(t.frames());
}

/** At the server: the client comes from another network in the middle of the session, and the server follows at once. */
function roaming(): Uint8Array {
  const [t, tunnel] = atServer('wireguard-roaming', 70);
  const done = wireguardHandshake(t, START, tunnel);
  const left = wireguardTalk(t, tunnel, { at: done + 0.3, count: 30 });
  tunnel.a.socket = { ...VISITOR, address: '203.0.113.88', port: 5122 };
  tunnel.b.endpoint = tunnel.a.socket;
  wireguardTalk(t, tunnel, { at: left + 3, count: 40 });
  return writePcap(t.frames());
}

/** On port 443; the server is under load and wants a cookie first. */
function otherPort(): Uint8Array {
  const t = siteTimeline('wireguard-cookie', PUBLIC_SITE, 40);
  const tunnel = wireguardTunnel(t, CLIENT, { ...SERVER, port: 443 });
  sendInitiation(t, START, tunnel, 'a');
  sendCookieReply(t, START + 0.022, tunnel, 'b');
  sendInitiation(t, START + REKEY_TIMEOUT, tunnel, 'a', true);
  sendResponse(t, START + REKEY_TIMEOUT + 0.022, tunnel, 'b');
  wireguardTalk(t, tunnel, { at: START + REKEY_TIMEOUT + 0.03, count: 30 });
  return writePcap(t.frames());
}

/** At the server: a client that has gone; the server wants to reach it and gives up after 90 s. */
function clientOff(): Uint8Array {
  const [t, tunnel] = atServer('wireguard-client-off', 170);
  const done = wireguardHandshake(t, START, tunnel);
  const gone = wireguardTalk(t, tunnel, { at: done + 0.3, count: 20 });
  for (let index = 0; index < 5; index++) sendTransport(t, gone + 8 + index * 3, tunnel, 'b', 84);
  for (let at = gone + 23; at < gone + 113; at += REKEY_TIMEOUT) sendInitiation(t, at, tunnel, 'b');
  return writePcap(t.frames());
}

function noResponse(): Uint8Array {
  const [t, tunnel] = atClient('wireguard-no-response', 110);
  for (let at = START; at < START + 90; at += REKEY_TIMEOUT) sendInitiation(t, at, tunnel, 'a');
  return writePcap(t.frames());
}

/** At the server: its NAT gives the client another port in a pause, and the server goes on to the old one. */
function endpointStale(): Uint8Array {
  const [t, tunnel] = atServer('wireguard-endpoint-stale', 140);
  const done = wireguardHandshake(t, START, tunnel);
  const pause = wireguardTalk(t, tunnel, { at: done + 0.3, count: 40 });
  tunnel.a.socket = { ...VISITOR, port: 49_379 };
  for (let at = pause + 40; at < 135; at += REKEY_TIMEOUT) {
    sendInitiation(t, at, tunnel, 'a');
    sendInitiation(t, at + 0.6, tunnel, 'b');
  }
  return writePcap(t.frames());
}

/** The preshared keys differ: the server answers each initiation, and the client can use none of the answers. */
function responsesRefused(): Uint8Array {
  const [t, tunnel] = atClient('wireguard-handshake-loop', 70);
  for (let at = START; at < 60; at += REKEY_TIMEOUT) {
    sendInitiation(t, at, tunnel, 'a');
    sendResponse(t, at + 0.022, tunnel, 'b');
  }
  return writePcap(t.frames());
}

/** Handshakes pass, data of the server does not: the client tries again 15 s after each packet that nothing follows. */
function dataFiltered(): Uint8Array {
  const [t, tunnel] = atClient('wireguard-data-filtered', 110);
  for (let at = START; at < 100; at += 15.2) {
    const done = wireguardHandshake(t, at, tunnel);
    for (let index = 0; index < 6; index++) sendTransport(t, done + index * 2, tunnel, 'a', 84);
  }
  return writePcap(t.frames());
}

/** An idle tunnel between two listening peers in which five keepalives are missing. */
function keepaliveMissing(): Uint8Array {
  const t = siteTimeline('wireguard-keepalive-missing', PUBLIC_SITE, 420);
  const tunnel = wireguardTunnel(t, { ...CLIENT, port: WIREGUARD_PORT }, SERVER);
  wireguardHandshake(t, START, tunnel);
  for (let at = START + 25; at < 130; at += 25) sendTransport(t, at, tunnel, 'a', 0);
  wireguardHandshake(t, 280, tunnel);
  for (let at = 305; at < 415; at += 25) sendTransport(t, at, tunnel, 'a', 0);
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'wireguard-healthy.pcap',
    shows: 'WireGuard: handshake, data both ways, a new handshake after 120 s',
    must: [],
    healthy: true,
    write: healthy,
  },
  {
    file: 'wireguard-idle.pcap',
    shows: 'an idle WireGuard tunnel: a keepalive of one side every 25 s, and new handshakes in time',
    must: [],
    healthy: true,
    write: idle,
  },
  {
    file: 'wireguard-roaming.pcap',
    shows: 'at the server: the client goes on from another network, and the server follows at once',
    must: [],
    healthy: true,
    write: roaming,
  },
  {
    file: 'wireguard-cookie.pcap',
    shows: 'WireGuard on port 443: the first initiation gets a cookie reply, the second one a response',
    must: [],
    healthy: true,
    write: otherPort,
  },
  {
    file: 'wireguard-client-off.pcap',
    shows: 'at the server: a client has gone, and the server tries in vain to reach it',
    must: ['wireguard.no-response'],
    healthy: true,
    write: clientOff,
  },
  {
    file: 'wireguard-no-response.pcap',
    shows: 'handshake initiations for 90 s, no packet from the server',
    must: ['wireguard.no-response'],
    healthy: false,
    write: noResponse,
  },
  {
    file: 'wireguard-endpoint-stale.pcap',
    shows: 'at the server: the NAT gives the client another port, and the server goes on to the old one',
    must: ['wireguard.endpoint-stale'],
    healthy: false,
    allow: ['wireguard.no-response'],
    write: endpointStale,
  },
  {
    file: 'wireguard-handshake-loop.pcap',
    shows: 'the preshared keys differ: each initiation is answered, and no session is used',
    must: ['wireguard.handshake-loop'],
    healthy: false,
    write: responsesRefused,
  },
  {
    file: 'wireguard-data-filtered.pcap',
    shows: 'handshakes pass and data of the server does not: a handshake every 15 s',
    must: ['wireguard.handshake-loop'],
    healthy: false,
    write: dataFiltered,
  },
  {
    file: 'wireguard-keepalive-missing.pcap',
    shows: 'an idle tunnel in which five keepalives are missing',
    must: ['wireguard.keepalive-missing'],
    healthy: false,
    write: keepaliveMissing,
  },
];
