import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';

/** Who opened the IKE SA (IKEv1: phase 1). */
export type IkeRole = 'initiator' | 'responder';

/** Addresses and ports between which messages of a session were seen; several with a NAT, port 4500 or MOBIKE. */
export interface IkePath {
  readonly initiator: string;
  readonly initiatorPort: number;
  readonly responder: string;
  readonly responderPort: number;
  readonly first: FrameRef;
  /** Tunnel stack; 0: not in a tunnel. */
  readonly stack: number;
}

/** One sending of a message. */
export interface IkeTransmission extends FrameRef {
  /** Index in the session's `paths`. */
  readonly path: number;
  /** The message came in IP fragments. */
  readonly isFragmented: boolean;
  /** False where the first IP fragment alone was seen. */
  isComplete: boolean;
  /** Numbers of the IKE fragments that were seen; empty where the message is not fragmented by IKE. */
  readonly fragments: Set<number>;
  /** Frame of the last IP or IKE fragment that was seen. */
  lastFrame: FrameRef;
}

/** An error notify in clear. */
export interface IkeNotify extends FrameRef {
  readonly from: IkeRole;
  readonly type: number;
  readonly exchangeType: number;
  /** Group that INVALID_KE_PAYLOAD asks for, or 0. */
  readonly wantedGroup: number;
}

/** A message, however often it was sent. */
export interface IkeMessage {
  readonly from: IkeRole;
  /** IKEv2: the response flag. IKEv1: not sent by the initiator of the exchange. */
  readonly isResponse: boolean;
  readonly isEncrypted: boolean;
  /** Bytes of the ISAKMP message; of IKE fragments: of the first one seen. */
  readonly length: number;
  /** Bytes of the encrypted part, see the column; of IKE fragments: of the first one seen. */
  readonly encryptedLength: number;
  /** HAS_ bits of the payloads in clear. */
  payloads: number;
  /** STATUS_ bits of the notifies in clear. */
  statuses: number;
  /** Type of the first error notify in clear, or 0. */
  notifyType: number;
  /** Group of the key exchange, or 0 (IKEv2 only). */
  keyExchangeGroup: number;
  /** How many IKE fragments the message has; 0: not fragmented by IKE, or not known. */
  fragmentTotal: number;
  /** How often it was sent; copies of one sending (both sides of a NAT) count once. */
  transmissionCount: number;
  /** The first TRANSMISSIONS_KEPT sendings and the last one. */
  readonly transmissions: IkeTransmission[];
}

/** A request and its answers (IKEv2), or the messages of one IKEv1 exchange. */
export interface IkeExchange {
  readonly exchangeType: number;
  readonly messageId: number;
  /** Who began it. */
  readonly from: IkeRole;
  readonly messages: IkeMessage[];
  /** Messages beyond MESSAGES_PER_EXCHANGE_MAX, counted only. */
  messagesDropped: number;
}

/** What the NAT detection hashes of one message say at the capture point (RFC 3947, section 3.2; RFC 7296, section 2.23). */
export interface NatCheck extends FrameRef {
  readonly from: IkeRole;
  readonly path: number;
  /** Whether a hash over the sender's (the receiver's) address and port as captured is in the message. */
  readonly source: 'match' | 'mismatch' | 'absent';
  readonly destination: 'match' | 'mismatch' | 'absent';
  /** The source hash is that of 0.0.0.0:0 or ::, port 0: the sender wants UDP encapsulation without a NAT. */
  readonly isForced: boolean;
}

/** What is known of one of the two daemons. */
export interface IkePeer {
  /** Names of the vendor ids it sent. */
  readonly vendorIds: ReadonlySet<string>;
  readonly vendorsUnknown: number;
  /** It announced NAT traversal (vendor id, or NAT_DETECTION notifies). */
  readonly announcesNatTraversal: boolean;
  /** TTL or hop limit of its first message here. */
  readonly timeToLive: number;
  /** Its first message with an SA payload: the transforms in words, and how many proposals and transforms there were. */
  readonly proposal: {
    readonly text: string;
    readonly proposals: number;
    readonly transforms: number;
  } | null;
}

/**
 * One IKE SA: all messages with the same initiator cookie between hosts that have an address in common. Times
 * compare within the session, which never spans time segments.
 */
export interface IkeSession {
  /** 16 hexadecimal digits. */
  readonly initiatorSpi: string;
  /** Null where every message carries zero. */
  readonly responderSpi: string | null;
  readonly version: 1 | 2;
  readonly segment: SegmentIndex;
  /** Addresses of the first path. */
  readonly initiator: string;
  readonly responder: string;
  /** False where the roles are a guess (IKEv1, joined in the middle). */
  readonly rolesKnown: boolean;
  /** The opening message, with responder cookie zero, is in the capture. */
  readonly startSeen: boolean;
  readonly paths: readonly IkePath[];
  /** In order of first message; answered ones of long sessions are aggregated into `exchangesAggregated`. */
  readonly exchanges: readonly IkeExchange[];
  readonly exchangesAggregated: number;
  readonly peers: Readonly<Record<IkeRole, IkePeer>>;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** Last message from each side. */
  readonly lastFrom: Readonly<Record<IkeRole, FrameRef | null>>;
  readonly messageCount: Readonly<Record<IkeRole, number>>;
  /** Message of the session on UDP 4500 (either port). */
  readonly usesPort4500: boolean;
  readonly usesPort500: boolean;
  readonly notifies: readonly IkeNotify[];
  readonly natChecks: readonly NatCheck[];
  /** IKE SA complete: third response of main mode, AI2, or an answered IKE_AUTH that is no refusal. */
  readonly established: FrameRef | null;
  /** Phase 2, CHILD_SA complete: QI2, a successful IKE_AUTH or CREATE_CHILD_SA (which may also be a new IKE SA). */
  readonly childEstablished: readonly FrameRef[];
  /** Where the capture was taken, by the direction marks of the frames. */
  readonly capturedAt: IkeRole | 'unknown';
  /** The same sendings are in the capture between two pairs of addresses: both sides of a NAT. */
  readonly showsTranslation: boolean;
}
