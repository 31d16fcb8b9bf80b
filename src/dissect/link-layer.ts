import { MARK_INBOUND, MARK_OUTBOUND } from '../capture/frame-marks.js';
import { HEADER_OF_UNKNOWN_LINK_TYPE, HEADER_TOO_DEEP } from '../observe/engine-tables.js';
import { TUNNEL_DEPTH_MAX } from '../observe/flow-key.js';
import {
  ETHERNET_DESTINATION,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_LENGTH_MAX,
  ETHERNET_SOURCE,
  ETHERNET_TYPE,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
  ETHERTYPE_PPPOE_SESSION,
  ETHERTYPE_QINQ,
  ETHERTYPE_TRANSPARENT_ETHERNET,
  ETHERTYPE_VLAN,
  ETHERTYPE_VLAN_9100,
  ETHERTYPE_VLAN_9200,
  LLC_SNAP,
  MPLS_BOTTOM,
  MPLS_LABEL_LENGTH,
  PPP_CONTROL_MIN,
  PPP_IPV4,
  PPP_IPV6,
  PPPOE_CODE,
  PPPOE_HEADER_LENGTH,
  SNAP_HEADER_LENGTH,
  SNAP_TYPE,
  VLAN_TAG_LENGTH,
  VLAN_TYPE,
} from '../wire/ethernet.js';
import * as link from '../wire/link-types.js';
import type { FrameContext } from './frame-context.js';
import type { NetworkLayer } from './network-layer.js';

/** ARPHRD values of GRE devices: the protocol field is a GRE protocol type. */
const PPP_ADDRESS_CONTROL = 0xff03;
const IEEE80211_PROTECTED = 0x40;

/**
 * The link layer of every supported link type, down to the EtherType. Frames of a link type that is not known, or
 * that carry no packet (management frames, control protocols), end here.
 */
export class LinkLayer {
  /** Hash of the link-layer addresses (and interface) of the current frame; 0 where there are none. More than 31 bits. */
  readonly addressHash = new Int32Array(1);

  constructor(
    private readonly network: NetworkLayer,
    private readonly protocolIndex: number,
  ) {}

  dissect(frame: FrameContext, linkType: number, offset: number, end: number): void {
    this.addressHash[0] = 0;
    switch (linkType) {
      case link.LINKTYPE_ETHERNET:
        return this.dissectEthernet(frame, offset, end);
      case link.LINKTYPE_LINUX_SLL:
        return this.dissectSll(frame, offset, end);
      case link.LINKTYPE_LINUX_SLL2:
        return this.dissectSll2(frame, offset, end);
      case link.LINKTYPE_RAW:
      case link.LINKTYPE_RAW_BSDOS:
      case link.LINKTYPE_RAW_OPENBSD:
      case link.LINKTYPE_IPV4:
      case link.LINKTYPE_IPV6:
        return this.network.dissectIp(frame, offset, end);
      case link.LINKTYPE_NULL:
      case link.LINKTYPE_LOOP:
        return this.skipThenIp(frame, offset, end, 4);
      case link.LINKTYPE_ENC:
        return this.skipThenIp(frame, offset, end, 12);
      case link.LINKTYPE_IPNET:
        return this.skipThenIp(frame, offset, end, 24);
      case link.LINKTYPE_PPP:
      case link.LINKTYPE_PPP_HDLC:
      case link.LINKTYPE_PPP_ETHER:
      case link.LINKTYPE_PPP_PPPD:
      case link.LINKTYPE_PPP_WITH_DIR:
      case link.LINKTYPE_C_HDLC:
        return this.dissectPointToPoint(frame, linkType, offset, end);
      default:
        return this.dissectRare(frame, linkType, offset, end);
    }
  }

  dissectEthernet(frame: FrameContext, offset: number, end: number): void {
    if (end - offset < ETHERNET_HEADER_LENGTH) return frame.observeUnreadable(this.protocolIndex);
    const view = frame.view;
    if (frame.depth === 0) {
      if (frame.carriedLinks === 0) frame.ethernetOffset = offset;
      this.addressHash[0] =
        Math.imul(view.getInt32(offset + ETHERNET_DESTINATION + 2), 0x9e3779b1) ^
        Math.imul(view.getInt32(offset + ETHERNET_SOURCE + 2), 0x85ebca6b) ^
        1;
    }
    const type = view.getUint16(offset + ETHERNET_TYPE);
    if (type > ETHERNET_LENGTH_MAX) this.dissectEtherType(frame, type, offset + ETHERNET_HEADER_LENGTH, end);
    else this.dissectLlc(frame, offset + ETHERNET_HEADER_LENGTH, end);
  }

  dissectEtherType(frame: FrameContext, etherType: number, offset: number, end: number): void {
    let type = etherType;
    let at = offset;
    for (;;) {
      switch (type) {
        case ETHERTYPE_IPV4:
        case ETHERTYPE_IPV6:
          return this.network.dissectIp(frame, at, end);
        case ETHERTYPE_VLAN:
        case ETHERTYPE_QINQ:
        case ETHERTYPE_VLAN_9100:
        case ETHERTYPE_VLAN_9200:
          if (end - at < VLAN_TAG_LENGTH) return frame.observeUnreadable(this.protocolIndex);
          type = frame.view.getUint16(at + VLAN_TYPE);
          at += VLAN_TAG_LENGTH;
          break;
        case ETHERTYPE_PPPOE_SESSION:
          return this.dissectPppoe(frame, at, end);
        case ETHERTYPE_MPLS:
        case ETHERTYPE_MPLS_MULTICAST:
          return this.dissectMpls(frame, at, end);
        case ETHERTYPE_TRANSPARENT_ETHERNET:
          return this.dissectCarriedEthernet(frame, at, end);
        default:
          if (type <= ETHERNET_LENGTH_MAX) return this.dissectLlc(frame, at, end);
          return this.network.dissectEtherTypeLeaf(frame, type, at, end);
      }
    }
  }

  private dissectLlc(frame: FrameContext, offset: number, end: number): void {
    if (end - offset < SNAP_HEADER_LENGTH) return;
    if (frame.view.getUint32(offset) >>> 8 !== LLC_SNAP) return;
    const type = frame.view.getUint16(offset + SNAP_TYPE);
    if (type > ETHERNET_LENGTH_MAX) this.dissectEtherType(frame, type, offset + SNAP_HEADER_LENGTH, end);
  }

  private dissectPppoe(frame: FrameContext, offset: number, end: number): void {
    if (end - offset < PPPOE_HEADER_LENGTH + 2) return frame.observeUnreadable(this.protocolIndex);
    if (frame.view.getUint8(offset + PPPOE_CODE) !== 0) return;
    this.dissectPpp(frame, offset + PPPOE_HEADER_LENGTH, end);
  }

  private dissectMpls(frame: FrameContext, offset: number, end: number): void {
    let at = offset;
    for (;;) {
      if (end - at < MPLS_LABEL_LENGTH + 1) return frame.observeUnreadable(this.protocolIndex);
      const label = frame.view.getUint32(at);
      at += MPLS_LABEL_LENGTH;
      if ((label & MPLS_BOTTOM) !== 0) break;
    }
    const nibble = frame.view.getUint8(at) >> 4;
    if (nibble === 4 || nibble === 6) this.network.dissectIp(frame, at, end);
    else if (nibble === 0) this.dissectCarriedEthernet(frame, at + 4, end);
    else this.dissectCarriedEthernet(frame, at, end);
  }

  /** Ethernet right inside a link layer: a sender may nest as many as fit into a frame, each a call inside the last. */
  private dissectCarriedEthernet(frame: FrameContext, offset: number, end: number): void {
    if (frame.carriedLinks >= TUNNEL_DEPTH_MAX)
      return frame.observeUnreadableOf(this.protocolIndex, HEADER_TOO_DEEP);
    frame.carriedLinks++;
    this.dissectEthernet(frame, offset, end);
  }

  /** PPP from the protocol field on, with address and control in front or not (RFC 1661, section 2; RFC 1662). */
  private dissectPpp(frame: FrameContext, offset: number, end: number): void {
    let at = offset;
    if (end - at < 4) return frame.observeUnreadable(this.protocolIndex);
    if (frame.view.getUint16(at) === PPP_ADDRESS_CONTROL) at += 2;
    let protocol = frame.view.getUint8(at);
    if ((protocol & 1) === 1) at += 1;
    else {
      protocol = frame.view.getUint16(at);
      at += 2;
    }
    if (protocol === PPP_IPV4 || protocol === PPP_IPV6) this.network.dissectIp(frame, at, end);
    else if (protocol < PPP_CONTROL_MIN) frame.observeUndecoded(this.protocolIndex);
  }

  private dissectPointToPoint(frame: FrameContext, linkType: number, offset: number, end: number): void {
    if (end - offset < 4) return frame.observeUnreadable(this.protocolIndex);
    if (linkType === link.LINKTYPE_PPP_ETHER) return this.dissectPppoe(frame, offset, end);
    if (linkType === link.LINKTYPE_PPP_PPPD || linkType === link.LINKTYPE_PPP_WITH_DIR) {
      frame.marks |= frame.view.getUint8(offset) === 0 ? MARK_INBOUND : MARK_OUTBOUND;
      const skip = linkType === link.LINKTYPE_PPP_PPPD && frame.view.getUint8(offset + 1) === 0x03 ? 2 : 1;
      return this.dissectPpp(frame, offset + skip, end);
    }
    const isCisco = frame.view.getUint8(offset) === 0x0f || frame.view.getUint8(offset) === 0x8f;
    if (linkType === link.LINKTYPE_C_HDLC || (linkType === link.LINKTYPE_PPP_HDLC && isCisco)) {
      return this.dissectEtherType(frame, frame.view.getUint16(offset + 2), offset + 4, end);
    }
    this.dissectPpp(frame, offset, end);
  }

  private dissectSll(frame: FrameContext, offset: number, end: number): void {
    if (end - offset < link.SLL_HEADER_LENGTH) return frame.observeUnreadable(this.protocolIndex);
    const view = frame.view;
    const packetType = view.getUint16(offset + link.SLL_PACKET_TYPE);
    this.noteCooked(frame, packetType, view.getInt32(offset + link.SLL_ADDRESS + 2), 0);
    const hardware = view.getUint16(offset + link.SLL_ARPHRD);
    this.dissectCooked(
      frame,
      hardware,
      view.getUint16(offset + link.SLL_PROTOCOL),
      offset + link.SLL_HEADER_LENGTH,
      end,
    );
  }

  private dissectSll2(frame: FrameContext, offset: number, end: number): void {
    if (end - offset < link.SLL2_HEADER_LENGTH) return frame.observeUnreadable(this.protocolIndex);
    const view = frame.view;
    const packetType = view.getUint8(offset + link.SLL2_PACKET_TYPE);
    const interfaceIndex = view.getInt32(offset + link.SLL2_INTERFACE_INDEX);
    this.noteCooked(frame, packetType, view.getInt32(offset + link.SLL2_ADDRESS + 2), interfaceIndex);
    const hardware = view.getUint16(offset + link.SLL2_ARPHRD);
    this.dissectCooked(
      frame,
      hardware,
      view.getUint16(offset + link.SLL2_PROTOCOL),
      offset + link.SLL2_HEADER_LENGTH,
      end,
    );
  }

  private noteCooked(frame: FrameContext, packetType: number, address: number, interfaceIndex: number): void {
    if (packetType === link.SLL_FROM_US) frame.marks |= MARK_OUTBOUND;
    else if (packetType === link.SLL_TO_US) frame.marks |= MARK_INBOUND;
    this.addressHash[0] =
      Math.imul(address, 0x9e3779b1) ^
      Math.imul(interfaceIndex, 0x85ebca6b) ^
      Math.imul(packetType + 1, 0xc2b2ae35);
  }

  private dissectCooked(
    frame: FrameContext,
    hardware: number,
    protocol: number,
    offset: number,
    end: number,
  ): void {
    if (hardware === link.ARPHRD_NETLINK) return;
    if (hardware === link.ARPHRD_RADIOTAP)
      return this.dissectRare(frame, link.LINKTYPE_RADIOTAP, offset, end);
    this.dissectEtherType(frame, protocol, offset, end);
  }

  private skipThenIp(frame: FrameContext, offset: number, end: number, headerLength: number): void {
    if (end - offset < headerLength + 1) return frame.observeUnreadable(this.protocolIndex);
    this.network.dissectIp(frame, offset + headerLength, end);
  }

  /** Link types that wrap another one, and the leaf dissectors that are a link type of their own. */
  private dissectRare(frame: FrameContext, linkType: number, offset: number, end: number): void {
    const view = frame.view;
    if (end - offset < 8) return frame.observeUnreadable(this.protocolIndex);
    switch (linkType) {
      case link.LINKTYPE_RADIOTAP:
        return this.dissectWireless(frame, offset + view.getUint16(offset + 2, true), end);
      case link.LINKTYPE_PRISM:
      case link.LINKTYPE_AVS:
        return this.dissectWireless(frame, offset + view.getUint32(offset + 4), end);
      case link.LINKTYPE_IEEE802_11:
        return this.dissectWireless(frame, offset, end);
      case link.LINKTYPE_PFLOG:
        return this.skipThenIp(frame, offset, end, (view.getUint8(offset) + 3) & ~3);
      case link.LINKTYPE_PPI:
        return this.dissectWrapped(
          frame,
          view.getUint32(offset + 4, true),
          offset + view.getUint16(offset + 2, true),
          end,
        );
      case link.LINKTYPE_PKTAP:
        if (end - offset < link.PKTAP_LINK_TYPE + 4) return frame.observeUnreadable(this.protocolIndex);
        return this.dissectWrapped(
          frame,
          view.getUint32(offset + link.PKTAP_LINK_TYPE, true),
          offset + view.getUint32(offset, true),
          end,
        );
      case link.LINKTYPE_NFLOG:
        return this.dissectNflog(frame, offset, end);
      default:
        return this.network.dissectLinkTypeLeaf(frame, linkType, offset, end);
    }
  }

  private dissectWrapped(frame: FrameContext, linkType: number, offset: number, end: number): void {
    if (offset >= end) return frame.observeUnreadable(this.protocolIndex);
    if (linkType === link.LINKTYPE_PPI || linkType === link.LINKTYPE_PKTAP)
      return frame.observeUnreadableOf(this.protocolIndex, HEADER_TOO_DEEP);
    // 32 bits here, 16 in a file's header: no larger one is registered.
    if (linkType > link.LINK_TYPE_MAX)
      return frame.observeUnreadableOf(this.protocolIndex, HEADER_OF_UNKNOWN_LINK_TYPE);
    this.dissect(frame, linkType, offset, end);
  }

  /** 802.11 data frames in clear (IEEE 802.11, clause 9.2): header, LLC with SNAP. */
  private dissectWireless(frame: FrameContext, offset: number, end: number): void {
    if (offset + 24 > end) return frame.observeUnreadable(this.protocolIndex);
    const control = frame.view.getUint8(offset);
    const flags = frame.view.getUint8(offset + 1);
    if ((control & 0x0c) !== 0x08 || (control & 0x40) !== 0) return;
    if ((flags & IEEE80211_PROTECTED) !== 0) return frame.observeUndecoded(this.protocolIndex);
    let at = offset + 24;
    if ((flags & 0x03) === 0x03) at += 6;
    if ((control & 0x80) !== 0) at += (flags & 0x80) !== 0 ? 6 : 2;
    this.dissectLlc(frame, at, end);
  }

  private dissectNflog(frame: FrameContext, offset: number, end: number): void {
    const view = frame.view;
    // TLVs are in the capturing host's order, which the header does not state: a first length above 32,767 is the other one.
    let at = offset + link.NFLOG_HEADER_LENGTH;
    while (at + 4 <= end) {
      const isLittle = view.getUint16(at, true) <= 0x7fff && view.getUint16(at + 2, true) < 256;
      const length = view.getUint16(at, isLittle);
      const type = view.getUint16(at + 2, isLittle) & 0x7fff;
      if (length < 4) return frame.observeUnreadable(this.protocolIndex);
      if (type === link.NFLOG_TLV_PAYLOAD)
        return this.network.dissectIp(frame, at + 4, Math.min(end, at + length));
      at += (length + 3) & ~3;
    }
  }
}
