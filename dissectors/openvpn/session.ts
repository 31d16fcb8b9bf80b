import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds, SegmentIndex } from '../../src/units.js';

/** Direction on the flow: 0 from its low endpoint to the high one. */
export type Way = 0 | 1;

export interface OpenvpnEndpoint {
  readonly address: string;
  readonly port: number;
}

/** A control packet, however often it was sent. */
export interface ControlMessage {
  readonly way: Way;
  readonly opcode: number;
  /** Null where the control channel is encrypted (tls-crypt): packets of the same length count as one message then. */
  readonly id: number | null;
  readonly length: number;
  sends: number;
  /** The first SENDS_KEPT sendings and the last one. */
  readonly sendings: FrameRef[];
  /** First acknowledgment by the peer, and how many there were. */
  acknowledged: FrameRef | null;
  acknowledgments: number;
  /** At least one sending was an IP fragment. */
  isFragmented: boolean;
}

/** A TLS alert in clear. */
export interface TlsAlert extends FrameRef {
  readonly way: Way;
  readonly level: number;
  readonly description: number;
}

/** One negotiation of keys: from a hard reset (a new TLS session), or from a soft reset (new keys in the same session). */
export interface Handshake {
  readonly kind: 'hard' | 'soft' | 'joined';
  readonly keyId: number;
  /** 16 hexadecimal digits; null where the side was not seen. */
  clientSession: string | null;
  serverSession: string | null;
  readonly first: FrameRef;
  last: FrameRef;
  /** Hard resets. */
  readonly clientResets: ControlMessage | null;
  serverResets: ControlMessage | null;
  /** In order of first sending, without hard resets; at most MESSAGES_KEPT. */
  readonly messages: readonly ControlMessage[];
  readonly messagesDropped: number;
  readonly alerts: readonly TlsAlert[];
  /** First data packet with the new key, by way. */
  readonly firstData: readonly [FrameRef | null, FrameRef | null];
  /** Message ids that each way acknowledged, bit i for id i; ids above 31 are left out. */
  readonly acknowledgedIds: readonly [number, number];
  /** The last control packet by way. */
  readonly lastControl: readonly [FrameRef | null, FrameRef | null];
}

/** Numbers that were skipped and have not arrived since. */
export interface PacketIdGap {
  readonly packetId: number;
  readonly length: number;
  missing: number;
  readonly before: FrameRef;
  readonly after: FrameRef;
}

/** What the packet ids of one direction tell, all keys together. Null where they are encrypted or too few to be sure. */
export interface PacketIdCounts {
  readonly distinct: number;
  readonly missing: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly gapCount: number;
  /** Those still open; of many, the first ones and the largest ones. */
  readonly gaps: readonly PacketIdGap[];
  /** Packet ids of eight bytes with an epoch. */
  readonly hasEpochs: boolean;
}

/** A time without any packet of one direction, inside one session. */
export interface Pause {
  /** The direction's next packet; a hard reset, with which another session begins; or nothing more. */
  readonly endedBy: 'packet' | 'restart' | 'end';
  readonly before: FrameRef;
  /** Null where no packet ended it. */
  readonly after: FrameRef | null;
  /** Packets of the other direction meanwhile. */
  readonly reverse: number;
  readonly lengthNs: Nanoseconds;
}

/** Data packets one way while none came back. */
export interface OneWayRun {
  readonly way: Way;
  readonly packets: number;
  /** How many of them have the length of a ping. */
  readonly pings: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** Data packet of the silent side before and after; null where there is none. */
  readonly lastBack: FrameRef | null;
  readonly nextBack: FrameRef | null;
  /** Control packets of the silent side meanwhile. */
  readonly controlBack: number;
}

/** Packets of one direction of a conversation. */
export interface OpenvpnDirection {
  readonly from: OpenvpnEndpoint;
  readonly to: OpenvpnEndpoint;
  readonly packets: number;
  readonly bytes: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  readonly dataPackets: number;
  readonly firstData: FrameRef | null;
  readonly lastData: FrameRef | null;
  /** DATA_V1 or DATA_V2 by the last packet; 0 without data. */
  readonly dataOpcode: number;
  readonly peerIds: readonly number[];
  readonly keyIds: readonly number[];
  /** Packet ids of the first and the last data packet, and the key of them; null where they are not in clear. */
  readonly firstPacketId: { readonly keyId: number; readonly packetId: number } | null;
  readonly lastPacketId: { readonly keyId: number; readonly packetId: number } | null;
  readonly packetIds: PacketIdCounts | null;
  /** Data packets that a packet of the other side followed within ANSWER_SECONDS, before anything else of this one. */
  readonly answered: number;
  /** Datagrams that came in IP fragments, and the smallest and largest of them in bytes of UDP payload. */
  readonly fragmented: number;
  readonly smallestFragmented: number;
  readonly largestFragmented: number;
  readonly fragments: readonly FrameRef[];
  /** Largest data packet in bytes. */
  readonly largest: number;
  /** Nanoseconds without another packet after which a ping is sent; NaN where not learned. */
  readonly pingPeriodNs: Nanoseconds;
  readonly pings: number;
  /** The longest pauses, in order. */
  readonly pauses: readonly Pause[];
  readonly inbound: number;
  readonly outbound: number;
}

/** All OpenVPN between two sockets, in one time segment. */
export interface OpenvpnConversation {
  readonly transport: 'udp' | 'tcp';
  /** The side that sent a hard reset of the client, or that does not have the port of the service; null: unknown. */
  readonly clientWay: Way | null;
  readonly stack: number;
  readonly segment: SegmentIndex;
  /** WRAP_ values of the control channel that were seen. */
  readonly wrappings: readonly number[];
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly directions: readonly [OpenvpnDirection, OpenvpnDirection];
  /** In order; of many, the first and the last ones. */
  readonly handshakes: readonly Handshake[];
  readonly handshakesDropped: number;
  readonly runs: readonly OneWayRun[];
  /** Of the stretches that are too short for that, the one with most packets, or null. */
  readonly briefRun: OneWayRun | null;
}

export const SENDS_KEPT = 8;
export const MESSAGES_KEPT = 64;
export const ANSWER_SECONDS = 1;
/** Shortest run that is kept. */
export const RUN_PACKETS_MIN = 10;
export const RUN_SECONDS_MIN = 30;
/** Shortest brief run: a burst of a second may be on its way yet. */
export const BRIEF_RUN_SECONDS_MIN = 3;
