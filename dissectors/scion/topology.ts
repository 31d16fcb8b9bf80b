import type { Origin } from '../../src/side-files/origin.js';

/*
 * topology.json of a SCION AS. Three generations: border routers with lists of addresses (until early 2018), with
 * PublicOverlay and RemoteOverlay (2018 to 2020), and lower snake case (since 2020).
 */

export type ScionLinkType = 'parent' | 'child' | 'core' | 'peer';

/** An underlay address with its port; null where the file leaves it open (a wildcard). */
export interface ScionEndpoint {
  /** Canonical address; a host name stays as it is. */
  readonly host: string | null;
  readonly port: number | null;
}

export interface ScionBfd {
  readonly isDisabled: boolean;
  readonly detectMultiplier: number | null;
  readonly desiredMinTxMs: number | null;
  readonly requiredMinRxMs: number | null;
}

/** One interface of a border router: what the operator expects on the wire of that link. */
export interface ScionLink {
  readonly origin: Origin;
  readonly borderRouter: string;
  readonly interfaceId: string;
  readonly local: ScionEndpoint;
  /** Address that the router binds to where a NAT stands before `local`. */
  readonly bind: string | null;
  readonly remote: ScionEndpoint;
  /** ISD-AS of the neighbour: `17-ffaa:0:1107`. */
  readonly neighbour: string;
  /** What the neighbour is to this AS. */
  readonly linkTo: ScionLinkType | null;
  /** Largest SCION packet, in bytes. */
  readonly mtu: number | null;
  readonly bfd: ScionBfd | null;
}

export interface ScionService {
  readonly origin: Origin;
  readonly name: string;
  readonly address: string;
  readonly port: number | null;
}

export interface ScionTopology {
  readonly file: string;
  readonly generation: 1 | 2 | 3;
  readonly isdAs: string;
  readonly isCore: boolean | null;
  /** Largest SCION packet inside the AS, in bytes. */
  readonly mtu: number | null;
  readonly links: readonly ScionLink[];
  readonly services: readonly ScionService[];
}
