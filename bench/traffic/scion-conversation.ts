import type { Conversation } from './exchange.js';
import {
  checksum,
  ETHERNET_LENGTH,
  ethernetIpv4,
  type Host,
  IPV4_LENGTH,
  PROTOCOL_UDP,
  sealIpv4,
  sealUdp,
  UDP_LENGTH,
  udp,
} from './headers.js';
import type { Random } from './random.js';

const END_HOST_PORT = 30_041;
const ROUTER_PORT = 30_042;
const COMMON_LENGTH = 12;
const ADDRESSES_LENGTH = 24;
const PATH_LENGTH = 36;
const SCION_LENGTH = COMMON_LENGTH + ADDRESSES_LENGTH + PATH_LENGTH;
const ISD = 16;
const LOCAL_AS = 0xffaa_0001_0064;
const REMOTE_AS = 0xffaa_0001_0065;
/** Hop fields expire (63 + 1) * 337.5 s = 6 h after the timestamp of the segment. */
const EXPIRY_UNITS = 63;

interface Direction {
  /** Everything up to and including the UDP header inside SCION. */
  readonly headers: Buffer;
  identification: number;
}

/** An end host that asks a host of another AS through its border router: UDP over SCION, current header, one segment. */
export class ScionConversation implements Conversation {
  private readonly outward: Direction;
  private readonly inward: Direction;
  private answersLeft = 0;
  private asks = false;
  private answerLength = 0;
  private messageCount = 0;

  constructor(
    endHost: Host,
    router: Host,
    remoteHost: Host,
    applicationPort: number,
    segmentCreatedSeconds: number,
    private readonly payload: Buffer,
    random: Random,
  ) {
    const path = { applicationPort, segmentCreatedSeconds, segmentId: random.between(0, 65_536), random };
    this.outward = {
      headers: Buffer.concat([
        ethernetIpv4(endHost, router, PROTOCOL_UDP, true),
        udp(END_HOST_PORT, ROUTER_PORT),
        scionUdp({ ...path, outward: true, endHost, remoteHost }),
      ]),
      identification: random.between(0, 65_536),
    };
    this.inward = {
      headers: Buffer.concat([
        ethernetIpv4(router, endHost, PROTOCOL_UDP, true),
        udp(ROUTER_PORT, END_HOST_PORT),
        scionUdp({ ...path, outward: false, endHost, remoteHost }),
      ]),
      identification: random.between(0, 65_536),
    };
  }

  get idle(): boolean {
    return !this.asks && this.answersLeft === 0;
  }

  startExchange(random: Random): void {
    this.asks = true;
    this.answersLeft = random.between(1, 4);
    this.answerLength = random.between(100, 1_000);
  }

  writeFrame(target: Buffer, offset: number): number {
    const direction = this.asks ? this.outward : this.inward;
    const payloadLength = this.asks ? 120 : this.answerLength;
    if (this.asks) this.asks = false;
    else this.answersLeft -= 1;

    const payloadOffset = offset + direction.headers.copy(target, offset);
    const end = payloadOffset + this.payload.copy(target, payloadOffset, 0, payloadLength);
    target.writeUInt32BE(this.messageCount++, payloadOffset);

    const ipOffset = offset + ETHERNET_LENGTH;
    const scionOffset = ipOffset + IPV4_LENGTH + UDP_LENGTH;
    const upperOffset = scionOffset + SCION_LENGTH;
    const upperLength = end - upperOffset;
    target.writeUInt16BE(upperLength, scionOffset + 6);
    target.writeUInt16BE(upperLength, upperOffset + 4);
    // The pseudo-header of SCION: the address header, the upper-layer length and the protocol.
    const addressesOffset = scionOffset + COMMON_LENGTH;
    const addressSum = ~checksum(target, addressesOffset, addressesOffset + ADDRESSES_LENGTH) & 0xffff;
    const pseudoHeaderSum = addressSum + upperLength + PROTOCOL_UDP;
    target.writeUInt16BE(checksum(target, upperOffset, end, pseudoHeaderSum) || 0xffff, upperOffset + 6);
    sealUdp(target, ipOffset, end);
    sealIpv4(target, ipOffset, end, direction.identification++);
    return end - offset;
  }
}

interface ScionPath {
  readonly outward: boolean;
  readonly endHost: Host;
  readonly remoteHost: Host;
  readonly applicationPort: number;
  readonly segmentCreatedSeconds: number;
  readonly segmentId: number;
  readonly random: Random;
}

function scionUdp(path: ScionPath): Buffer {
  const bytes = Buffer.alloc(SCION_LENGTH);
  bytes.writeUInt32BE(1, 0);
  bytes[4] = PROTOCOL_UDP;
  bytes[5] = SCION_LENGTH / 4;
  bytes[8] = 1;

  const addresses = COMMON_LENGTH;
  bytes.writeUInt16BE(ISD, addresses);
  bytes.writeUIntBE(path.outward ? REMOTE_AS : LOCAL_AS, addresses + 2, 6);
  bytes.writeUInt16BE(ISD, addresses + 8);
  bytes.writeUIntBE(path.outward ? LOCAL_AS : REMOTE_AS, addresses + 10, 6);
  (path.outward ? path.remoteHost : path.endHost).address.copy(bytes, addresses + 16);
  (path.outward ? path.endHost : path.remoteHost).address.copy(bytes, addresses + 20);

  const meta = addresses + ADDRESSES_LENGTH;
  const currentHop = path.outward ? 0 : 1;
  const hopsOfSegment = 2;
  bytes.writeUInt32BE((currentHop << 24) | (hopsOfSegment << 12), meta);
  const info = meta + 4;
  bytes[info] = path.outward ? 0 : 1;
  bytes.writeUInt16BE(path.segmentId, info + 2);
  bytes.writeUInt32BE(path.segmentCreatedSeconds, info + 4);
  // A hop field names its interfaces in construction direction: the remote AS began the segment.
  const local = hopField(5, 0, path.random);
  const remote = hopField(0, 9, path.random);
  (path.outward ? local : remote).copy(bytes, info + 8);
  (path.outward ? remote : local).copy(bytes, info + 20);

  const ports: [number, number] = path.outward ? [path.applicationPort, 443] : [443, path.applicationPort];
  return Buffer.concat([bytes, udp(...ports)]);
}

function hopField(ingress: number, egress: number, random: Random): Buffer {
  const bytes = Buffer.alloc(12);
  bytes[1] = EXPIRY_UNITS;
  bytes.writeUInt16BE(ingress, 2);
  bytes.writeUInt16BE(egress, 4);
  random.bytes(6).copy(bytes, 6);
  return bytes;
}
