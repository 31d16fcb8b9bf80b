import type { FrameContext } from '../../src/dissect/frame-context.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import {
  ETHERNET_HEADER_LENGTH,
  ETHERNET_LENGTH_MAX,
  ETHERNET_SOURCE,
  ETHERNET_TYPE,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
  ETHERTYPE_PPPOE_SESSION,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
} from '../../src/wire/ethernet.js';
import {
  IPV4_HEADER_LENGTH_MIN,
  IPV4_TOTAL_LENGTH,
  IPV6_HEADER_LENGTH,
  IPV6_PAYLOAD_LENGTH,
} from '../../src/wire/ip.js';
import * as vxlan from './layout.js';

const ETHERTYPE_LLDP = 0x88cc;
const ETHERTYPE_MACSEC = 0x88e5;
const ETHERTYPE_SLOW_PROTOCOLS = 0x8809;
const ETHERTYPE_NSH = 0x894f;
/** First byte of an address: group addresses never send. */
const MAC_GROUP = 0x01;
/** Padding of an inner frame below 60 bytes (IEEE 802.3, clause 3.2.8). */
const PADDING_MAX = 46;
/** Ethernet and IPv4 with addresses of 6 and 4 bytes (RFC 826). */
const ARP_FIXED = 0x0001_0800;
const ARP_LENGTHS = 0x0604;

/**
 * VXLAN on a port that nobody owns, told for sure or not at all: a plain header fixes 40 bits, one with a group
 * policy at least 22; the inner frame adds an EtherType (16 bits) and the length that IP claims (at least 9
 * bits), or the 48 fixed bits of ARP.
 */
export function isUnmistakable(frame: FrameContext, offset: number, end: number): boolean {
  const inner = offset + vxlan.HEADER_LENGTH;
  if (end - inner < ETHERNET_HEADER_LENGTH + 8) return false;
  const view = frame.view;
  const flags = view.getUint8(offset + vxlan.FLAGS);
  if (flags === vxlan.FLAG_VNI) {
    if ((view.getUint32(offset) & 0x00ff_ffff) !== 0) return false;
  } else if (flags === (vxlan.FLAG_VNI | vxlan.FLAG_GROUP_POLICY)) {
    const known = vxlan.GROUP_DONT_LEARN | vxlan.GROUP_APPLIED;
    if ((view.getUint8(offset + vxlan.GROUP_FLAGS) & ~known) !== 0) return false;
  } else {
    return false;
  }
  if (view.getUint8(offset + vxlan.RESERVED) !== 0) return false;
  if ((view.getUint8(inner + ETHERNET_SOURCE) & MAC_GROUP) !== 0) return false;
  return fitsEtherType(frame, view.getUint16(inner + ETHERNET_TYPE), inner + ETHERNET_HEADER_LENGTH, end);
}

function fitsEtherType(frame: FrameContext, type: number, offset: number, end: number): boolean {
  const view = frame.view;
  const room = frame.payloadLength - vxlan.HEADER_LENGTH - ETHERNET_HEADER_LENGTH;
  switch (type) {
    case ETHERTYPE_IPV4:
      if (end - offset < IPV4_HEADER_LENGTH_MIN || view.getUint8(offset) >> 4 !== 4) return false;
      return fitsLength(frame, view.getUint16(offset + IPV4_TOTAL_LENGTH), room);
    case ETHERTYPE_IPV6:
      if (end - offset < IPV6_HEADER_LENGTH || view.getUint8(offset) >> 4 !== 6) return false;
      return fitsLength(frame, view.getUint16(offset + IPV6_PAYLOAD_LENGTH) + IPV6_HEADER_LENGTH, room);
    case ETHERTYPE_ARP:
      return view.getUint32(offset) === ARP_FIXED && view.getUint16(offset + 4) === ARP_LENGTHS;
    default:
      return false;
  }
}

/** The inner packet fills the datagram but for padding; more only where the datagram goes on in fragments. */
function fitsLength(frame: FrameContext, length: number, room: number): boolean {
  if (length > room) return frame.origin === ORIGIN_FIRST_FRAGMENT;
  return length >= IPV4_HEADER_LENGTH_MIN && room - length <= PADDING_MAX;
}

/**
 * An Ethernet header that a host may have sent, or nothing at all. Cheap: for datagrams on a port of VXLAN.
 */
export function isInnerFrame(frame: FrameContext, offset: number, end: number): boolean {
  if (end - offset < ETHERNET_HEADER_LENGTH) return end === offset || frame.isCut;
  if ((frame.view.getUint8(offset + ETHERNET_SOURCE) & MAC_GROUP) !== 0) return false;
  const type = frame.view.getUint16(offset + ETHERNET_TYPE);
  switch (type) {
    case ETHERTYPE_IPV4:
    case ETHERTYPE_IPV6:
    case ETHERTYPE_ARP:
    case ETHERTYPE_VLAN:
    case ETHERTYPE_QINQ:
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
    case ETHERTYPE_PPPOE_SESSION:
    case ETHERTYPE_LLDP:
    case ETHERTYPE_MACSEC:
    case ETHERTYPE_SLOW_PROTOCOLS:
    case ETHERTYPE_NSH:
      return true;
    default:
      // A length, which must then be that of the rest (IEEE 802.3, clause 3.2.6).
      return type <= ETHERNET_LENGTH_MAX && fitsFrame(frame, type);
  }
}

function fitsFrame(frame: FrameContext, length: number): boolean {
  const room = frame.payloadLength - vxlan.HEADER_LENGTH - ETHERNET_HEADER_LENGTH;
  return length <= room && room - length <= PADDING_MAX;
}
