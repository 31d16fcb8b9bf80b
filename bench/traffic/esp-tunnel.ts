import { type Conversation, type PlanExchange, type Segment, segmentExchange } from './exchange.js';
import {
  ETHERNET_LENGTH,
  ethernetIpv4,
  type Host,
  IPV4_LENGTH,
  PROTOCOL_ESP,
  PROTOCOL_UDP,
  sealIpv4,
  udp,
} from './headers.js';
import type { Random } from './random.js';

const IKE_NATT_PORT = 4500;
const ESP_HEADER_LENGTH = 8;
const IV_LENGTH = 8;
const TRAILER_LENGTH = 2;
const ICV_LENGTH = 16;
/** IPv4 and TCP with timestamps, which the tunnel encrypts along with the payload. */
const INNER_HEADERS_LENGTH = 52;
/** Leaves an ESP packet in UDP below 1,500 bytes: 1348 + 52 inner, 8 + 8 + 2 + 2 + 16 ESP, 8 UDP, 20 IPv4. */
const INNER_SEGMENT_LENGTH = 1348;

interface SecurityAssociation {
  /** Everything up to and including the SPI. */
  readonly headers: Buffer;
  sequence: number;
  identification: number;
}

/** A pair of ESP SAs in tunnel mode (RFC 4303), native or in UDP (RFC 3948), captured from the middle of their life. */
export class EspTunnel implements Conversation {
  private readonly outward: SecurityAssociation;
  private readonly inward: SecurityAssociation;
  private segments: readonly Segment[] = [];
  private nextSegment = 0;

  /** `clientPort` is the port that a NAT gave to the client, or undefined for native ESP. */
  constructor(
    client: Host,
    server: Host,
    private readonly clientPort: number | undefined,
    private readonly ciphertext: Buffer,
    random: Random,
    private readonly planExchange: PlanExchange = segmentExchange,
  ) {
    this.outward = securityAssociation(client, server, clientPort, IKE_NATT_PORT, random);
    this.inward = securityAssociation(server, client, IKE_NATT_PORT, clientPort, random);
  }

  get idle(): boolean {
    return this.nextSegment === this.segments.length;
  }

  startExchange(random: Random): void {
    this.segments = this.planExchange(random, INNER_SEGMENT_LENGTH);
    this.nextSegment = 0;
  }

  writeFrame(target: Buffer, offset: number): number {
    const { fromClient, payloadLength } = this.segments[this.nextSegment++];
    const sa = fromClient ? this.outward : this.inward;
    const sequenceOffset = offset + sa.headers.copy(target, offset);
    const ivOffset = target.writeUInt32BE(sa.sequence++, sequenceOffset);
    // RFC 4303, section 2.4: the pad length and next header bytes end on a boundary of four.
    const plaintextLength = INNER_HEADERS_LENGTH + payloadLength + TRAILER_LENGTH;
    const encryptedLength = IV_LENGTH + Math.ceil(plaintextLength / 4) * 4 + ICV_LENGTH;
    // A window that moves with the sequence number, so that packets near each other carry different bytes.
    const window = (sa.sequence * 4) % (this.ciphertext.length - encryptedLength);
    const end = ivOffset + this.ciphertext.copy(target, ivOffset, window, window + encryptedLength);
    const ipOffset = offset + ETHERNET_LENGTH;
    if (this.clientPort !== undefined) {
      // RFC 3948, section 2.1: the UDP checksum should be sent as zero.
      const udpOffset = ipOffset + IPV4_LENGTH;
      target.writeUInt16BE(end - udpOffset, udpOffset + 4);
    }
    sealIpv4(target, ipOffset, end, sa.identification++);
    return end - offset;
  }
}

function securityAssociation(
  from: Host,
  to: Host,
  sourcePort: number | undefined,
  destinationPort: number | undefined,
  random: Random,
): SecurityAssociation {
  const inUdp = sourcePort !== undefined && destinationPort !== undefined;
  const spi = Buffer.alloc(ESP_HEADER_LENGTH / 2);
  // RFC 4303, section 2.1: SPIs up to 255 are reserved.
  spi.writeUInt32BE(random.between(0x1000_0000, 0xf000_0000), 0);
  return {
    headers: Buffer.concat([
      ethernetIpv4(from, to, inUdp ? PROTOCOL_UDP : PROTOCOL_ESP, false),
      inUdp ? udp(sourcePort, destinationPort) : Buffer.alloc(0),
      spi,
    ]),
    sequence: random.between(1_000, 1_000_000),
    identification: random.between(0, 65_536),
  };
}
