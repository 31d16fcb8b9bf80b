//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |R|R|R|R|I|R|R|R|                   Reserved                    |   RFC 7348, section 5
// |G|R|R|R|I|R|R|R|R|D|R|R|A|R|R|R|        Group Policy ID        |   group policy draft (smith-05), 2.1
// |R|R|Ver|I|P|B|O|           Reserved            | Next Protocol |   GPE draft (nvo3-12), section 3.1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |          VXLAN Network Identifier (VNI)       |   Reserved    |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
export const FLAGS = 0;
export const GROUP_FLAGS = 1;
export const POLICY_ID = 2;
export const NEXT_PROTOCOL = 3;
export const VNI_AND_RESERVED = 4;
export const RESERVED = 7;
export const HEADER_LENGTH = 8;

export const FLAG_GROUP_POLICY = 0x80;
export const FLAG_VNI = 0x08;
export const FLAG_NEXT_PROTOCOL = 0x04;
/** Version, which is 0, and bits without a meaning. */
export const GPE_UNASSIGNED = 0xf0;
/** Of byte 1, with G: do not learn the inner source, policy was applied. */
export const GROUP_DONT_LEARN = 0x40;
export const GROUP_APPLIED = 0x08;

/** Bits of bytes 0 to 3 that mean something: G and I; with G also D, A and the policy id. */
export const PLAIN_BITS = (FLAG_GROUP_POLICY | FLAG_VNI) << 24;
export const GROUP_BITS = PLAIN_BITS | ((GROUP_DONT_LEARN | GROUP_APPLIED) << 16) | 0xffff;

export const NEXT_IPV4 = 1;
export const NEXT_IPV6 = 2;
export const NEXT_ETHERNET = 3;
export const NEXT_NSH = 4;
export const NEXT_MPLS = 5;

/**
 * Network service header: length in words in the low 6 bits of byte 1, next protocol in byte 3 (RFC 8300,
 * section 2.2).
 */
export const NSH_LENGTH = 1;
export const NSH_LENGTH_MASK = 0x3f;
export const NSH_NEXT_PROTOCOL = 3;
export const NSH_LENGTH_MIN = 8;

/** IANA; the default of the Linux kernel and of VMware NSX before 6.2.3; MidoNet between hosts. */
export const PORT_IANA = 4789;
export const PORT_LINUX = 8472;
export const PORT_MIDONET = 6677;
export const PORT_GPE = 4790;
