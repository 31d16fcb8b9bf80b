import type { FrameRef } from '../../src/moment.js';

/** The IP packet as a node saw it. */
export interface VppPacket {
  readonly family: number;
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  /** 0 for protocols without ports and for later fragments. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** IP header included. */
  readonly totalLength: number;
  readonly timeToLive: number;
  readonly dontFragment: boolean;
  readonly identification: number;
  readonly isUnicast: boolean;
}

/** A packet at a node. `line` of a text, 0 elsewhere. */
export interface VppVisit extends FrameRef {
  readonly node: string;
  readonly line: number;
}

/**
 * How a path ended. 'sent': a driver or an interface took it. 'punted': given to the host. 'rejected': VPP made an ICMP
 * error of it. 'unfinished': in a node that always hands on. 'output': in an output node, which some drivers' traces
 * end with. 'consumed': anywhere else, such as a host stack.
 */
export type VppOutcome = 'sent' | 'output' | 'punted' | 'dropped' | 'rejected' | 'consumed' | 'unfinished';

export type VppOrigin = 'dispatch' | 'show-trace' | 'drop-capture';

/** The way of one packet through VPP's graph. */
export interface VppPath {
  readonly origin: VppOrigin;
  /** Index of its buffer; of text: thread, and number in the thread. */
  readonly buffer: number;
  readonly thread: number;
  readonly number: number;
  /** Lines of it are missing in the text. */
  readonly isCut: boolean;
  /** Names in order, at most NODES_KEPT. */
  readonly nodes: readonly string[];
  readonly first: VppVisit;
  readonly last: VppVisit;
  /** The node that drops or rejects; the last one of other paths. */
  readonly end: VppVisit;
  /** As first and as last seen: translated or encapsulated in between. Null where no node showed an IP header. */
  readonly received: VppPacket | null;
  readonly sent: VppPacket | null;
  readonly outcome: VppOutcome;
  /** In VPP's words, without the node; '' where it gives none. */
  readonly reason: string;
  /** The node that decided to drop or reject. */
  readonly decidedBy: string;
  /** Number of the error in the buffer; 0 for none. */
  readonly error: number;
  /** CNAT_ outcome. */
  readonly cnat: number;
  /** The packet before and after cnat changed its addresses. */
  readonly translation: { readonly before: VppPacket; readonly after: VppPacket } | null;
  /** Of the egress adjacency; 0 where not stated. */
  readonly mtu: number;
  readonly isGso: boolean;
  /** Interface indices, -1 where not stated. */
  readonly rxInterface: number;
  readonly txInterface: number;
}

/** Why packets of a flow did not get through. */
export type VppFaultKind =
  | 'drop'
  | 'policy'
  | 'resolving'
  | 'ttl'
  | 'buffers'
  | 'mtu'
  | 'cnat'
  | 'local'
  | 'unfinished'
  | 'output'
  /** Forwarded by a lookup without any cnat node: a fault where the destination is a service. */
  | 'untranslated';

/** Packets of a flow that ended in the same way. */
export interface VppFault {
  readonly kind: VppFaultKind;
  readonly node: string;
  readonly reason: string;
  count: number;
  /** The first ones, at most EXAMPLES_KEPT, and the last one. */
  readonly examples: VppPath[];
  last: VppPath;
  /** Packets of the flow that got through after the last of these. */
  throughAfter: number;
}

/** Packets of one direction of a conversation; clients' ports are not told apart. */
export interface VppFlow {
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  /** The lower of both ports; 0 where there are none. */
  readonly port: number;
  readonly towardsPort: boolean;
  packets: number;
  /** Sent, punted, or consumed. */
  through: number;
  lastThrough: FrameRef | null;
  readonly faults: VppFault[];
}

/** A line of `show errors`. */
export interface VppCounter {
  readonly node: string;
  readonly reason: string;
  readonly count: number;
  /** SEVERITY_ of trace-text. */
  readonly severity: number;
  readonly table: number;
  readonly at: VppVisit;
}

export interface VppBufferPool {
  readonly name: string;
  readonly free: number;
  readonly at: VppVisit;
}

/** What VPP showed in one run: at most one session. */
export interface VppTrace {
  readonly flows: readonly VppFlow[];
  /** The first paths of the run, at most PATHS_KEPT: five-tuple and nodes of each packet, for comparing points of a path. */
  readonly paths: readonly VppPath[];
  readonly pathCount: number;
  readonly records: number;
  /** Paths whose packet is housekeeping of links and neighbours, or no IP. */
  readonly housekeeping: number;
  readonly counts: Readonly<Record<VppOutcome, number>>;
  /** `protocol address port` of services that cnat was seen to translate: told by their requests, or also by answers. */
  readonly services: ReadonlySet<string>;
  readonly answeringServices: ReadonlySet<string>;
  /** Destinations of packets that were punted, and of those that VPP took for its own. */
  readonly puntedTo: ReadonlySet<string>;
  readonly ownAddresses: ReadonlySet<string>;
  /** A node of punt or of tap0 was passed. */
  readonly hasPunt: boolean;
  /** Kinds of interfaces of which a tx node was seen at the end of a path. */
  readonly txKinds: ReadonlySet<string>;
  /** Paths that begin at an output or tx node: copies and segments made inside VPP. */
  readonly orphans: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  /** Of text, by thread: packets shown; threads that said that they have none; limits that the text states. */
  readonly packetsOfThread: ReadonlyMap<number, number>;
  readonly emptyThreads: readonly VppVisit[];
  readonly limits: readonly { readonly packets: number; readonly at: VppVisit }[];
  readonly counters: readonly VppCounter[];
  readonly pools: readonly VppBufferPool[];
  /** Flows beyond the bound, counted only. */
  readonly aggregatedFlows: number;
}
