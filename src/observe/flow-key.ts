/*
 * Words of a flow key. A flow has two endpoints in canonical order (low, high), so that both
 * directions are one flow; it belongs to a tunnel stack; protocols may split it further by a
 * discriminator (an SPI, a cookie hash).
 */
export const FLOW_STACK = 0;
/** IP protocol number, plus FLOW_KIND_ bits for what is not a plain transport conversation. */
export const FLOW_PROTOCOL = 1;
export const FLOW_LOW = 2;
export const FLOW_HIGH = 6;
/** Low endpoint's port in the upper, high endpoint's in the lower 16 bits. */
export const FLOW_PORTS = 10;
export const FLOW_DISCRIMINATOR = 11;

/** Set for flows of a protocol's own making (with a discriminator); the rest are transport conversations. */
export const FLOW_KIND_DISCRIMINATED = 0x1_0000;

/*
 * Words of a tunnel-stack key, in the same table layout: the enclosing stack, the kind of tunnel, its outer
 * endpoints in canonical order, and its key (VNI, GRE key …). Index 0 of the dictionary is "no tunnel".
 */
export const STACK_PARENT = 0;
export const STACK_KIND = 1;
export const STACK_LOW = FLOW_LOW;
export const STACK_HIGH = FLOW_HIGH;
export const STACK_KEY = 11;

/** Kinds of tunnel, by the number used in STACK_KIND. Append only: shared by every thread of a run. */
export const TUNNEL_KINDS = [
  'none',
  'vxlan',
  'geneve',
  'gre',
  'ipip',
  'gtp',
  'l2tp',
  'mpls',
  'openvpn',
  'ipsec',
  /** Mirrored traffic: copies of what flows elsewhere, one way by design. */
  'erspan',
  /** IP packets that SCION gateways carry. */
  'scion',
] as const;

export type TunnelKind = (typeof TUNNEL_KINDS)[number];

/** Tunnels inside tunnels are followed this deep; deeper layers are counted as a unreadableHeader. */
export const TUNNEL_DEPTH_MAX = 8;
