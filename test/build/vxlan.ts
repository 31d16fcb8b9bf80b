import { concat, u8, u16, u24 } from './bytes.js';

export const VXLAN_PORT = 4789;

export interface Vxlan {
  vni: number;
  /** Group based policy (draft-smith-vxlan-group-policy): sets G. */
  groupPolicy?: { id: number; dontLearn?: boolean; policyApplied?: boolean };
  /** An Ethernet frame. */
  inner: Uint8Array;
}

/** RFC 7348 section 5. */
export function vxlan(header: Vxlan): Uint8Array {
  const policy = header.groupPolicy;
  return concat(
    u8(policy ? 0x88 : 0x08),
    u8((policy?.dontLearn ? 0x40 : 0) | (policy?.policyApplied ? 0x08 : 0)),
    u16(policy?.id ?? 0),
    u24(header.vni),
    u8(0),
    header.inner,
  );
}
