import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';

/** Packets in a row that say the same: state, diagnostic, peer and timers. */
export interface BfdPhase {
  readonly myDiscriminator: number;
  readonly yourDiscriminator: number;
  /** STATE_ constants. */
  readonly state: number;
  readonly diagnostic: number;
  readonly multiplier: number;
  /** In microseconds. */
  readonly desiredMinTx: number;
  readonly requiredMinRx: number;
  /** The sender asks its peer to be silent (RFC 5880, section 6.6). */
  readonly isDemand: boolean;
  readonly first: FrameRef;
  last: FrameRef;
  count: number;
}

/** A pause between two packets of one end, longer than its own announcements make possible at their slowest. */
export interface BfdPause {
  readonly from: FrameRef;
  readonly to: FrameRef;
  /** What the packet before the pause said. */
  readonly multiplier: number;
  readonly desiredMinTx: number;
}

/** Packets of one end whose TTL was not 255. */
export interface OtherTtl {
  readonly first: FrameRef;
  last: FrameRef;
  count: number;
  min: number;
  max: number;
}

/** What one end sends under one discriminator. */
export interface BfdEnd {
  readonly from: string;
  readonly to: string;
  readonly stack: number;
  readonly segment: SegmentIndex;
  /** CARRIER_ constants. */
  readonly carrier: number;
  readonly discriminator: number;
  readonly packets: number;
  readonly hasAuthentication: boolean;
  /** Discriminators by which it called its peer; the first few, without 0. */
  readonly peers: readonly number[];
  readonly phases: readonly BfdPhase[];
  /** While Up; the first ones and the longest of the rest. */
  readonly pauses: readonly BfdPause[];
  /** Of packets that are to arrive with 255. */
  readonly otherTtl: OtherTtl | null;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** One of the two systems of a session: all that it sent, under one discriminator after another. */
export interface BfdSide {
  readonly address: string;
  readonly ends: readonly BfdEnd[];
  /** In order of time. */
  readonly phases: readonly BfdPhase[];
  readonly pauses: readonly BfdPause[];
}

/** Two systems that watch the path between them. A side without packets in the capture has no ends. */
export interface BfdSession {
  readonly sides: readonly [BfdSide, BfdSide];
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly carrier: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}
