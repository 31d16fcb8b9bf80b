import type { BgpSpeaker } from './bgp-configuration.js';
import type { Configuration } from './configuration.js';
import type { Container } from './container-store.js';
import type { Datapath, DatapathFlow } from './datapath.js';
import type { IkeLog } from './ike-log.js';
import type { HostLink } from './ip-link.js';
import type { NtpqTable } from './ntpq.js';
import type { PolicyTags } from './policy-tags.js';
import type { ScionTopology } from './scion-topology.js';
import type { CaptureTally } from './tcpdump-summary.js';
import type { TunnelZone } from './tunnel-zone.js';

export { type Origin, originText } from './origin.js';

export type SideFileKind =
  | 'configuration'
  | 'SCION topology'
  | 'policy tags'
  | 'container store'
  | 'IKE log'
  | 'ip link'
  | 'datapath'
  | 'tunnel zone'
  | 'ntpq'
  | 'tcpdump summary'
  | 'BGP configuration';

/** A file as the report lists it. */
export interface SideFile {
  readonly file: string;
  /** What was found in it; a pasted terminal may hold several kinds. */
  readonly kinds: readonly SideFileKind[];
  /** Statements that were taken from it. */
  readonly facts: number;
}

/**
 * What the operator says beside the captures. It makes expectations and names; it is never evidence that a packet
 * was or was not there. Everything is empty where no side file was given.
 */
export interface SideKnowledge {
  readonly files: readonly SideFile[];
  readonly configuration: Configuration | null;
  readonly scion: readonly ScionTopology[];
  /** Of all stores, in the order of the files. */
  readonly containers: readonly Container[];
  readonly policyTags: PolicyTags | null;
  readonly ikeLogs: readonly IkeLog[];
  readonly links: readonly HostLink[];
  /** In the order of the files: two of one host are an earlier and a later one. */
  readonly datapaths: readonly Datapath[];
  readonly datapathFlows: readonly DatapathFlow[];
  readonly tunnelZones: readonly TunnelZone[];
  readonly ntpq: readonly NtpqTable[];
  readonly bgp: readonly BgpSpeaker[];
  readonly captureTallies: readonly CaptureTally[];
}

export const NO_SIDE_KNOWLEDGE: SideKnowledge = {
  files: [],
  configuration: null,
  scion: [],
  containers: [],
  policyTags: null,
  ikeLogs: [],
  links: [],
  datapaths: [],
  datapathFlows: [],
  tunnelZones: [],
  ntpq: [],
  bgp: [],
  captureTallies: [],
};
