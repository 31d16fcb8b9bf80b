import { MARK_CHECKSUM_PENDING, MARK_IN_WORDS } from '../capture/frame-marks.js';
import { ORIGIN_WHOLE } from '../observe/table.js';
import {
  areSameSum,
  foldSum,
  ICMP_CHECKSUM,
  IPV4_HEADER_CHECKSUM,
  sumOfAddress,
  sumOfBytes,
} from '../wire/checksum.js';
import * as ip from '../wire/ip.js';
import {
  TCP_CHECKSUM,
  TCP_HEADER_LENGTH_MIN,
  UDP_CHECKSUM,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
} from '../wire/transport.js';
import {
  CHECKSUM_ICMP,
  CHECKSUM_IP_HEADER,
  CHECKSUM_TCP,
  CHECKSUM_UDP,
  ChecksumNote,
  LARGE_SAMPLE,
  VERDICT_WRONG,
  VERDICT_ZERO_OVER_IPV6,
} from './checksum-note.js';
import type { Dissect } from './dissector.js';
import type { FrameContext } from './frame-context.js';

/** The sender's network card was to fill it in: no fault, but sums of the layers around count on it. */
const VERDICT_UNFILLED = 3;

/** Packets up to that many bytes are all checked; of larger ones one in LARGE_SAMPLE, chosen by a hash of the packet. */
const SMALL_BYTES_MAX = 256;
const LARGE_SAMPLE_SHIFT = 28;
/** Bytes of payload that the hash covers: ports, numbers, the length of UDP and what follows. */
const HASHED_BYTES = 20;

/** IP, transport, and as much in every tunnel. */
const NOTES_MAX = 16;

const IPV4_OPTION_END = 0;
const IPV4_OPTION_NO_OPERATION = 1;
const IPV4_LOOSE_SOURCE_ROUTE = 131;
const IPV4_STRICT_SOURCE_ROUTE = 137;
const ROUTING_TYPE_SOURCE_ROUTE = 0;
const ROUTING_TYPE_MOBILE = 2;
const ROUTING_TYPE_SEGMENTS = 4;

const KIND_OF_PROTOCOL: ReadonlyMap<number, number> = new Map([
  [ip.PROTOCOL_UDP, CHECKSUM_UDP],
  [ip.PROTOCOL_TCP, CHECKSUM_TCP],
  [ip.PROTOCOL_ICMP, CHECKSUM_ICMP],
  [ip.PROTOCOL_ICMPV6, CHECKSUM_ICMP],
]);

/**
 * What a fragment adds to the transport checksum of its datagram, the first one with addresses and protocol; -1 where the capture
 * cut it or marks it as not filled in. Fragments begin at multiples of 8 bytes, so that their sums can be added up.
 */
export function sumOfFragment(
  frame: FrameContext,
  fragmentOffset: number,
  offset: number,
  end: number,
): number {
  if (frame.isCut || (frame.marks & MARK_CHECKSUM_PENDING) !== 0 || offset + frame.payloadLength > end)
    return -1;
  const sum = sumOfBytes(frame.view, offset, offset + frame.payloadLength);
  if (fragmentOffset !== 0 || frame.protocol === ip.PROTOCOL_ICMP) return sum;
  return foldSum(sum + sumOfAddress(frame.source) + sumOfAddress(frame.destination) + frame.protocol);
}

/**
 * Verifies the checksums of IPv4, UDP, TCP, ICMP and ICMPv6 at every layer of a frame, on a sample that depends on the
 * packet alone. Of fragments the transport checksum is verified when the datagram is complete (`assembled`).
 * Not verified: what the capture cut, packets whose IP length is 0 (segmentation offload), and what the capture itself marks
 * as not filled in. A sum that equals that of the pseudo-header is one that the sender left
 * to its network card (or a receiver that merged packets put there), as are 0 in an IPv4 header and in TCP; a sum around
 * such a packet counts on what the card will write, so it is not judged either.
 */
export class ChecksumVerifier {
  private readonly notes = Array.from({ length: NOTES_MAX }, () => new ChecksumNote());
  private count = 0;
  private isSampled = false;
  private weight = 1;
  /** Of the current IP header: whether its packet can be verified, and the final destination where that is another. */
  private isVerifiable = false;
  private isRouted = false;
  private readonly finalDestination = new Int32Array(4);

  /** `leaf` is called for every checksum that does not fit, once the frame is dissected. */
  constructor(private readonly leaf: Dissect) {}

  beginFrame(): void {
    this.count = 0;
    this.isSampled = false;
  }

  /** Decides by the outermost IP packet whether the frame is verified. */
  private sample(frame: FrameContext, offset: number, payload: number, end: number): void {
    this.isSampled = false;
    this.weight = 1;
    if ((frame.marks & MARK_CHECKSUM_PENDING) !== 0) return;
    // What words say of a sum costs nothing to take.
    if (frame.networkLength <= SMALL_BYTES_MAX || (frame.marks & MARK_IN_WORDS) !== 0) {
      this.isSampled = true;
      return;
    }
    this.weight = LARGE_SAMPLE;
    if (end - payload < HASHED_BYTES) return;
    const { view } = frame;
    let hash = frame.family === 4 ? view.getUint16(offset + ip.IPV4_IDENTIFICATION) : 0;
    for (let at = payload; at < payload + HASHED_BYTES; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    this.isSampled = Math.imul(hash, 0x85ebca6b) >>> LARGE_SAMPLE_SHIFT === 0;
  }

  /** The IPv4 header at `offset`, whose fields stand in the context. */
  ipv4(frame: FrameContext, offset: number, payload: number, end: number): void {
    if (frame.depth === 0) this.sample(frame, offset, payload, end);
    if (!this.isSampled) return;
    const { view } = frame;
    this.isVerifiable = view.getUint16(offset + ip.IPV4_TOTAL_LENGTH) !== 0;
    this.isRouted = false;
    if (!this.isVerifiable) return;
    const found = view.getUint16(offset + IPV4_HEADER_CHECKSUM);
    const sum = sumOfBytes(view, offset, payload);
    if (sum !== 0xffff && found !== 0) this.note(frame, CHECKSUM_IP_HEADER, VERDICT_WRONG, found, sum);
    if (payload - offset > ip.IPV4_HEADER_LENGTH_MIN) this.followSourceRoute(frame, offset, payload);
  }

  /** The IPv6 header at `offset`, whose fields stand in the context. */
  ipv6(frame: FrameContext, offset: number, payload: number, end: number): void {
    if (frame.depth === 0) this.sample(frame, offset, payload, end);
    if (!this.isSampled) return;
    this.isVerifiable = frame.view.getUint16(offset + ip.IPV6_PAYLOAD_LENGTH) !== 0;
    this.isRouted = false;
  }

  /** An extension header of the IPv6 current packet that may change what its checksums cover. */
  extension(frame: FrameContext, header: number, offset: number, end: number): void {
    if (!this.isSampled || header === ip.PROTOCOL_HOP_BY_HOP) return;
    // Destination options may hold the home address that stands for the source (RFC 6275, section 11.3.1).
    if (header !== ip.PROTOCOL_ROUTING) this.isVerifiable = false;
    else this.followRoutingHeader(frame, offset, end);
  }

  /** The UDP, TCP or ICMP message `[offset, offset + frame.payloadLength)` of the IP current packet. */
  transport(frame: FrameContext, offset: number, end: number): void {
    if (!this.isSampled || !this.isVerifiable || frame.origin !== ORIGIN_WHOLE) return;
    if ((frame.marks & MARK_IN_WORDS) !== 0) return this.takeFromWords(frame, offset, end);
    if (frame.isCut) return;
    const length = frame.payloadLength;
    if (offset + length > end) return;
    switch (frame.protocol) {
      case ip.PROTOCOL_UDP:
        return this.verifyUdp(frame, offset, length);
      case ip.PROTOCOL_TCP:
        if (length >= TCP_HEADER_LENGTH_MIN) this.verify(frame, CHECKSUM_TCP, offset, length, TCP_CHECKSUM);
        return;
      case ip.PROTOCOL_ICMP:
        if (length > ICMP_CHECKSUM + 2 && frame.family === 4) this.verifyIcmp(frame, offset, length);
        return;
      case ip.PROTOCOL_ICMPV6:
        if (length > ICMP_CHECKSUM + 2 && frame.family === 6)
          this.verify(frame, CHECKSUM_ICMP, offset, length, ICMP_CHECKSUM);
        return;
    }
  }

  /** Words name the sums that are wrong: those alone stand in their fields. What would be right is not kept. */
  private takeFromWords(frame: FrameContext, offset: number, end: number): void {
    const kind = KIND_OF_PROTOCOL.get(frame.protocol);
    if (kind === undefined) return;
    const at =
      offset + (kind === CHECKSUM_UDP ? UDP_CHECKSUM : kind === CHECKSUM_TCP ? TCP_CHECKSUM : ICMP_CHECKSUM);
    if (at + 2 > end) return;
    const found = frame.view.getUint16(at);
    if (found === 0) return;
    const isPseudo = kind !== CHECKSUM_ICMP || frame.family === 6;
    const isUnfilled = isPseudo && this.isLeftToTheCard(frame, found, frame.payloadLength);
    this.note(frame, kind, isUnfilled ? VERDICT_UNFILLED : VERDICT_WRONG, found, found);
  }

  private verifyUdp(frame: FrameContext, offset: number, available: number): void {
    if (available < UDP_HEADER_LENGTH) return;
    const length = frame.view.getUint16(offset + UDP_LENGTH);
    if (length < UDP_HEADER_LENGTH || length > available) return;
    if (frame.view.getUint16(offset + UDP_CHECKSUM) !== 0) {
      this.verify(frame, CHECKSUM_UDP, offset, length, UDP_CHECKSUM);
    } else if (frame.family === 6) {
      this.note(frame, CHECKSUM_UDP, VERDICT_ZERO_OVER_IPV6, 0, 0);
    }
  }

  private verifyIcmp(frame: FrameContext, offset: number, length: number): void {
    const sum = sumOfBytes(frame.view, offset, offset + length);
    if (sum === 0xffff) return;
    const found = frame.view.getUint16(offset + ICMP_CHECKSUM);
    this.note(frame, CHECKSUM_ICMP, found === 0 ? VERDICT_UNFILLED : VERDICT_WRONG, found, sum);
  }

  /** A message whose checksum covers a pseudo-header (RFC 768, RFC 9293 section 3.1, RFC 8200 section 8.1). */
  private verify(frame: FrameContext, kind: number, offset: number, length: number, at: number): void {
    const { view } = frame;
    const destination = this.isRouted ? this.finalDestination : frame.destination;
    const addresses = sumOfAddress(frame.source) + sumOfAddress(destination) + frame.protocol;
    const sum = foldSum(addresses + length + sumOfBytes(view, offset, offset + length));
    if (sum === 0xffff) return;
    const found = view.getUint16(offset + at);
    const verdict = this.isLeftToTheCard(frame, found, length) ? VERDICT_UNFILLED : VERDICT_WRONG;
    this.note(frame, kind, verdict, found, sum);
  }

  /** Whether the field holds no more than the sum of the pseudo-header, or nothing. */
  private isLeftToTheCard(frame: FrameContext, found: number, length: number): boolean {
    const destination = this.isRouted ? this.finalDestination : frame.destination;
    const addresses = sumOfAddress(frame.source) + sumOfAddress(destination) + frame.protocol;
    const withLength = foldSum(addresses + length);
    // With the length, or without it for segments yet to be cut; some systems store the complement.
    const withoutLength = foldSum(addresses);
    // 0xffff is what a sender writes for a sum of 0, never for "not filled in".
    return (
      found !== 0xffff &&
      (found === 0 ||
        areSameSum(found, withLength) ||
        areSameSum(found, withoutLength) ||
        areSameSum(found, 0xffff - withLength) ||
        areSameSum(found, 0xffff - withoutLength))
    );
  }

  /**
   * A datagram whose fragments were put together on the way, `frame` describing its ends: `sum` is that of everything, the
   * checksum found included. Hosts finish checksums before they cut packets, so none is left to a network card.
   */
  assembled(frame: FrameContext, sum: number, found: number): void {
    this.beginFrame();
    this.weight = 1;
    const kind = KIND_OF_PROTOCOL.get(frame.protocol);
    if (kind === undefined) return;
    const hasNone = kind === CHECKSUM_UDP && found === 0;
    this.note(frame, kind, hasNone ? VERDICT_ZERO_OVER_IPV6 : VERDICT_WRONG, found, sum);
    this.endFrame(frame);
  }

  /** `sum` is that of everything, the checksum found included. */
  private note(frame: FrameContext, kind: number, verdict: number, found: number, sum: number): void {
    if (this.count === NOTES_MAX) return;
    const note = this.notes[this.count++];
    note.kind = kind;
    note.verdict = verdict;
    note.depth = frame.depth;
    note.weight = this.weight;
    note.timeToLive = frame.timeToLive;
    note.length = frame.networkLength;
    note.found = found;
    // What was left out of the sum had to be the complement of the rest.
    const isKnown = verdict === VERDICT_WRONG && (frame.marks & MARK_IN_WORDS) === 0;
    note.expected = isKnown ? 0xffff - foldSum(sum + (0xffff - found)) : 0;
    for (let word = 0; word < 4; word++) {
      note.source[word] = frame.source[word];
      note.destination[word] = frame.destination[word];
    }
  }

  /** Hands over what does not fit, under the innermost conversation of the frame. */
  endFrame(frame: FrameContext): void {
    let unfilledFrom = -1;
    for (let index = 0; index < this.count; index++) {
      const { verdict, depth } = this.notes[index];
      if (verdict === VERDICT_UNFILLED && depth > unfilledFrom) unfilledFrom = depth;
    }
    for (let index = 0; index < this.count; index++) {
      const note = this.notes[index];
      if (note.verdict === VERDICT_UNFILLED) continue;
      if (note.verdict === VERDICT_WRONG && note.kind !== CHECKSUM_IP_HEADER && note.depth < unfilledFrom)
        continue;
      frame.checksum = note;
      this.leaf(frame, 0, 0);
    }
  }

  /** With a source route that is not used up, the last address of it is the destination of the checksums (RFC 1122, 4.1.3.4). */
  private followSourceRoute(frame: FrameContext, offset: number, payload: number): void {
    const { view } = frame;
    let at = offset + ip.IPV4_HEADER_LENGTH_MIN;
    while (at < payload) {
      const option = view.getUint8(at);
      if (option === IPV4_OPTION_END) return;
      if (option === IPV4_OPTION_NO_OPERATION) {
        at++;
        continue;
      }
      const length = at + 1 < payload ? view.getUint8(at + 1) : 0;
      if (length < 2 || at + length > payload) return;
      if ((option === IPV4_LOOSE_SOURCE_ROUTE || option === IPV4_STRICT_SOURCE_ROUTE) && length >= 7) {
        if (view.getUint8(at + 2) > length) return;
        this.isRouted = true;
        this.finalDestination.fill(0);
        this.finalDestination[2] = ip.IPV4_MAPPED;
        this.finalDestination[3] = view.getInt32(at + length - 4);
        return;
      }
      at += length;
    }
  }

  /** RFC 8200, section 8.1: at the sender and on the way the destination is the last element of the routing header. */
  private followRoutingHeader(frame: FrameContext, offset: number, end: number): void {
    const { view } = frame;
    const length = (view.getUint8(offset + 1) + 1) * 8;
    const type = view.getUint8(offset + 2);
    if (view.getUint8(offset + 3) === 0) return;
    const isLastLast = type === ROUTING_TYPE_SOURCE_ROUTE || type === ROUTING_TYPE_MOBILE;
    if ((!isLastLast && type !== ROUTING_TYPE_SEGMENTS) || length < 24 || offset + length > end) {
      this.isVerifiable = false;
      return;
    }
    // A segment routing header lists its segments backwards (RFC 8754, section 2).
    const at = isLastLast ? offset + length - 16 : offset + 8;
    this.isRouted = true;
    for (let word = 0; word < 4; word++) this.finalDestination[word] = view.getInt32(at + word * 4);
  }
}
