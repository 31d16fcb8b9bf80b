import { HEADER_OF_UNKNOWN_LINK_TYPE } from '../observe/engine-tables.js';
import { ORIGIN_FIRST_FRAGMENT } from '../observe/table.js';
import { CONTROL_ETHERTYPES, ETHERTYPE_ARP } from '../wire/ethernet.js';
import * as ip from '../wire/ip.js';
import { DESTINATION_PORT, PORTS_LENGTH, SOURCE_PORT } from '../wire/transport.js';
import { type ChecksumVerifier, sumOfFragment } from './checksum-verifier.js';
import { type DispatchTable, NOBODY } from './dispatch-table.js';
import type { Dissect } from './dissector.js';
import type { FrameContext } from './frame-context.js';
import type { IdentityRecorder } from './identity-recorder.js';
import type { PieceRecorder } from './piece-recorder.js';
import type { TransportLayer } from './transport-layer.js';

/** Extension headers that may stand before the payload; a longer chain is an attack or garbage. */
const EXTENSION_HEADERS_MAX = 8;

/** IPv4 and IPv6, their extension headers and fragments, down to the transport or the leaf of an IP protocol. */
export class NetworkLayer {
  /** Called with the first IP header of a frame, to tell copies of a frame. */
  onOutermost: (frame: FrameContext, offset: number, payload: number, end: number) => void = () => {};

  /** Verifies checksums; null where no dissector takes what does not fit. */
  checksums: ChecksumVerifier | null = null;

  /** Records what identifies each packet; null unless two captures are compared. */
  identities: IdentityRecorder | null = null;

  constructor(
    private readonly dispatch: DispatchTable,
    private readonly leaves: readonly Dissect[],
    private readonly transport: TransportLayer,
    private readonly pieces: PieceRecorder,
    private readonly protocolIndex: number,
  ) {}

  dissectEtherTypeLeaf(frame: FrameContext, etherType: number, offset: number, end: number): void {
    const leaf = this.dispatch.etherType[etherType];
    if (leaf !== NOBODY) this.leaves[leaf](frame, offset, end);
    else if (!CONTROL_ETHERTYPES.has(etherType)) frame.observeUndecoded(this.protocolIndex);
    if (this.identities !== null && etherType === ETHERTYPE_ARP)
      this.identities.recordArp(frame, offset, end);
  }

  dissectLinkTypeLeaf(frame: FrameContext, linkType: number, offset: number, end: number): void {
    const leaf = this.dispatch.linkType[linkType];
    if (leaf !== NOBODY) this.leaves[leaf](frame, offset, end);
    else frame.observeUnreadableOf(this.protocolIndex, HEADER_OF_UNKNOWN_LINK_TYPE);
  }

  /** An IPv4 or IPv6 packet, told by its version nibble. */
  dissectIp(frame: FrameContext, offset: number, end: number): void {
    if (offset >= end) return frame.observeUnreadable(this.protocolIndex);
    const version = frame.view.getUint8(offset) >> 4;
    if (version === 4) this.dissectIpv4(frame, offset, end);
    else if (version === 6) this.dissectIpv6(frame, offset, end);
    else return frame.observeUnreadable(this.protocolIndex);
    // Afterwards: only now is the packet's flow known.
    if (this.identities !== null) this.identities.record(frame, offset, end);
    if (frame.depth === 0 && frame.ethernetOffset >= 0 && this.dispatch.ethernetIp !== NOBODY) {
      this.leaves[this.dispatch.ethernetIp](frame, frame.ethernetOffset, end);
    }
  }

  private dissectIpv4(frame: FrameContext, offset: number, end: number): void {
    if (end - offset < ip.IPV4_HEADER_LENGTH_MIN) return frame.observeUnreadable(this.protocolIndex);
    const view = frame.view;
    const headerLength = (view.getUint8(offset) & 0x0f) * 4;
    if (headerLength < ip.IPV4_HEADER_LENGTH_MIN || end - offset < headerLength) {
      return frame.observeUnreadable(this.protocolIndex);
    }
    // Segmentation offload leaves the total length at 0: then the frame's own length counts.
    const claimed = view.getUint16(offset + ip.IPV4_TOTAL_LENGTH);
    const totalLength = claimed === 0 ? frame.wireLengthFrom(offset) : claimed;
    if (totalLength < headerLength) return frame.observeUnreadable(this.protocolIndex);
    frame.family = 4;
    frame.networkOffset = offset;
    frame.networkLength = totalLength;
    frame.timeToLive = view.getUint8(offset + ip.IPV4_TIME_TO_LIVE);
    frame.protocol = view.getUint8(offset + ip.IPV4_PROTOCOL);
    frame.source[0] = 0;
    frame.source[1] = 0;
    frame.source[2] = ip.IPV4_MAPPED;
    frame.source[3] = view.getInt32(offset + ip.IPV4_SOURCE);
    frame.destination[0] = 0;
    frame.destination[1] = 0;
    frame.destination[2] = ip.IPV4_MAPPED;
    frame.destination[3] = view.getInt32(offset + ip.IPV4_DESTINATION);
    const payloadEnd = frame.clamp(offset + totalLength, end);
    const payload = offset + headerLength;
    frame.payloadLength = totalLength - headerLength;
    if (frame.depth === 0) {
      this.onOutermost(frame, offset, payload, payloadEnd);
      if (payloadEnd < end && claimed !== 0) this.dissectTrailer(frame, payloadEnd, end);
    }
    if (this.checksums !== null) this.checksums.ipv4(frame, offset, payload, payloadEnd);
    const fragment = view.getUint16(offset + ip.IPV4_FRAGMENT);
    if ((fragment & (ip.IPV4_MORE_FRAGMENTS | ip.IPV4_OFFSET_MASK)) === 0) {
      this.dissectPayload(frame, payload, payloadEnd);
      return;
    }
    const identification = view.getUint16(offset + ip.IPV4_IDENTIFICATION);
    const more = (fragment & ip.IPV4_MORE_FRAGMENTS) === 0 ? 0 : 1;
    this.dissectFragment(
      frame,
      identification,
      (fragment & ip.IPV4_OFFSET_MASK) * 8,
      more,
      headerLength === ip.IPV4_HEADER_LENGTH_MIN && claimed !== 0,
      payload,
      payloadEnd,
    );
  }

  private dissectIpv6(frame: FrameContext, offset: number, end: number): void {
    if (end - offset < ip.IPV6_HEADER_LENGTH) return frame.observeUnreadable(this.protocolIndex);
    const view = frame.view;
    const claimed = view.getUint16(offset + ip.IPV6_PAYLOAD_LENGTH);
    // 0: a jumbogram or segmentation offload; the frame's own length counts.
    const payloadLength = claimed === 0 ? frame.wireLengthFrom(offset) - ip.IPV6_HEADER_LENGTH : claimed;
    frame.family = 6;
    frame.networkOffset = offset;
    frame.networkLength = payloadLength + ip.IPV6_HEADER_LENGTH;
    frame.timeToLive = view.getUint8(offset + ip.IPV6_HOP_LIMIT);
    for (let word = 0; word < 4; word++) {
      frame.source[word] = view.getInt32(offset + ip.IPV6_SOURCE + word * 4);
      frame.destination[word] = view.getInt32(offset + ip.IPV6_DESTINATION + word * 4);
    }
    const payloadEnd = frame.clamp(offset + ip.IPV6_HEADER_LENGTH + payloadLength, end);
    frame.payloadLength = payloadLength;
    if (frame.depth === 0) {
      this.onOutermost(frame, offset, offset + ip.IPV6_HEADER_LENGTH, payloadEnd);
      if (payloadEnd < end && claimed !== 0) this.dissectTrailer(frame, payloadEnd, end);
    }
    if (this.checksums !== null) {
      this.checksums.ipv6(frame, offset, offset + ip.IPV6_HEADER_LENGTH, payloadEnd);
    }
    this.dissectExtensions(
      frame,
      view.getUint8(offset + ip.IPV6_NEXT_HEADER),
      offset + ip.IPV6_HEADER_LENGTH,
      payloadEnd,
    );
  }

  private dissectTrailer(frame: FrameContext, offset: number, end: number): void {
    const leaf = this.dispatch.ipTrailer;
    if (leaf !== NOBODY) this.leaves[leaf](frame, offset, end);
  }

  /** Walks extension headers from `offset` to the payload (RFC 8200, section 4). */
  private dissectExtensions(frame: FrameContext, firstHeader: number, offset: number, end: number): void {
    const view = frame.view;
    let next = firstHeader;
    let at = offset;
    let isPlain = true;
    for (let header = 0; header < EXTENSION_HEADERS_MAX; header++) {
      switch (next) {
        case ip.PROTOCOL_HOP_BY_HOP:
        case ip.PROTOCOL_ROUTING:
        case ip.PROTOCOL_DESTINATION_OPTIONS:
        case ip.PROTOCOL_MOBILITY: {
          if (end - at < 8) return frame.observeUnreadable(this.protocolIndex);
          const length = (view.getUint8(at + 1) + 1) * 8;
          if (this.checksums !== null) this.checksums.extension(frame, next, at, end);
          // Routing headers and home addresses change what checksums cover.
          if (next !== ip.PROTOCOL_HOP_BY_HOP) isPlain = false;
          next = view.getUint8(at);
          at += length;
          frame.payloadLength -= length;
          if (at > end) return frame.observeUnreadable(this.protocolIndex);
          break;
        }
        case ip.PROTOCOL_FRAGMENT: {
          if (end - at < ip.IPV6_FRAGMENT_HEADER_LENGTH) return frame.observeUnreadable(this.protocolIndex);
          const field = view.getUint16(at + ip.IPV6_FRAGMENT_OFFSET);
          const identification = view.getUint32(at + ip.IPV6_FRAGMENT_IDENTIFICATION);
          next = view.getUint8(at);
          at += ip.IPV6_FRAGMENT_HEADER_LENGTH;
          frame.payloadLength -= ip.IPV6_FRAGMENT_HEADER_LENGTH;
          const fragmentOffset = field & ip.IPV6_FRAGMENT_OFFSET_MASK;
          const more = field & ip.IPV6_MORE_FRAGMENTS;
          // An atomic fragment is a whole packet (RFC 6946).
          if (fragmentOffset === 0 && more === 0) break;
          frame.protocol = next;
          return this.dissectFragment(frame, identification, fragmentOffset, more, isPlain, at, end);
        }
        default:
          frame.protocol = next;
          return this.dissectPayload(frame, at, end);
      }
    }
    frame.observeUnreadable(this.protocolIndex);
  }

  /** A packet that is whole, or the first piece of one. */
  dissectPayload(frame: FrameContext, offset: number, end: number): void {
    if (this.checksums !== null) this.checksums.transport(frame, offset, end);
    switch (frame.protocol) {
      case ip.PROTOCOL_UDP:
        return this.transport.dissectUdp(frame, offset, end);
      case ip.PROTOCOL_TCP:
        return this.transport.dissectTcp(frame, offset, end);
      case ip.PROTOCOL_SCTP:
        frame.sourcePort = end - offset >= PORTS_LENGTH ? frame.view.getUint16(offset + SOURCE_PORT) : 0;
        frame.destinationPort =
          end - offset >= PORTS_LENGTH ? frame.view.getUint16(offset + DESTINATION_PORT) : 0;
        break;
      default:
        frame.sourcePort = 0;
        frame.destinationPort = 0;
    }
    frame.enterConversation();
    const leaf = this.dispatch.ipProtocol[frame.protocol];
    if (leaf !== NOBODY) this.leaves[leaf](frame, offset, end);
  }

  private dissectFragment(
    frame: FrameContext,
    identification: number,
    fragmentOffset: number,
    more: number,
    hasPlainHeader: boolean,
    offset: number,
    end: number,
  ): void {
    const wireLength = frame.payloadLength;
    const isSummed = this.checksums !== null && hasPlainHeader;
    const sum = isSummed ? sumOfFragment(frame, fragmentOffset, offset, end) : -1;
    if (fragmentOffset === 0) {
      const { origin } = frame;
      frame.origin = ORIGIN_FIRST_FRAGMENT;
      this.dissectPayload(frame, offset, end);
      frame.origin = origin;
    } else {
      frame.sourcePort = 0;
      frame.destinationPort = 0;
      frame.enterConversation();
    }
    this.pieces.recordFragment(frame, identification, fragmentOffset, more, wireLength, sum, offset, end);
    const leaf = this.dispatch.ipFragment;
    if (leaf !== NOBODY) {
      frame.fragmentIdentification[0] = identification;
      frame.fragmentOffset = fragmentOffset;
      frame.moreFragments = more;
      frame.payloadLength = wireLength;
      this.leaves[leaf](frame, offset, end);
    }
  }
}
