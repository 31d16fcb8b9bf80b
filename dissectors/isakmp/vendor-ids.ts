import * as isakmp from './layout.js';

/** Compared by their first eight bytes: two different ids agree in them with a chance of 2^-64. */
const COMPARED_LENGTH = 8;

/** The first eight bytes as two words, and the VENDOR_ bit; most ids are the MD5 of a text (RFC 3947, section 3.1). */
const KNOWN = Int32Array.from(
  [
    [0x4a131c81, 0x07035845, isakmp.VENDOR_NAT_T], // "RFC 3947"
    [0x90cb8091, 0x3ebb696e, isakmp.VENDOR_NAT_T_DRAFT], // "draft-ietf-ipsec-nat-t-ike-02\n"
    [0xcd604643, 0x35df21f8, isakmp.VENDOR_NAT_T_DRAFT], // -02
    [0x7d9419a6, 0x5310ca6f, isakmp.VENDOR_NAT_T_DRAFT], // -03
    [0x4485152d, 0x18b6bbcd, isakmp.VENDOR_NAT_T_DRAFT], // -00
    [0x16f6ca16, 0xe4a4066d, isakmp.VENDOR_NAT_T_DRAFT], // -01
    [0x9909b64e, 0xed937c65, isakmp.VENDOR_NAT_T_DRAFT], // -04
    [0x80d0bb3d, 0xef54565e, isakmp.VENDOR_NAT_T_DRAFT], // -05
    [0x4d1e0e13, 0x6deafa34, isakmp.VENDOR_NAT_T_DRAFT], // -06
    [0x439b59f8, 0xba676c4c, isakmp.VENDOR_NAT_T_DRAFT], // -07
    [0x8f8d8382, 0x6d246b6f, isakmp.VENDOR_NAT_T_DRAFT], // -08
    [0x4df37928, 0xe9fc4fd1, isakmp.VENDOR_NAT_T_DRAFT], // "draft-ietf-ipsec-nat-t-ike"
    [0xafcad713, 0x68a1f1c9, isakmp.VENDOR_DPD],
    [0x4048b7d5, 0x6ebce885, isakmp.VENDOR_FRAGMENTATION],
    [0x09002689, 0xdfd6b712, isakmp.VENDOR_XAUTH],
    [0x12f5f28c, 0x457168a9, isakmp.VENDOR_UNITY],
    [0x882fe56d, 0x6fd20dbc, isakmp.VENDOR_STRONGSWAN], // "strongSwan"
    [0x7003cbc1, 0x097dbe9c, isakmp.VENDOR_RACOON],
    [0x1e2b5169, 0x05991c7d, isakmp.VENDOR_WINDOWS], // "MS NT5 ISAKMPOAKLEY"
    [0x43495343, 0x4f2d4445, isakmp.VENDOR_CISCO], // "CISCO-DELETE-REASON" in ASCII
    [0x4f452d4c, 0x69627265, isakmp.VENDOR_LIBRESWAN], // "OE-Libreswan-" in ASCII
  ].flat(),
);
const FIELDS = 3;

/** openswan and older libreswan: "OE" and ten characters of a hash. */
const OE = 0x4f45;
const OE_LENGTH = 12;

/** VENDOR_ bit of the vendor id in `[offset, end)`, or 0. */
export function vendorBit(view: DataView, offset: number, end: number): number {
  if (end - offset < COMPARED_LENGTH) return 0;
  const high = view.getInt32(offset);
  const low = view.getInt32(offset + 4);
  for (let at = 0; at < KNOWN.length; at += FIELDS) {
    if (KNOWN[at] === high && KNOWN[at + 1] === low) return KNOWN[at + 2];
  }
  return end - offset === OE_LENGTH && view.getUint16(offset) === OE ? isakmp.VENDOR_OPENSWAN_FAMILY : 0;
}

const NAMES: readonly (readonly [number, string])[] = [
  [isakmp.VENDOR_NAT_T, 'NAT-T (RFC 3947)'],
  [isakmp.VENDOR_NAT_T_DRAFT, 'NAT-T (draft)'],
  [isakmp.VENDOR_DPD, 'dead peer detection'],
  [isakmp.VENDOR_FRAGMENTATION, 'IKE fragmentation'],
  [isakmp.VENDOR_XAUTH, 'XAUTH'],
  [isakmp.VENDOR_UNITY, 'Cisco Unity'],
  [isakmp.VENDOR_STRONGSWAN, 'strongSwan'],
  [isakmp.VENDOR_RACOON, 'racoon'],
  [isakmp.VENDOR_OPENSWAN_FAMILY, 'openswan or libreswan'],
  [isakmp.VENDOR_LIBRESWAN, 'libreswan'],
  [isakmp.VENDOR_WINDOWS, 'Windows'],
  [isakmp.VENDOR_CISCO, 'Cisco'],
];

/** Names of the VENDOR_ bits that are set. */
export function vendorNames(bits: number): string[] {
  return NAMES.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}
