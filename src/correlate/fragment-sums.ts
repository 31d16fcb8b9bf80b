import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { foldSum, ICMP_CHECKSUM } from '../wire/checksum.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import {
  DESTINATION_PORT,
  SOURCE_PORT,
  TCP_CHECKSUM,
  TCP_HEADER_LENGTH_MIN,
  UDP_CHECKSUM,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
} from '../wire/transport.js';
import type { FlowRegistry } from './flow-registry.js';
import type { FlowStates } from './flow-states.js';
import { datagramOfPiece, type Siblings } from './fragmented-datagram.js';
import type { Piece, PieceClock } from './piece.js';

const OPEN_MAX = 4096;
/** As hosts do, RFC 791 section 3.2 and Linux. */
const OPEN_NS_MAX = 30 * NS_PER_SECOND;
/** A datagram of 64 KiB has 46 fragments of 1,440 bytes. */
const FRAGMENTS_MAX = 128;
const RIGHT_SUM = 0xffff;

/** A datagram in fragments whose transport checksum does not fit, or UDP over IPv6 that has none. */
export interface UnfitSum {
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of the datagram, transport header included. */
  readonly length: number;
  /** Of addresses, protocol, length and bytes, the checksum found included; the length is no part of it for ICMP over IPv4. */
  readonly sum: number;
  readonly found: number;
}

class OpenSum {
  /** Of the bytes, and of addresses and protocol with the first fragment. */
  sum = 0;
  received = 0;
  /** Length of the datagram, or -1 before its last fragment was seen. */
  length = -1;
  header: Uint8Array | null = null;
  readonly offsets = new Set<number>();

  constructor(
    readonly siblings: Siblings<OpenSum>,
    readonly key: number,
    readonly firstNs: Nanoseconds,
  ) {}
}

/**
 * Adds up the sums of IP fragments, in any order, and verifies the transport checksum once a datagram is complete. The bytes
 * are not kept: one number a datagram, and the offsets seen. Datagrams with fragments that overlap, that were cut by the
 * capture, or that come twice are not judged. Bounded: OPEN_MAX open datagrams, beyond which the one that began first is given
 * up; 30 s of capture time.
 */
export class FragmentSums {
  private readonly flowStates: FlowStates<Siblings<OpenSum>>;
  /** In order of their first fragment. */
  private readonly open = new Set<OpenSum>();

  constructor(
    flows: FlowRegistry,
    private readonly clock: PieceClock,
  ) {
    this.flowStates = flows.trackStates((sums) => {
      for (const one of sums.values()) this.forget(one);
    });
  }

  /** What the fragment completes, where its checksum does not fit; else null. */
  add(piece: Piece): UnfitSum | null {
    this.expire();
    if (piece.sum < 0) return null;
    const datagram = this.datagramOf(piece);
    const isTwice = datagram.offsets.has(piece.offset);
    datagram.offsets.add(piece.offset);
    // More bytes than the last fragment allows overlap, and so do those that come twice.
    if (!piece.hasMore) datagram.length = piece.offset + piece.wireLength;
    datagram.received += piece.wireLength;
    datagram.sum = foldSum(datagram.sum + piece.sum);
    if (piece.offset === 0) datagram.header = piece.bytes.slice(0, TCP_HEADER_LENGTH_MIN);
    if (isTwice || datagram.offsets.size > FRAGMENTS_MAX) {
      this.forget(datagram);
      return null;
    }
    const { length, received, header } = datagram;
    if (length < 0 || header === null || received < length) return null;
    this.forget(datagram);
    return received === length ? verify(piece.protocol, header, length, datagram.sum, piece.isIpv6) : null;
  }

  endSegment(): void {
    this.flowStates.clear();
  }

  private datagramOf(piece: Piece): OpenSum {
    return datagramOfPiece(this.flowStates, piece, (siblings, key) => {
      const datagram = new OpenSum(siblings, key, this.clock.nowNs);
      this.open.add(datagram);
      for (const oldest of this.open) {
        if (this.open.size <= OPEN_MAX) break;
        this.forget(oldest);
      }
      return datagram;
    });
  }

  private expire(): void {
    for (const datagram of this.open) {
      if (!(this.clock.nowNs - datagram.firstNs > OPEN_NS_MAX)) return;
      this.forget(datagram);
    }
  }

  private forget(datagram: OpenSum): void {
    datagram.siblings.delete(datagram.key);
    this.open.delete(datagram);
  }
}

function verify(
  protocol: number,
  header: Uint8Array,
  length: number,
  bytesSum: number,
  isIpv6: boolean,
): UnfitSum | null {
  const field = checksumField(protocol);
  if (field < 0 || header.length < headerLength(protocol)) return null;
  // The length that UDP states would have to be that of the datagram; another one is not this one's matter.
  if (protocol === PROTOCOL_UDP && u16At(header, UDP_LENGTH) !== length) return null;
  const hasPorts = protocol === PROTOCOL_UDP || protocol === PROTOCOL_TCP;
  const found = u16At(header, field);
  const sum = foldSum(bytesSum + (protocol === PROTOCOL_ICMP ? 0 : length));
  const hasNone = protocol === PROTOCOL_UDP && found === 0;
  if (hasNone ? !isIpv6 : sum === RIGHT_SUM) return null;
  return {
    protocol,
    sourcePort: hasPorts ? u16At(header, SOURCE_PORT) : 0,
    destinationPort: hasPorts ? u16At(header, DESTINATION_PORT) : 0,
    length,
    sum,
    found,
  };
}

function checksumField(protocol: number): number {
  switch (protocol) {
    case PROTOCOL_UDP:
      return UDP_CHECKSUM;
    case PROTOCOL_TCP:
      return TCP_CHECKSUM;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
      return ICMP_CHECKSUM;
    default:
      return -1;
  }
}

function headerLength(protocol: number): number {
  return protocol === PROTOCOL_TCP ? TCP_HEADER_LENGTH_MIN : UDP_HEADER_LENGTH;
}

function u16At(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}
