import { ascii, concat, u8, u16, u24, zeros } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import type { Endpoint, SendOptions, Timeline } from '../../test/build/scenario.js';
import { mssOption, type TcpFlag, tcp } from '../../test/build/tcp.js';
import { VXLAN_PORT, vxlan } from '../../test/build/vxlan.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

/** A host of the underlay with a tunnel endpoint; `mac` and `vtep` are those of the overlay. */
export interface Cell {
  readonly underlay: Endpoint;
  readonly mac: string;
  readonly vtep: string;
}

/** An inner host on a cell. */
export interface Container {
  readonly cell: Cell;
  readonly address: string;
  /** TTL of its packets in the tunnel: its cell has routed them. */
  readonly ttl: number;
}

/** Two cells as Cloud Foundry's silk sets them up: MAC addresses encode the base address of the lease. */
export const CELL_A: Cell = { underlay: PUBLIC_SITE.local, mac: 'ee:ee:0a:ff:52:00', vtep: '10.255.82.0' };
export const CELL_B: Cell = { underlay: PUBLIC_SITE.peer, mac: 'ee:ee:0a:ff:90:00', vtep: '10.255.144.0' };
export const APP_A: Container = { cell: CELL_A, address: '10.255.82.67', ttl: 63 };
export const APP_B: Container = { cell: CELL_B, address: '10.255.144.63', ttl: 63 };
export const VTEP_A: Container = { cell: CELL_A, address: CELL_A.vtep, ttl: 64 };
export const VTEP_B: Container = { cell: CELL_B, address: CELL_B.vtep, ttl: 64 };

const REQUEST = 'GET /status HTTP/1.1\r\nHost: app-b.apps.internal\r\n\r\n';
/** The group policy id of most connections. */
export const TAG = 3;
const ROUND_TRIP_SECONDS = 0.0012;
const SOURCE_PORT_FIRST = 0xc000;

/** How a cell encapsulates. */
export interface Encapsulation {
  readonly vni?: number;
  /** Group policy id; none: no G. */
  readonly tag?: number;
  readonly port?: number;
  /** Of Geneve (RFC 8926), without options. */
  readonly geneve?: boolean;
  readonly send?: SendOptions;
  /** Outer source port; by default a hash of the inner addresses and ports. */
  readonly outerPort?: number;
}

/** Inner MAC addresses that are not those of the cells. */
export interface InnerMacs {
  readonly macs?: { readonly source?: string; readonly destination?: string };
}

/** Sends an inner Ethernet frame from one cell to another; returns the outer IP packet. */
export function encapsulate(
  t: Timeline,
  at: number,
  from: Cell,
  to: Cell,
  frame: Uint8Array,
  { vni = 1, tag, port = VXLAN_PORT, geneve = false, send = {}, outerPort }: Encapsulation = {},
): Uint8Array {
  const policy = tag === undefined ? {} : { groupPolicy: { id: tag } };
  const payload = geneve
    ? concat(u8(0), u8(0), u16(0x6558), u24(vni), u8(0), frame)
    : vxlan({ vni, ...policy, inner: frame });
  const source = { ...from.underlay, port: outerPort ?? SOURCE_PORT_FIRST | (flowHash(frame) & 0x3fff) };
  return t.sendUdp(at, source, { ...to.underlay, port: geneve ? 6081 : port }, payload, send);
}

/**
 * Of the inner addresses and ports, as a tunnel endpoint takes it for the source port (RFC 7348, section 5).
 */
function flowHash(frame: Uint8Array): number {
  let hash = 17;
  for (const byte of frame.subarray(26, 38)) hash = (hash * 31 + byte) >>> 0;
  return hash;
}

/** Sends an inner IP packet. `macs` overrides the MAC addresses of the cells. */
export function sendInner(
  t: Timeline,
  at: number,
  from: Container,
  to: Container,
  protocol: number,
  payload: Uint8Array,
  { macs, ...encapsulation }: Encapsulation & InnerMacs = {},
): Uint8Array {
  const packet = ip({
    source: from.address,
    destination: to.address,
    protocol,
    payload,
    ttl: from.ttl,
    identification: t.nextIdentification(from.address),
    dontFragment: true,
  });
  const frame = ethernet({
    source: macs?.source ?? from.cell.mac,
    destination: macs?.destination ?? to.cell.mac,
    etherType: ETHER_TYPE.ipv4,
    payload: packet,
  });
  encapsulate(t, at, from.cell, to.cell, frame, encapsulation);
  return packet;
}

export interface InnerPing extends Encapsulation, InnerMacs {
  readonly at: number;
  readonly count: number;
  readonly identifier: number;
  readonly intervalSeconds?: number;
  readonly dataLength?: number;
  /** Which requests are answered; all by default. */
  readonly isAnswered?: (index: number) => boolean;
  /** Where the replies differ from the requests. */
  readonly reply?: Encapsulation & InnerMacs;
}

export function innerPing(t: Timeline, from: Container, to: Container, options: InnerPing): void {
  const {
    at,
    count,
    identifier,
    intervalSeconds = 1,
    dataLength = 56,
    isAnswered = () => true,
    reply,
  } = options;
  for (let i = 0; i < count; i += 1) {
    const seconds = at + i * intervalSeconds + t.random.between(0, 0.002);
    const echo = { identifier, sequence: i + 1, data: t.random.bytes(dataLength) };
    sendInner(t, seconds, from, to, IP_PROTOCOL.icmp, icmpEcho(echo), options);
    if (!isAnswered(i)) continue;
    const back = seconds + ROUND_TRIP_SECONDS + t.random.between(0, 0.0002);
    const { macs: _macs, ...same } = options;
    sendInner(t, back, to, from, IP_PROTOCOL.icmp, icmpEcho({ ...echo, reply: true }), { ...same, ...reply });
  }
}

export interface InnerConnection extends Encapsulation, InnerMacs {
  readonly at: number;
  readonly clientPort: number;
  readonly serverPort: number;
  /** Bytes of content that the server sends, in full segments. */
  readonly responseLength?: number;
  readonly mss?: number;
  /** Of the server's packets, where they differ. */
  readonly reply?: Encapsulation & InnerMacs;
}

/** A whole TCP connection: handshake, one request, its response, and the end. */
export function innerConnection(
  t: Timeline,
  client: Container,
  server: Container,
  options: InnerConnection,
): void {
  const { clientPort, serverPort, responseLength = 600, mss = 1410, reply } = options;
  const there = {
    source: client.address,
    destination: server.address,
    sourcePort: clientPort,
    destinationPort: serverPort,
  };
  const back = {
    source: server.address,
    destination: client.address,
    sourcePort: serverPort,
    destinationPort: clientPort,
  };
  let at = options.at;
  let sent = t.random.next();
  let received = t.random.next();
  const forth = (flags: TcpFlag[], payload = zeros(0), more: { options?: Uint8Array } = {}): void => {
    const segment = tcp({
      ...there,
      sequence: sent,
      acknowledgment: flags.includes('ACK') ? received : 0,
      flags,
      payload,
      ...more,
    });
    sendInner(t, at, client, server, IP_PROTOCOL.tcp, segment, options);
    sent = (sent + payload.length + (flags.includes('SYN') || flags.includes('FIN') ? 1 : 0)) >>> 0;
    at += ROUND_TRIP_SECONDS / 2;
  };
  const answer = (flags: TcpFlag[], payload = zeros(0), more: { options?: Uint8Array } = {}): void => {
    const segment = tcp({ ...back, sequence: received, acknowledgment: sent, flags, payload, ...more });
    sendInner(t, at, server, client, IP_PROTOCOL.tcp, segment, { ...options, ...reply });
    received = (received + payload.length + (flags.includes('SYN') || flags.includes('FIN') ? 1 : 0)) >>> 0;
    at += ROUND_TRIP_SECONDS / 2;
  };
  forth(['SYN'], zeros(0), { options: mssOption(mss) });
  answer(['SYN', 'ACK'], zeros(0), { options: mssOption(mss) });
  forth(['ACK']);
  forth(['PSH', 'ACK'], ascii(REQUEST));
  answer(['ACK']);
  const response = ascii(`HTTP/1.1 200 OK
Content-Length: ${responseLength}

${'.'.repeat(responseLength)}`);
  for (let offset = 0; offset < response.length; offset += mss) {
    answer(['PSH', 'ACK'], response.subarray(offset, offset + mss));
    forth(['ACK']);
  }
  forth(['FIN', 'ACK']);
  answer(['FIN', 'ACK']);
  forth(['ACK']);
}

export interface InnerSyns extends Encapsulation, InnerMacs {
  readonly at: number;
  readonly clientPort: number;
  readonly serverPort: number;
  /** Seconds after the first at which the SYN is repeated. */
  readonly repeats?: readonly number[];
  /** Each is answered by ICMP port unreachable. */
  readonly isRejected?: boolean;
  /** False: each is answered by a SYN-ACK that the client does not get. */
  readonly isTaken?: false;
  readonly reply?: Encapsulation;
}

/** An opening SYN that leads to nothing. */
export function innerSyns(t: Timeline, client: Container, server: Container, options: InnerSyns): void {
  const { clientPort, serverPort, repeats = [1, 3, 7], isRejected = false, reply } = options;
  const sequence = t.random.next();
  const segment = tcp({
    source: client.address,
    destination: server.address,
    sourcePort: clientPort,
    destinationPort: serverPort,
    sequence,
    flags: ['SYN'],
    options: mssOption(1410),
  });
  const accepted = tcp({
    source: server.address,
    destination: client.address,
    sourcePort: serverPort,
    destinationPort: clientPort,
    sequence: 77_000,
    acknowledgment: sequence + 1,
    flags: ['SYN', 'ACK'],
    options: mssOption(1410),
  });
  for (const delay of [0, ...repeats]) {
    const at = options.at + delay + t.random.between(0, 0.01);
    const packet = sendInner(t, at, client, server, IP_PROTOCOL.tcp, segment, options);
    if (options.isTaken === false) {
      sendInner(t, at + ROUND_TRIP_SECONDS, server, client, IP_PROTOCOL.tcp, accepted, {
        ...options,
        ...reply,
      });
    }
    if (!isRejected) continue;
    const error = icmpError(3, 3, packet, { quotedLength: packet.length });
    const { tag: _tag, ...plain } = options;
    sendInner(t, at + ROUND_TRIP_SECONDS, server, client, IP_PROTOCOL.icmp, error, { ...plain, ...reply });
  }
}

/** Cells ping each other without a tag, containers talk with one. */
export function silkTraffic(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 6, identifier: 0x2f01, intervalSeconds: 3 });
  innerPing(t, VTEP_B, VTEP_A, { at: 3.1, count: 5, identifier: 0x11c4, intervalSeconds: 3 });
  for (let i = 0; i < 6; i += 1) {
    innerConnection(t, APP_A, APP_B, {
      at: 2.4 + i * 3,
      clientPort: 58_054 + i,
      serverPort: 8080,
      tag: TAG,
      responseLength: 2400,
    });
  }
}

/** A capture on the first cell. */
export function onCellA(name: string, seconds: number, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    build(t);
    return writePcap(t.frames());
  };
}
