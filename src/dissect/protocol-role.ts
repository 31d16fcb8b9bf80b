/**
 * What a protocol is to the others: a tunnel, the control of one, the judge of its own refusals. Declared in `roles.ts`
 * of its folder; code that needs a port or a kind of tunnel asks `CaptureQuality.protocols` instead.
 */
export interface ProtocolRole {
  /** Where it is not the protocol of the folder: a variant with ports of its own, or one that is not dissected. */
  readonly protocol?: string;
  /** How prose names it: `VXLAN`. */
  readonly name: string;
  /** Kind of tunnel (`Tunnel.kind`) whose packets these are. */
  readonly carries?: string;
  /** True where what the tunnel carries cannot be read. */
  readonly isEncrypted?: boolean;
  /** Bytes that it adds to an inner IP packet, counted against the MTU of the underlay; the usual ones first. */
  readonly overheads?: readonly Overhead[];
  /** True where it could be read, and no folder of the catalogue does. */
  readonly isUndissected?: boolean;
  /** Kind of tunnel that it sets up and keeps: `ipsec` for IKE. */
  readonly controls?: string;
  /** True where it watches over a path that may hold any kind of tunnel (BFD). */
  readonly isGuard?: boolean;
  /** ICMP errors about its packets that a diagnosis of its folder judges: then no general one speaks of them. */
  readonly refusals?: JudgedRefusals;
  /** IP protocol numbers and well-known ports, where they are not those that its dissector hangs on. */
  readonly ipProtocols?: readonly number[];
  readonly udpPorts?: readonly number[];
  readonly tcpPorts?: readonly number[];
}

/** What an encapsulation costs in one of its forms. */
export interface Overhead {
  readonly bytes: number;
  /** `with key`; empty for the plain form. */
  readonly form: string;
  /** Options that few use; where a size is explained by the usual forms, these are left out. */
  readonly isRare?: boolean;
}

export interface JudgedRefusals {
  /** Id of the diagnosis. */
  readonly by: string;
  /** About a packet that stands right behind IP: what the error says is unreachable (RFC 792, codes 2 and 3). */
  readonly ofProtocol?: readonly Refused[];
  /** Port unreachable about a datagram: it went to a port of the protocol, or has one at either end. */
  readonly ofPort?: 'destination' | 'either';
}

export type Refused = 'protocol' | 'port';

/** The roles of a folder. */
export function defineRoles(...roles: ProtocolRole[]): readonly ProtocolRole[] {
  return roles;
}
