//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                       Destination address                     |
// |                               |                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+       Source address          |
// |                                                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |      EtherType or length      |                                   IEEE 802.3, clause 3.2
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
export const ETHERNET_DESTINATION = 0;
export const ETHERNET_SOURCE = 6;
export const ETHERNET_TYPE = 12;
export const ETHERNET_HEADER_LENGTH = 14;
/** Up to here the type field is an IEEE 802.3 length. */
export const ETHERNET_LENGTH_MAX = 1500;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_TRANSPARENT_ETHERNET = 0x6558;
/** EtherTypes of stations and switches among themselves, which carry no packet of hosts (IEEE registration authority). */
export const CONTROL_ETHERTYPES: ReadonlySet<number> = new Set([
  ETHERTYPE_ARP,
  0x8035, // RARP
  0x8042, // DEC spanning tree
  0x8809, // slow protocols: LACP, OAM
  0x8863, // PPPoE discovery (RFC 2516)
  0x888e, // EAPOL
  0x88a7, // discovery of PROFINET
  0x88cc, // LLDP
  0x8902, // connectivity fault management
  0x88f7, // PTP
  0x88f5, // MVRP
  0x88f6, // MMRP
  0x9000, // loopback test
]);
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_MPLS = 0x8847;
export const ETHERTYPE_MPLS_MULTICAST = 0x8848;
export const ETHERTYPE_PPPOE_SESSION = 0x8864;
export const ETHERTYPE_QINQ = 0x88a8;
export const ETHERTYPE_VLAN_9100 = 0x9100;
export const ETHERTYPE_VLAN_9200 = 0x9200;

/** A VLAN tag after the first type field: tag control information, then the next type (IEEE 802.1Q, clause 9.6). */
export const VLAN_TYPE = 2;
export const VLAN_TAG_LENGTH = 4;

/** LLC with SNAP: aa aa 03, organisation, EtherType (IEEE 802, clause 9.2). */
export const SNAP_TYPE = 6;
export const SNAP_HEADER_LENGTH = 8;
export const LLC_SNAP = 0xaaaa03;

/** PPPoE: version and type, code, session, length; then the PPP protocol (RFC 2516, section 4). */
export const PPPOE_CODE = 1;
export const PPPOE_HEADER_LENGTH = 6;
export const PPP_IPV4 = 0x0021;
export const PPP_IPV6 = 0x0057;
/** PPP protocols below are packets of network layers, plain, compressed or encrypted; above, control (RFC 1661, section 2). */
export const PPP_CONTROL_MIN = 0x4000;

export const MPLS_LABEL_LENGTH = 4;
/** Bottom of the label stack (RFC 3032, section 2.1). */
export const MPLS_BOTTOM = 0x100;
