import { address, isIpv6, mac } from './address.js';
import { arp } from './arp.js';
import { type Random, random } from './bytes.js';
import type { CaptureFrame } from './capture-file.js';
import { esp } from './esp.js';
import { icmpEcho, icmpError, icmpv6Echo, neighborDiscovery } from './icmp.js';
import { fragmentIpv4, fragmentIpv6, IP_PROTOCOL, ip } from './ip.js';
import { ETHER_TYPE, ethernet } from './link.js';
import { type Checksum, udp } from './udp.js';

/** A host as the capture point sees it: `mac` is that of the last hop, `ttl` what is left of its TTL there. */
export interface Endpoint {
  readonly mac: string;
  readonly address: string;
  readonly ttl: number;
}

/** The copies of a packet that the capture holds, each with its link header. */
export type LinkFraming = (
  from: Endpoint,
  to: Endpoint,
  etherType: number,
  packet: Uint8Array,
) => Uint8Array[];

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const FRAGMENT_SPACING_SECONDS = 40e-6;
const COPY_SPACING_SECONDS = 12e-6;

export const ethernetFraming: LinkFraming = (from, to, etherType, payload) => [
  ethernet({ source: from.mac, destination: to.mac, etherType, payload }),
];

export interface SendOptions {
  dontFragment?: boolean;
  /** Larger packets leave as fragments. */
  mtu?: number;
  order?: 'ascending' | 'reversed';
  /** Of a UDP datagram, where it is not to be right. */
  udpChecksum?: Checksum;
  /** Fragments that do not reach the capture point, by their index in ascending order. */
  lostFragments?: readonly number[];
}

type FrameDetails = Pick<CaptureFrame, 'originalLength' | 'interfaceIndex' | 'flags'>;

/** Collects frames with their times; the same calls with the same seed give the same bytes. */
export class Timeline {
  readonly random: Random;
  readonly #startNs: bigint;
  readonly #framing: LinkFraming;
  readonly #frames: CaptureFrame[] = [];
  readonly #identifications = new Map<string, number>();

  constructor(startNs: bigint, seed: number, framing: LinkFraming) {
    this.random = random(seed);
    this.#startNs = startNs;
    this.#framing = framing;
  }

  /** Adds a frame `seconds` after the start. */
  at(seconds: number, bytes: Uint8Array, details: FrameDetails = {}): this {
    this.#frames.push({ timeNs: this.timeNs(seconds), bytes, ...details });
    return this;
  }

  /** Moments from the last frame so far to `seconds`, so close that frames at them leave no pause. */
  beatsUntil(seconds: number): number[] {
    const lastNs = this.#frames.reduce((last, { timeNs }) => (timeNs > last ? timeNs : last), this.#startNs);
    const beats: number[] = [];
    for (let at = Number(lastNs - this.#startNs) / 1e9 + 4; at < seconds; at += 4) beats.push(at);
    return [...beats, seconds];
  }

  timeNs(seconds: number): bigint {
    return this.#startNs + BigInt(Math.round(seconds * 1e9));
  }

  /** Adds a packet in the link framing of this capture. */
  send(seconds: number, from: Endpoint, to: Endpoint, etherType: number, packet: Uint8Array): this {
    for (const [copy, frame] of this.#framing(from, to, etherType, packet).entries()) {
      this.at(seconds + copy * COPY_SPACING_SECONDS, frame);
    }
    return this;
  }

  /** Adds an IP packet, as fragments where it exceeds `mtu`. */
  sendIp(
    seconds: number,
    from: Endpoint,
    to: Endpoint,
    protocol: number,
    payload: Uint8Array,
    options: SendOptions = {},
  ): Uint8Array {
    const identification = this.nextIdentification(from.address);
    const packet = ip({
      source: from.address,
      destination: to.address,
      protocol,
      payload,
      ttl: from.ttl,
      identification,
      dontFragment: options.dontFragment ?? false,
    });
    const mtu = options.mtu ?? packet.length;
    const v6 = isIpv6(from.address);
    const pieces = v6 ? fragmentIpv6(packet, mtu, identification) : fragmentIpv4(packet, mtu);
    const arrived = pieces.filter((_, index) => !options.lostFragments?.includes(index));
    if (options.order === 'reversed') arrived.reverse();
    for (const [index, piece] of arrived.entries()) {
      const etherType = v6 ? ETHER_TYPE.ipv6 : ETHER_TYPE.ipv4;
      this.send(seconds + index * FRAGMENT_SPACING_SECONDS, from, to, etherType, piece);
    }
    return packet;
  }

  sendUdp(
    seconds: number,
    from: Endpoint & { port: number },
    to: Endpoint & { port: number },
    payload: Uint8Array,
    options: SendOptions = {},
  ): Uint8Array {
    const datagram = udp({
      source: from.address,
      destination: to.address,
      sourcePort: from.port,
      destinationPort: to.port,
      payload,
      ...(options.udpChecksum === undefined ? {} : { checksum: options.udpChecksum }),
    });
    return this.sendIp(seconds, from, to, IP_PROTOCOL.udp, datagram, options);
  }

  /** IP identification counters, one a source, from a start that the seed decides. */
  nextIdentification(source: string): number {
    const previous = this.#identifications.get(source) ?? this.random.next() & 0x7fff;
    const identification = (previous + 1) & 0xffff;
    this.#identifications.set(source, identification);
    return identification;
  }

  /** The frames in time order; of equal times the earlier call first. */
  frames(): CaptureFrame[] {
    return this.#frames
      .map((frame, index) => ({ frame, index }))
      .sort((a, b) => {
        if (a.frame.timeNs === b.frame.timeNs) return a.index - b.index;
        return a.frame.timeNs < b.frame.timeNs ? -1 : 1;
      })
      .map(({ frame }) => frame);
  }
}

export function timeline(startNs: bigint, seed = 1, framing: LinkFraming = ethernetFraming): Timeline {
  return new Timeline(startNs, seed, framing);
}

/** An ARP request and its reply; `unicast` for the re-validation of a known neighbour. */
export function arpExchange(
  t: Timeline,
  at: number,
  from: Endpoint,
  to: Endpoint,
  { unicast = false, answered = true }: { unicast?: boolean; answered?: boolean } = {},
): void {
  const request = arp({
    operation: 1,
    senderMac: from.mac,
    senderAddress: from.address,
    targetAddress: to.address,
  });
  t.send(at, from, unicast ? to : { ...to, mac: BROADCAST }, ETHER_TYPE.arp, request);
  if (!answered) return;
  const reply = arp({
    operation: 2,
    senderMac: to.mac,
    senderAddress: to.address,
    targetMac: from.mac,
    targetAddress: from.address,
  });
  t.send(at + 210e-6, to, from, ETHER_TYPE.arp, reply);
}

/** Neighbor Solicitation to the solicited-node multicast address, and its answer. */
export function neighborExchange(t: Timeline, at: number, from: Endpoint, to: Endpoint): void {
  const target = address(to.address);
  const [x = 0, y = 0, z = 0] = target.subarray(13);
  const low = [x, y, z].map((octet) => octet.toString(16).padStart(2, '0'));
  const group = {
    mac: `33:33:ff:${low.join(':')}`,
    address: `ff02::1:ff${low[0]}:${low[1]}${low[2]}`,
    ttl: 1,
  };
  const asking = { source: from.address, destination: group.address };
  const answering = { source: to.address, destination: from.address };
  const { icmpv6 } = IP_PROTOCOL;
  const onLink = { ...from, ttl: 255 };
  t.sendIp(at, onLink, group, icmpv6, neighborDiscovery(asking, 135, target, mac(from.mac)));
  const reply = neighborDiscovery(answering, 136, target, mac(to.mac));
  t.sendIp(at + 180e-6, { ...to, ttl: 255 }, from, icmpv6, reply);
}

export interface Ping {
  at: number;
  count: number;
  intervalSeconds?: number;
  dataLength?: number;
  identifier: number;
  firstSequence?: number;
  answered?: boolean;
  roundTripSeconds?: number;
  request?: SendOptions;
  reply?: SendOptions;
}

/** Echo requests of one `ping` and their replies; returns the request packets, unfragmented. */
export function ping(t: Timeline, from: Endpoint, to: Endpoint, options: Ping): Uint8Array[] {
  const { at, count, identifier, firstSequence = 1, answered = true } = options;
  const v6 = isIpv6(from.address);
  const protocol = v6 ? IP_PROTOCOL.icmpv6 : IP_PROTOCOL.icmp;
  return Array.from({ length: count }, (_, i) => {
    const seconds = at + i * (options.intervalSeconds ?? 1) + t.random.between(0, 0.002);
    const echo = { identifier, sequence: firstSequence + i, data: t.random.bytes(options.dataLength ?? 56) };
    const there = { source: from.address, destination: to.address };
    const back = { source: to.address, destination: from.address };
    const request = v6 ? icmpv6Echo(there, echo) : icmpEcho(echo);
    const reply = v6 ? icmpv6Echo(back, { ...echo, reply: true }) : icmpEcho({ ...echo, reply: true });
    const packet = t.sendIp(seconds, from, to, protocol, request, options.request);
    if (answered) {
      const roundTrip = (options.roundTripSeconds ?? 0.012) + t.random.between(0, 0.001);
      t.sendIp(seconds + roundTrip, to, from, protocol, reply, options.reply);
    }
    return packet;
  });
}

/** ICMP 11/1 about a datagram whose first fragment, cut at 1500 bytes, is all that arrived. */
export function reassemblyTimeExceeded(datagram: Uint8Array): Uint8Array {
  const [first = datagram] = fragmentIpv4(datagram, 1500);
  return icmpError(11, 1, first, { quotedLength: 548 });
}

/** One direction of an ESP tunnel, with the number that its next packet takes. */
export interface EspSa {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly spi: number;
  nextSequence: number;
  /** UDP encapsulation (RFC 3948): the ports that the capture shows. */
  readonly ports?: { source: number; destination: number };
}

export interface EspPacketOptions extends SendOptions {
  /** The number is taken, but the packet does not reach the capture point. */
  lost?: boolean;
}

/**
 * One ESP packet of `size` bytes after its sequence number: IV, ciphertext and ICV.
 * Returns the IP packet, as an ICMP error would quote it.
 */
export function espPacket(
  t: Timeline,
  seconds: number,
  sa: EspSa,
  size: number,
  { lost = false, ...options }: EspPacketOptions = {},
): Uint8Array {
  const packet = esp({ spi: sa.spi, sequence: sa.nextSequence, payload: t.random.bytes(size) });
  sa.nextSequence += 1;
  if (lost) return packet;
  const send = { dontFragment: true, ...options };
  if (!sa.ports) return t.sendIp(seconds, sa.from, sa.to, IP_PROTOCOL.esp, packet, send);
  const source = { ...sa.from, port: sa.ports.source };
  const destination = { ...sa.to, port: sa.ports.destination };
  return t.sendUdp(seconds, source, destination, packet, send);
}

export interface EspStream {
  from: Endpoint;
  to: Endpoint;
  spi: number;
  firstSequence?: number;
  at: number;
  count: number;
  intervalMs: number;
  /** Bytes after the sequence number, taken in turn. */
  sizes: readonly number[];
  ports?: { source: number; destination: number };
  lost?: (sequence: number) => boolean;
  /** How much later than its turn a packet arrives. */
  delayMs?: (sequence: number) => number;
}

/** A stream of ESP packets in one direction; returns the SA, to go on with. */
export function espStream(t: Timeline, stream: EspStream): EspSa {
  const { from, to, spi, ports, sizes } = stream;
  const sa: EspSa = { from, to, spi, nextSequence: stream.firstSequence ?? 1, ...(ports && { ports }) };
  for (let i = 0; i < stream.count; i += 1) {
    const sequence = sa.nextSequence;
    const turn = (i + t.random.between(0, 0.1)) * stream.intervalMs + (stream.delayMs?.(sequence) ?? 0);
    const lost = stream.lost?.(sequence) ?? false;
    espPacket(t, stream.at + turn / 1000, sa, sizes[i % sizes.length] ?? 0, { lost });
  }
  return sa;
}

export interface EspTunnel {
  forth: EspSa;
  back: EspSa;
}

export interface EspExchange {
  at: number;
  seconds: number;
  intervalMs: number;
  sizes?: readonly number[];
  sizesBack?: readonly number[];
  roundTripMs?: number;
}

/** Payload sizes of AES-CBC with HMAC-SHA2-256: a ping, a TCP acknowledgment, a short request. */
export const ESP_SIZES: readonly number[] = [128, 80, 128, 176];

/** Inner requests one way and their answers the other way. */
export function espExchange(t: Timeline, tunnel: EspTunnel, exchange: EspExchange): void {
  const { at, seconds, intervalMs, sizes = ESP_SIZES, sizesBack = sizes } = exchange;
  const count = Math.floor((seconds * 1000) / intervalMs);
  for (let i = 0; i < count; i += 1) {
    const sent = at + ((i + t.random.between(0, 0.15)) * intervalMs) / 1000;
    const answered = sent + ((exchange.roundTripMs ?? 14) + t.random.between(0, 3)) / 1000;
    espPacket(t, sent, tunnel.forth, sizes[i % sizes.length] ?? 0);
    espPacket(t, answered, tunnel.back, sizesBack[i % sizesBack.length] ?? 0);
  }
}
