// Which header the bytes of a hex dump begin with: the text seldom says it, the bytes do.
import {
  ETHERNET_HEADER_LENGTH,
  ETHERNET_TYPE,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
  ETHERTYPE_PPPOE_SESSION,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
  PPP_IPV4,
  PPP_IPV6,
  VLAN_TAG_LENGTH,
  VLAN_TYPE,
} from '../../../src/wire/ethernet.js';
import {
  IPV4_HEADER_LENGTH_MIN,
  IPV4_TOTAL_LENGTH,
  IPV6_HEADER_LENGTH,
  IPV6_PAYLOAD_LENGTH,
} from '../../../src/wire/ip.js';
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_NULL,
  LINKTYPE_PPP,
  LINKTYPE_PPP_HDLC,
  LINKTYPE_RAW,
  SLL_HEADER_LENGTH,
  SLL_PROTOCOL,
  SLL2_HEADER_LENGTH,
  SLL2_PROTOCOL,
} from '../../../src/wire/link-types.js';

/** How a link type may be told, the surest first. */
const CANDIDATES: readonly { readonly linkType: number; payloadOf(view: DataView): Payload | null }[] = [
  { linkType: LINKTYPE_ETHERNET, payloadOf: ethernetPayload },
  { linkType: LINKTYPE_LINUX_SLL2, payloadOf: (view) => typed(view, SLL2_PROTOCOL, SLL2_HEADER_LENGTH) },
  { linkType: LINKTYPE_LINUX_SLL, payloadOf: (view) => typed(view, SLL_PROTOCOL, SLL_HEADER_LENGTH) },
  { linkType: LINKTYPE_RAW, payloadOf: rawPayload },
  { linkType: LINKTYPE_NULL, payloadOf: loopbackPayload },
  { linkType: LINKTYPE_PPP_HDLC, payloadOf: (view) => pppPayload(view, 2) },
  { linkType: LINKTYPE_PPP, payloadOf: (view) => pppPayload(view, 0) },
];

/** Address families of BSD and Linux in front of a packet (LINKTYPE_NULL), in whichever order of bytes. */
const FAMILIES_IPV4 = [2];
const FAMILIES_IPV6 = [10, 24, 28, 30];

export interface Payload {
  /** Where the packet begins. */
  readonly offset: number;
  /** EtherType. */
  readonly type: number;
}

/** Names that tcpdump gives link types, of those that are read. */
export const LINK_TYPES_BY_NAME: ReadonlyMap<string, number> = new Map([
  ['EN10MB', LINKTYPE_ETHERNET],
  ['LINUX_SLL', LINKTYPE_LINUX_SLL],
  ['LINUX_SLL2', LINKTYPE_LINUX_SLL2],
  ['RAW', LINKTYPE_RAW],
  ['NULL', LINKTYPE_NULL],
  ['PPP', LINKTYPE_PPP],
]);

/** Link types whose header fits the bytes. */
export function fittingLinkTypes(bytes: Uint8Array): number[] {
  const view = viewOf(bytes);
  return CANDIDATES.filter(({ payloadOf }) => payloadOf(view) !== null).map(({ linkType }) => linkType);
}

/** What follows the header of that link type, or null where the bytes do not fit. */
export function payloadOf(bytes: Uint8Array, linkType: number): Payload | null {
  const candidate = CANDIDATES.find((one) => one.linkType === linkType);
  return candidate?.payloadOf(viewOf(bytes)) ?? null;
}

/** Length of the packet that begins at `offset`, by its own header; 0 where that says none. */
export function packetLength(bytes: Uint8Array, { offset, type }: Payload): number {
  const view = viewOf(bytes);
  if (type === ETHERTYPE_IPV4 && offset + IPV4_TOTAL_LENGTH + 2 <= bytes.length) {
    return view.getUint16(offset + IPV4_TOTAL_LENGTH);
  }
  if (type !== ETHERTYPE_IPV6 || offset + IPV6_PAYLOAD_LENGTH + 2 > bytes.length) return 0;
  const payload = view.getUint16(offset + IPV6_PAYLOAD_LENGTH);
  return payload === 0 ? 0 : IPV6_HEADER_LENGTH + payload;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function ethernetPayload(view: DataView): Payload | null {
  if (view.byteLength < ETHERNET_HEADER_LENGTH) return null;
  let type = view.getUint16(ETHERNET_TYPE);
  let offset = ETHERNET_HEADER_LENGTH;
  while (
    (type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ) &&
    offset + VLAN_TAG_LENGTH <= view.byteLength
  ) {
    type = view.getUint16(offset + VLAN_TYPE);
    offset += VLAN_TAG_LENGTH;
  }
  const isOther =
    type === ETHERTYPE_MPLS || type === ETHERTYPE_MPLS_MULTICAST || type === ETHERTYPE_PPPOE_SESSION;
  return isOther || fits(view, type, offset) ? { offset, type } : null;
}

function typed(view: DataView, typeOffset: number, offset: number): Payload | null {
  if (view.byteLength < offset) return null;
  const type = view.getUint16(typeOffset);
  return fits(view, type, offset) ? { offset, type } : null;
}

function rawPayload(view: DataView): Payload | null {
  for (const type of [ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP]) {
    if (fits(view, type, 0)) return { offset: 0, type };
  }
  return null;
}

function loopbackPayload(view: DataView): Payload | null {
  if (view.byteLength < 5) return null;
  const family = Math.min(view.getUint32(0), view.getUint32(0, true));
  if (FAMILIES_IPV4.includes(family) && fits(view, ETHERTYPE_IPV4, 4))
    return { offset: 4, type: ETHERTYPE_IPV4 };
  if (FAMILIES_IPV6.includes(family) && fits(view, ETHERTYPE_IPV6, 4))
    return { offset: 4, type: ETHERTYPE_IPV6 };
  return null;
}

function pppPayload(view: DataView, protocolOffset: number): Payload | null {
  const offset = protocolOffset + 2;
  if (view.byteLength < offset) return null;
  const protocol = view.getUint16(protocolOffset);
  const type = protocol === PPP_IPV4 ? ETHERTYPE_IPV4 : protocol === PPP_IPV6 ? ETHERTYPE_IPV6 : 0;
  return fits(view, type, offset) ? { offset, type } : null;
}

/** Whether a packet of that EtherType may begin there; what the text cut off is not missed. */
function fits(view: DataView, type: number, offset: number): boolean {
  const left = view.byteLength - offset;
  if (type === ETHERTYPE_IPV4) {
    if (left < 1) return false;
    const first = view.getUint8(offset);
    if (first < 0x45 || first > 0x4f) return false;
    if (left < IPV4_TOTAL_LENGTH + 2) return true;
    const total = view.getUint16(offset + IPV4_TOTAL_LENGTH);
    // Segmentation offload leaves the length 0 where it is too large for the field.
    return total === 0 || total >= IPV4_HEADER_LENGTH_MIN;
  }
  if (type === ETHERTYPE_IPV6) return left >= 1 && view.getUint8(offset) >> 4 === 6;
  if (type !== ETHERTYPE_ARP || left < 6) return false;
  // Ethernet and IPv4 (RFC 826), as all that is read.
  return view.getUint16(offset) === 1 && view.getUint32(offset + 2) === 0x0800_0604;
}
