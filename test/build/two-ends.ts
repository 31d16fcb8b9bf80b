import { type Random, random, u16 } from './bytes.js';
import { internetChecksum } from './checksum.js';
import { esp } from './esp.js';
import type { TestFrame } from './frame-source.js';
import { icmpEcho } from './icmp.js';
import { fragmentIpv4, IP_PROTOCOL, ipv4 } from './ip.js';
import { ETHER_TYPE, ethernet } from './link.js';
import { udp } from './udp.js';

/** What the path between the two capture points does to packets. */
export interface PathFaults {
  readonly seed: number;
  readonly packets?: number;
  /** Probabilities. */
  readonly loss?: number;
  /** When and in which direction packets are lost with that probability; always where it is absent. */
  readonly isLossy?: (seconds: number, isForward: boolean) => boolean;
  /** Seconds that a packet sent then takes more than the others. */
  readonly extraDelay?: (seconds: number, isForward: boolean) => number;
  readonly duplication?: number;
  readonly reordering?: number;
  /** The address of A's host, and its ports, are another at B. */
  readonly nat?: boolean;
  /** Packets leave A in fragments of this MTU, and the path cuts them again for that of the path. */
  readonly mtu?: number;
  readonly pathMtu?: number;
  /**
   * A firewall puts every datagram together, gives it another identification and cuts it anew; what it loses is whole
   * datagrams.
   */
  readonly scrubs?: boolean;
  /** What the path cuts is lost piece by piece: a packet of which a piece is lost has not arrived. */
  readonly lossPerPiece?: boolean;
  /** B's clock: seconds off, and parts per million fast. */
  readonly offsetSeconds?: number;
  readonly skewPpm?: number;
  /** Every packet of a heartbeat flow has the same payload and identification 0. */
  readonly heartbeats?: boolean;
  /** A router on the path: TTL is one less at the other end. */
  readonly routed?: boolean;
  readonly snaplenB?: number;
}

export interface Truth {
  lost: number;
  duplicated: number;
  reordered: number;
  sent: number;
}

export interface TwoEnds {
  readonly a: TestFrame[];
  readonly b: TestFrame[];
  readonly forward: Truth;
  readonly backward: Truth;
}

const HOST_A = '10.1.0.10';
const HOST_B = '10.2.0.20';
const NAT_ADDRESS = '203.0.113.7';
const NAT_PORTS = 20_000;
const START_NS = 1_790_000_000_000_000_000n;
const SPACING_SECONDS = 0.02;
const DELAY_SECONDS = 0.004;
const MACS = { source: '02:00:00:00:00:0a', destination: '02:00:00:00:00:0b' };

interface Packet {
  readonly flow: string;
  readonly isForward: boolean;
  readonly protocol: number;
  readonly payload: (address: (host: string) => string, port: (port: number) => number) => Uint8Array;
  readonly identification: number;
}

interface Transmission {
  readonly seconds: number;
  readonly bytes: Uint8Array;
  /** Of packets that arrive: their flow, their position in it, and whether they arrived before. */
  readonly flow?: string;
  readonly position?: number;
}

/** The same traffic at both ends of a path with faults, and what was done to it. */
export function twoEnds(faults: PathFaults): TwoEnds {
  const numbers = random(faults.seed);
  const count = faults.packets ?? 400;
  const [a, b]: [Transmission[], Transmission[]] = [[], []];
  const sequences: [number, number] = [0, 0];
  const truths = { forward: noTruth(), backward: noTruth() };
  for (let index = 0; index < count; index++) {
    const packet = packetOf(numbers, index, faults, sequences);
    const truth = packet.isForward ? truths.forward : truths.backward;
    const seconds = 1 + index * SPACING_SECONDS + numbers.between(0, SPACING_SECONDS / 2);
    // The edges arrive, so that every packet between them is judged.
    const isEdge = index < 4 || index >= count - 4;
    send(packet, seconds, isEdge, { numbers, faults, truth, a, b });
  }
  truths.forward.reordered = reorderedOf(b);
  truths.backward.reordered = reorderedOf(a);
  return {
    a: framesOf(a, (at) => at),
    b: framesOf(
      b,
      (at) => at * (1 + (faults.skewPpm ?? 0) * 1e-6) + (faults.offsetSeconds ?? 0),
      faults.snaplenB,
    ),
    ...truths,
  };
}

interface Path {
  readonly numbers: Random;
  readonly faults: PathFaults;
  readonly truth: Truth;
  readonly a: Transmission[];
  readonly b: Transmission[];
}

function send(
  packet: Packet,
  seconds: number,
  isEdge: boolean,
  { numbers, faults, truth, a, b }: Path,
): void {
  const [sender, receiver] = packet.isForward ? [a, b] : [b, a];
  const here = (host: string): string => host;
  const there = (host: string): string => (faults.nat && host === HOST_A ? NAT_ADDRESS : host);
  const [senderName, receiverName] = packet.isForward ? [here, there] : [there, here];
  const own = (name: (host: string) => string): ((port: number) => number) =>
    faults.nat && name === there ? (port) => (port === 40_000 ? port + NAT_PORTS : port) : (port) => port;
  const leaving = wire(packet, senderName, own(senderName), 64);
  const arriving = wire(packet, receiverName, own(receiverName), faults.routed ? 63 : 64);
  if (faults.scrubs) {
    const isLost = !isEdge && numbers.between(0, 1) < (faults.loss ?? 0);
    const left = fragmentIpv4(leaving, faults.mtu ?? 1500);
    const cut = fragmentIpv4(renumbered(arriving, faults.seed), faults.pathMtu ?? faults.mtu ?? 1500);
    truth.sent += left.length;
    if (isLost) truth.lost += left.length;
    left.forEach((bytes, index) => {
      sender.push({ seconds: seconds + index * 0.0001, bytes });
    });
    const at = seconds + DELAY_SECONDS + numbers.between(0, 0.001);
    if (!isLost)
      for (const [index, bytes] of cut.entries()) receiver.push({ seconds: at + index * 0.0001, bytes });
    return;
  }
  const pieces = faults.mtu ? fragmentIpv4(leaving, faults.mtu) : [leaving];
  const arrivingPieces = faults.mtu ? fragmentIpv4(arriving, faults.mtu) : [arriving];
  let at = seconds;
  for (const [index, piece] of pieces.entries()) {
    truth.sent++;
    sender.push({ seconds: at, bytes: piece });
    const detour = faults.extraDelay?.(seconds, packet.isForward) ?? 0;
    const delay = DELAY_SECONDS + detour + numbers.between(0, 0.001);
    const isLossy = faults.isLossy?.(seconds, packet.isForward) ?? true;
    const isGone = () => !isEdge && isLossy && numbers.between(0, 1) < (faults.loss ?? 0);
    const pathPieces = faults.pathMtu
      ? recutIpv4(arrivingPieces[index], faults.pathMtu)
      : [arrivingPieces[index]];
    const cut = faults.lossPerPiece ? pathPieces.filter(() => !isGone()) : isGone() ? [] : pathPieces;
    if (cut.length < pathPieces.length) truth.lost++;
    if (cut.length > 0) {
      const { flow } = packet;
      const position = truth.sent;
      const isLate = !isEdge && numbers.between(0, 1) < (faults.reordering ?? 0);
      for (const part of cut)
        receiver.push({ seconds: at + delay + (isLate ? 0.1 : 0), bytes: part, flow, position });
      if (!isEdge && !isLate && numbers.between(0, 1) < (faults.duplication ?? 0)) {
        truth.duplicated++;
        for (const part of cut) receiver.push({ seconds: at + delay + 0.025, bytes: part });
      }
    }
    at += 0.0001;
  }
}

function packetOf(numbers: Random, index: number, faults: PathFaults, sequences: [number, number]): Packet {
  const isForward = index % 4 === 0 || (index % 4 !== 1 && numbers.between(0, 1) < 0.5);
  const identification = (index * 7 + 1) & 0xffff;
  const kind = Math.floor(numbers.between(0, faults.heartbeats ? 4 : 3));
  const size = Math.floor(numbers.between(20, faults.mtu ? 4000 : 1200));
  const content = numbers.bytes(size);
  const ends = (address: (host: string) => string): [string, string] => {
    const hosts: [string, string] = isForward ? [HOST_A, HOST_B] : [HOST_B, HOST_A];
    return [address(hosts[0]), address(hosts[1])];
  };
  const datagram = (payload: Uint8Array, own: number, peer: number) =>
    ((address, port) => {
      const [source, destination] = ends(address);
      const ports = isForward ? [own, peer] : [peer, own];
      return udp({
        source,
        destination,
        sourcePort: port(ports[0]),
        destinationPort: port(ports[1]),
        payload,
      });
    }) satisfies Packet['payload'];
  if (kind === 0)
    return {
      flow: 'udp',
      isForward,
      protocol: IP_PROTOCOL.udp,
      identification,
      payload: datagram(content, 40_000, 5201),
    };
  if (kind === 1) {
    const sequence = ++sequences[isForward ? 0 : 1];
    const spi = isForward ? 0xc0de_0001 : 0xc0de_0002;
    return {
      flow: 'esp',
      isForward,
      protocol: IP_PROTOCOL.esp,
      identification,
      payload: () => esp({ spi, sequence, payload: content }),
    };
  }
  if (kind === 2) {
    return {
      flow: 'icmp',
      isForward,
      protocol: IP_PROTOCOL.icmp,
      identification,
      payload: () => icmpEcho({ reply: !isForward, identifier: 7, sequence: index, data: content }),
    };
  }
  return {
    flow: 'heartbeat',
    isForward,
    protocol: IP_PROTOCOL.udp,
    identification: 0,
    payload: datagram(new Uint8Array(16), 41_000, 9000),
  };
}

function wire(
  packet: Packet,
  address: (host: string) => string,
  port: (port: number) => number,
  ttl: number,
): Uint8Array {
  const [source, destination] = packet.isForward ? [HOST_A, HOST_B] : [HOST_B, HOST_A];
  return ipv4({
    source: address(source),
    destination: address(destination),
    protocol: packet.protocol,
    ttl,
    identification: packet.identification,
    payload: packet.payload(address, port),
  });
}

function framesOf(
  transmissions: readonly Transmission[],
  clock: (seconds: number) => number,
  snaplen?: number,
): TestFrame[] {
  const frames = transmissions.map(({ seconds, bytes }): TestFrame => {
    const frame = ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: bytes });
    const timeNs = START_NS + BigInt(Math.round(clock(seconds) * 1e9));
    if (snaplen === undefined || frame.length <= snaplen) return { timeNs, bytes: frame };
    return { timeNs, bytes: frame.subarray(0, snaplen), originalLength: frame.length };
  });
  return frames.sort((x, y) => (x.timeNs < y.timeNs ? -1 : x.timeNs > y.timeNs ? 1 : 0));
}

/** Packets that arrive after one that was sent later (RFC 4737). */
function reorderedOf(transmissions: readonly Transmission[]): number {
  const highest = new Map<string, number>();
  let reordered = 0;
  for (const { flow, position } of [...transmissions].sort((x, y) => x.seconds - y.seconds)) {
    if (flow === undefined || position === undefined) continue;
    if (position < (highest.get(flow) ?? -1)) reordered++;
    else highest.set(flow, position);
  }
  return reordered;
}

/** The packet under another identification, which no other packet has. */
function renumbered(packet: Uint8Array, seed: number): Uint8Array {
  const own = packet.slice();
  own.set(u16(((packet[4] << 8) | packet[5]) ^ (seed & 0xffff) || 0xffff), 4);
  own.set(u16(0), 10);
  own.set(u16(internetChecksum(own.subarray(0, 20))), 10);
  return own;
}

/** Cuts a packet that may be a fragment itself into smaller ones, as a router does. */
function recutIpv4(packet: Uint8Array, mtu: number): Uint8Array[] {
  const field = (packet[6] << 8) | packet[7];
  const offset = field & 0x1fff;
  const hasMore = (field & 0x2000) !== 0;
  const pieces = fragmentIpv4(packet, mtu);
  if (pieces.length === 1) return pieces;
  return pieces.map((piece, index) => {
    const own = (((piece[6] << 8) | piece[7]) & 0x1fff) + offset;
    const more = hasMore || index < pieces.length - 1 ? 0x2000 : 0;
    piece.set(u16(more | own), 6);
    piece.set(u16(0), 10);
    piece.set(u16(internetChecksum(piece.subarray(0, 20))), 10);
    return piece;
  });
}

function noTruth(): Truth {
  return { lost: 0, duplicated: 0, reordered: 0, sent: 0 };
}
