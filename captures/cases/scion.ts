import { concat, u16, u64, zeros } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { LINK_TYPE } from '../../test/build/link.js';
import { ping, type Timeline } from '../../test/build/scenario.js';
import {
  beacons,
  bfdUp,
  gatewayFrame,
  keepalives,
  oldEcho,
  type Router,
  rawFraming,
  registrations,
  sendOldScmp,
  sendScion,
} from '../../test/build/scenario-scion.js';
import { NEXT, oldScionPacket, type ScionPacket, scionUdp, scmp, scmpEcho } from '../../test/build/scion.js';
import type { SampleCapture } from './sample-capture.js';
import { namedTimeline, PUBLIC_SITE, siteTimeline } from './sites.js';

/** A child AS in a virtual machine and its attachment point, in a tunnel. */
export const CHILD: Router = { isdAs: '17-ffaa:1:64', socket: tunnelEnd('10.0.8.8', 50_000) };
export const PARENT: Router = { isdAs: '17-ffaa:0:1107', socket: tunnelEnd('10.0.8.1', 50_015) };
export const CHILD_PHASE = 0.32;
const PARENT_PHASE = 0.71;

/** Two current border routers. */
const HERE: Router = { isdAs: '1-ff00:0:110', socket: { ...PUBLIC_SITE.local, port: 50_000 } };
const THERE: Router = { isdAs: '1-ff00:0:111', socket: { ...PUBLIC_SITE.peer, port: 50_000 } };

function tunnelEnd(address: string, port: number): Router['socket'] {
  return { mac: '00:00:00:00:00:00', address, ttl: 64, port };
}

function startSeconds(t: Timeline): number {
  return Number(t.timeNs(0) / 1_000_000_000n);
}

export function rawFile(t: Timeline): Uint8Array {
  return writePcap(t.frames(), { linkType: LINK_TYPE.raw });
}

/** A path of three hops, made a minute before the capture; each hop field lives for six hours. */
export function path(t: Timeline, ageSeconds = 60): NonNullable<ScionPacket['segments']> {
  const timestamp = startSeconds(t) - ageSeconds;
  const hops = [
    { expiry: 63, ingress: 0, egress: 5 },
    { expiry: 63, ingress: 3, egress: 8 },
    { expiry: 63, ingress: 1, egress: 0 },
  ];
  return [{ timestamp, hops }];
}

function bothKeepalives(t: Timeline, until: number): void {
  keepalives(t, { from: CHILD, to: PARENT, at: CHILD_PHASE, until });
  keepalives(t, { from: PARENT, to: CHILD, at: PARENT_PHASE, until });
}

function control(t: Timeline, until: number): void {
  beacons(t, { from: PARENT, to: CHILD, at: 2.4, until });
  registrations(t, { from: CHILD, to: PARENT, at: 3.1, until }, path(t));
}

export function healthyLink(): Uint8Array {
  const t = namedTimeline('scion-2018-healthy', rawFraming);
  const until = 60;
  keepalives(t, { from: CHILD, to: PARENT, at: CHILD_PHASE, until, lost: (beat) => beat === 21 });
  keepalives(t, { from: PARENT, to: CHILD, at: PARENT_PHASE, until });
  control(t, until);
  for (let count = 0; count < 5; count++) {
    sendOldScmp(t, 20.2 + count, CHILD, PARENT, [0, 1, oldEcho(0x3a1c, count)]);
    sendOldScmp(t, 20.23 + count, PARENT, CHILD, [0, 2, oldEcho(0x3a1c, count)]);
  }
  return rawFile(t);
}

/** Four keepalives of the attachment point do not arrive; everything else does. */
function gap(): Uint8Array {
  const t = namedTimeline('scion-keepalive-gap', rawFraming);
  const until = 60;
  keepalives(t, { from: CHILD, to: PARENT, at: CHILD_PHASE, until });
  keepalives(t, {
    from: PARENT,
    to: CHILD,
    at: PARENT_PHASE,
    until,
    lost: (beat) => beat >= 31 && beat < 35,
  });
  control(t, until);
  return rawFile(t);
}

/** The border router of the attachment point never answers; its host does. */
function missing(): Uint8Array {
  const t = namedTimeline('scion-keepalive-missing', rawFraming);
  const until = 40;
  keepalives(t, { from: CHILD, to: PARENT, at: CHILD_PHASE, until });
  ping(t, CHILD.socket, PARENT.socket, { at: 12.4, count: 4, intervalSeconds: 1, identifier: 0x1d07 });
  return rawFile(t);
}

/**
 * Beacons and registrations end after 20 s, while data goes on for more than ten minutes. The capture filter was
 * `greater 200`: keepalives are not in the capture.
 */
function controlSilence(): Uint8Array {
  const t = namedTimeline('scion-control-silence', rawFraming);
  control(t, 20);
  const data = (from: Router, to: Router): Uint8Array =>
    oldScionPacket({
      source: { isdAs: from.isdAs, host: '10.0.2.15' },
      destination: { isdAs: to.isdAs, host: '192.0.2.9' },
      segments: path(t),
      nextHeader: NEXT.udp,
      payload: scionUdp(40_002, 40_001, t.random.bytes(200)),
    });
  for (let at = 1.5; at < 640; at += 11.3) {
    t.sendUdp(at, CHILD.socket, PARENT.socket, data(CHILD, PARENT));
    t.sendUdp(at + 0.04, PARENT.socket, CHILD.socket, data(PARENT, CHILD));
  }
  return rawFile(t);
}

/** A route sends other traffic of the host into the tunnel. */
function foreign(): Uint8Array {
  const t = namedTimeline('scion-foreign-traffic', rawFraming);
  bothKeepalives(t, 40);
  control(t, 40);
  const stranger = { ...PARENT.socket, address: '203.0.113.9' };
  ping(t, CHILD.socket, stranger, { at: 15.2, count: 3, intervalSeconds: 1, identifier: 0x1d08 });
  return rawFile(t);
}

const HOST_HERE = { isdAs: HERE.isdAs, host: '192.0.2.33' };
const HOST_THERE = { isdAs: '1-ff00:0:112', host: '203.0.113.40' };

function message(t: Timeline, nextHeader: number, payload: Uint8Array, ageSeconds = 60): ScionPacket {
  return { source: HOST_HERE, destination: HOST_THERE, segments: path(t, ageSeconds), nextHeader, payload };
}

function answer(t: Timeline, nextHeader: number, payload: Uint8Array, ageSeconds = 60): ScionPacket {
  return { ...message(t, nextHeader, payload, ageSeconds), source: HOST_THERE, destination: HOST_HERE };
}

/** Told by a router on the way. */
function report(t: Timeline, payload: Uint8Array): ScionPacket {
  return { ...answer(t, NEXT.scmp, payload), source: { isdAs: THERE.isdAs, host: '198.51.100.7' } };
}

function bothBfd(t: Timeline, until: number): void {
  bfdUp(t, { from: HERE, to: THERE, at: 0.11, until }, startSeconds(t) - 10);
  bfdUp(t, { from: THERE, to: HERE, at: 0.17, until }, startSeconds(t) - 10);
}

/** The clock of one router is two hours behind. */
function routerClock(): Uint8Array {
  const until = 12;
  const t = siteTimeline('scion-router-clock', PUBLIC_SITE, until);
  bfdUp(t, { from: HERE, to: THERE, at: 0.11, until }, startSeconds(t) - 7210);
  bfdUp(t, { from: THERE, to: HERE, at: 0.17, until }, startSeconds(t) - 10);
  return writePcap(t.frames());
}

function innerPing(t: Timeline, sequence: number, isReply: boolean): Uint8Array {
  const [source, destination] = isReply ? ['172.16.2.9', '172.16.1.5'] : ['172.16.1.5', '172.16.2.9'];
  const echo = icmpEcho({ identifier: 0x77, sequence, reply: isReply, data: t.random.bytes(56) });
  return ip({
    source,
    destination,
    protocol: IP_PROTOCOL.icmp,
    payload: echo,
    ttl: 63,
    identification: sequence,
  });
}

/** BFD, a ping, QUIC-like datagrams and the frames of two gateways. */
function current(): Uint8Array {
  const until = 12;
  const t = siteTimeline('scion-current-healthy', PUBLIC_SITE, until);
  bothBfd(t, until);
  for (let count = 0; count < 5; count++) {
    sendScion(t, 2 + count, HERE, THERE, message(t, NEXT.scmp, scmpEcho(false, 0x31ac, count)));
    sendScion(t, 2.031 + count, THERE, HERE, answer(t, NEXT.scmp, scmpEcho(true, 0x31ac, count)));
    sendScion(
      t,
      4.5 + count,
      HERE,
      THERE,
      message(t, NEXT.udp, gatewayFrame(count, [innerPing(t, count, false)])),
    );
    sendScion(
      t,
      4.53 + count,
      THERE,
      HERE,
      answer(t, NEXT.udp, gatewayFrame(count, [innerPing(t, count, true)])),
    );
    sendScion(
      t,
      7.1 + count / 10,
      HERE,
      THERE,
      message(t, NEXT.udp, scionUdp(41_022, 8443, t.random.bytes(1200))),
    );
    sendScion(
      t,
      7.13 + count / 10,
      THERE,
      HERE,
      answer(t, NEXT.udp, scionUdp(8443, 41_022, t.random.bytes(600))),
    );
  }
  return writePcap(t.frames());
}

/** The link behind the next AS fails: its router says so, pings get no reply, and large packets are too big. */
function scmpErrors(): Uint8Array {
  const until = 26;
  const t = siteTimeline('scion-scmp-errors', PUBLIC_SITE, until);
  bothBfd(t, until);
  const down = scmp(5, 0, concat(u64(0x0001_ff00_0000_0111n), u64(8n)));
  const tooBig = scmp(2, 0, concat(u16(0), u16(1400)));
  for (let count = 0; count < 8; count++) {
    const request = message(t, NEXT.scmp, scmpEcho(false, 0x31ad, count));
    sendScion(t, 2 + 2 * count, HERE, THERE, request);
    sendScion(t, 2.012 + 2 * count, THERE, HERE, report(t, concat(down, zeros(64))));
  }
  for (let count = 0; count < 6; count++) {
    sendScion(
      t,
      3.3 + 2.5 * count,
      HERE,
      THERE,
      message(t, NEXT.udp, scionUdp(41_023, 8443, t.random.bytes(1310))),
    );
    sendScion(t, 3.312 + 2.5 * count, THERE, HERE, report(t, concat(tooBig, zeros(64))));
  }
  return writePcap(t.frames());
}

/** The sender's paths are older than the life of their hop fields, and a router says so. */
function expired(): Uint8Array {
  const until = 12;
  const t = siteTimeline('scion-path-expired', PUBLIC_SITE, until);
  bothBfd(t, until);
  const sixHours = 6 * 3600;
  const late = scmp(4, 52, concat(u16(0), u16(44)));
  for (let count = 0; count < 6; count++) {
    const request = message(t, NEXT.udp, scionUdp(41_024, 8443, t.random.bytes(300)), sixHours + 240);
    sendScion(t, 2 + count, HERE, THERE, request);
    sendScion(t, 2.008 + count, THERE, HERE, report(t, concat(late, zeros(64))));
  }
  return writePcap(t.frames());
}

/** One end was upgraded: it speaks BFD, the other end still sends keepalives of 2018. */
function mixed(): Uint8Array {
  const until = 20;
  const t = namedTimeline('scion-mixed-header', rawFraming);
  keepalives(t, { from: CHILD, to: PARENT, at: CHILD_PHASE, until });
  bfdUp(t, { from: PARENT, to: CHILD, at: 0.2, until }, startSeconds(t) - 10);
  return rawFile(t);
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'scion-2018-healthy.pcap',
    shows:
      'a link of 2018 on a tunnel interface: keepalives every second both ways (one is lost), beacons, registrations, a ping',
    must: [],
    healthy: true,
    write: healthyLink,
  },
  {
    file: 'scion-keepalive-gap.pcap',
    shows: 'four keepalives of the attachment point in a row are lost, the other direction goes on',
    must: ['scion.keepalive-gap'],
    healthy: false,
    write: gap,
  },
  {
    file: 'scion-keepalive-missing.pcap',
    shows: 'the attachment point answers pings but never sends a keepalive',
    must: ['scion.keepalive-missing'],
    healthy: false,
    write: missing,
  },
  {
    file: 'scion-control-silence.pcap',
    shows:
      'beacons and registrations end after 20 s, data goes on for ten minutes (captured with the filter `greater 200`)',
    must: ['scion.pcb-silence', 'scion.registration-silence'],
    healthy: false,
    write: controlSilence,
  },
  {
    file: 'scion-foreign-traffic.pcap',
    shows: 'the tunnel of a SCION link also carries a ping of another host',
    must: ['scion.foreign-traffic'],
    healthy: true,
    write: foreign,
  },
  {
    file: 'scion-current-healthy.pcap',
    shows: 'a link of the current generation: BFD, a ping, data, and a ping between two gateways',
    must: [],
    healthy: true,
    write: current,
  },
  {
    file: 'scion-scmp-errors.pcap',
    shows:
      'a router reports an interface that is down, pings get no reply, and packets are too big for the link',
    must: ['scion.scmp-error', 'scion.echo-loss', 'scion.mtu-exceeded'],
    healthy: false,
    write: scmpErrors,
  },
  {
    file: 'scion-path-expired.pcap',
    shows: 'packets on a path whose hop fields have expired; a router reports it',
    must: ['scion.path-expired'],
    healthy: false,
    write: expired,
  },
  {
    file: 'scion-router-clock.pcap',
    shows: 'the clock of one of two border routers is two hours behind, as its BFD packets say',
    must: ['time.scion-skew'],
    healthy: false,
    write: routerClock,
  },
  {
    file: 'scion-mixed-header.pcap',
    shows: 'one end sends the header of 2018, the other one the current header',
    must: ['scion.mixed-header'],
    healthy: false,
    allow: ['scion.keepalive-missing'],
    write: mixed,
  },
];
