import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';

/** An NTP timestamp: seconds since 1900 modulo 2^32, and units of 2^-32 s. All zero: unknown. */
export interface NtpTimestamp {
  readonly seconds: number;
  readonly fraction: number;
}

/** A request and its answer. T1 to T4 are the client's transmit, the server's receive and transmit, the client's receive time. */
export interface NtpExchange {
  readonly server: string;
  readonly request: FrameRef;
  readonly reply: FrameRef;
  /** T1 as the client's clock tells it; many clients send random bits instead (chrony, systemd-timesyncd). */
  readonly clientTransmit: NtpTimestamp;
  readonly serverReceive: NtpTimestamp;
  readonly serverTransmit: NtpTimestamp;
  /** What the client says of its own clock. */
  readonly clientLeap: number;
  readonly clientStratum: number;
  /** The capture was taken on the client or beside it: the frame is marked as sent, or no hop has taken from its TTL. */
  readonly isAtClient: boolean;
  /** The capture marks the request as sent by the host it was taken on. */
  readonly isOutbound: boolean;
}

/** Answers of one kind: how many, the first and the last. */
export interface Transmissions {
  readonly count: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** Answers with a kiss code that refuses service (RFC 5905, section 7.4). */
export interface Kiss extends Transmissions {
  readonly code: string;
}

/** Answers of a server that says it has no time: leap indicator 3, stratum 16, or 0 without a refusal. */
export interface Unsynchronised extends Transmissions {
  readonly leap: number;
  readonly stratum: number;
  /** Text of the reference id: `INIT`, `STEP` …; empty where it is no text. */
  readonly code: string;
}

/** What one host asks one time server in one tunnel stack and time segment. */
export interface NtpAssociation {
  readonly client: string;
  readonly server: string;
  /** Tunnel stack (`flows.tunnelLayers`); 0: in no tunnel. */
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly requests: number;
  readonly replies: number;
  readonly lastReply: FrameRef | null;
  /** Requests since the last reply; `newest`: up to eight of them, in order. */
  readonly open: {
    readonly count: number;
    readonly first: FrameRef | null;
    readonly newest: readonly FrameRef[];
  };
  /** Replies with a time that the server vouches for. */
  readonly synchronised: Transmissions | null;
  readonly unsynchronised: Unsynchronised | null;
  readonly kisses: readonly Kiss[];
  /** Requests with their answers: the first ones and the newest ones. */
  readonly exchanges: readonly NtpExchange[];
}
