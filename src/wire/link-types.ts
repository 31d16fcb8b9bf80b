/*
 * LINKTYPE_ values that the spine reads, and the layouts of their headers (the registry of link types).
 */
export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_PPP = 9;
export const LINKTYPE_RAW_BSDOS = 12;
export const LINKTYPE_RAW_OPENBSD = 14;
export const LINKTYPE_PPP_HDLC = 50;
export const LINKTYPE_PPP_ETHER = 51;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_C_HDLC = 104;
export const LINKTYPE_IEEE802_11 = 105;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_ENC = 109;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_PFLOG = 117;
export const LINKTYPE_PRISM = 119;
export const LINKTYPE_RADIOTAP = 127;
export const LINKTYPE_AVS = 163;
export const LINKTYPE_PPP_PPPD = 166;
export const LINKTYPE_PPI = 192;
export const LINKTYPE_PPP_WITH_DIR = 204;
export const LINKTYPE_IPNET = 226;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_NFLOG = 239;
export const LINKTYPE_PKTAP = 258;
export const LINKTYPE_LINUX_SLL2 = 276;
/** VPP dispatch records; USER13 was used for them before they had a number. */
export const LINKTYPE_VPP_DISPATCH = 280;
export const LINKTYPE_USER13 = 160;

/** LINKTYPE_ values are 16 bits in a file's header. */
export const LINK_TYPE_MAX = 0xffff;

/** Apple's PKTAP: length, type of what follows, link type. */
export const PKTAP_LINK_TYPE = 8;

/** Linux cooked capture: packet type, ARPHRD, address length, address (8), protocol. */
export const SLL_PACKET_TYPE = 0;
export const SLL_ARPHRD = 2;
export const SLL_ADDRESS = 6;
export const SLL_PROTOCOL = 14;
export const SLL_HEADER_LENGTH = 16;

/** Linux cooked capture 2: protocol, reserved, interface index, ARPHRD, packet type, address length, address (8). */
export const SLL2_PROTOCOL = 0;
export const SLL2_INTERFACE_INDEX = 4;
export const SLL2_ARPHRD = 8;
export const SLL2_PACKET_TYPE = 10;
export const SLL2_ADDRESS = 12;
export const SLL2_HEADER_LENGTH = 20;

export const SLL_TO_US = 0;
export const SLL_FROM_US = 4;
/** ARPHRD values where the protocol field is not an EtherType of a packet that follows. */
export const ARPHRD_NETLINK = 824;
export const ARPHRD_RADIOTAP = 803;

/** NFLOG: family, version, resource id; then TLVs in host order, of which type 9 is the packet. */
export const NFLOG_HEADER_LENGTH = 4;
export const NFLOG_TLV_PAYLOAD = 9;
