import type { SequenceGap } from '../../src/correlate/sequence-tracker.js';
import type { Fragmented } from '../../src/correlate/tunnel-direction.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';

/** Shortest stretch of packets in one direction, with none back, that is kept as a OneWayRun. */
export const ONE_WAY_PACKETS_MIN = 10;
export const ONE_WAY_SECONDS_MIN = 10;

/** Pace of packets that ask: ping sends one a second. */
export const ASKING_SECONDS_MIN = 0.5;
export const ASKING_SECONDS_MAX = 5;

/** A packet of the other side counts as an answer to the packet before it if it comes this soon. */
export const ANSWER_SECONDS = 1;

/** Width in bytes of a size class, and their number; the last one holds everything larger. */
export const SIZE_CLASS_BYTES = 32;
export const SIZE_CLASSES = 48;

/** Packets from one gateway while none came back from the other. Counts are exact. */
export interface OneWayRun {
  /** Who sent, and who was silent. */
  readonly from: string;
  readonly to: string;
  readonly packets: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** The packet of the silent side before and after; null where there is none. */
  readonly lastBack: FrameRef | null;
  readonly nextBack: FrameRef | null;
  /** Packets of the silent side before the run. */
  readonly backBefore: number;
  /** Packets of the run by size class, from the tenth packet on; empty for runs of a single SA. */
  readonly sizes: readonly number[];
}

/** Lengths of ESP packets of one direction, in classes of SIZE_CLASS_BYTES; entry 0 holds lengths below the first 32. */
export interface SizeClass {
  readonly packets: number;
  /** How many of them were followed by a packet of the other side before anything else, within ANSWER_SECONDS. */
  readonly answered: number;
}

/**
 * One security association as one capture sees it: an SPI in one direction between two addresses, in one time
 * segment. `missing`, `duplicates` and the rest are exact as SequenceTracker says.
 */
export interface EspSa {
  readonly spi: number;
  readonly from: string;
  readonly to: string;
  readonly segment: SegmentIndex;
  readonly packets: number;
  /** Bytes of ESP, from the SPI to the ICV. */
  readonly bytes: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly nativePackets: number;
  readonly udpPackets: number;
  /** UDP ports of the last packet in UDP; 0 where there is none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Packets by the direction that the capture states for its frames. */
  readonly inbound: number;
  readonly outbound: number;
  readonly firstSequence: number;
  readonly highestSequence: number;
  /** Different sequence numbers that were seen, and those in between that are missing. */
  readonly distinct: number;
  readonly missing: number;
  readonly gapCount: number;
  /** Gaps that are still open; of many, the first and the largest ones. */
  readonly gaps: readonly SequenceGap[];
  readonly duplicates: number;
  readonly firstDuplicate: FrameRef | null;
  readonly lastDuplicate: FrameRef | null;
  readonly reordered: number;
  readonly firstReordered: FrameRef | null;
  readonly lastReordered: FrameRef | null;
  /** How far the most belated packet was behind the highest number, and how many were at least that far behind. */
  readonly maxExtent: number;
  readonly late32: number;
  readonly late64: number;
  readonly late1024: number;
  /** Too old to tell a duplicate from a late packet. */
  readonly beyondWindow: number;
  readonly restarts: number;
  readonly jumps: number;
  readonly wraps: number;
  /**
   * SPI of the opposite direction: the only one that began at about the same time, or the one that this SA answers again and
   * again; 0 where neither is known.
   */
  readonly partnerSpi: number;
  /** How often the direction came back to this SA after packets of another one: tunnels in parallel alternate. */
  readonly returns: number;
  /** The first change of the UDP source port under this SPI; null where it kept its port. */
  readonly portMove: PortMove | null;
  /** Stretches without a packet of the partner, at most RUNS_KEPT. */
  readonly runs: readonly OneWayRun[];
}

/** An SA goes on from another UDP port. */
export interface PortMove {
  readonly before: number;
  readonly after: number;
  /** Last packet from the old port, first one from the new. */
  readonly last: FrameRef;
  readonly first: FrameRef;
  readonly changes: number;
}

/** All ESP from one address to another, in one time segment. */
export interface EspDirection {
  readonly from: string;
  readonly to: string;
  readonly packets: number;
  readonly bytes: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  readonly nativePackets: number;
  readonly udpPackets: number;
  readonly sas: readonly EspSa[];
  /** Largest packet that came whole, from the SPI to the ICV, in bytes; 0 where none did. */
  readonly largest: number;
  /** Packets that came in IP fragments; null where none did. */
  readonly fragmented: Fragmented | null;
  /** SIZE_CLASSES entries; none for directions of fewer than ONE_WAY_PACKETS_MIN packets. */
  readonly sizes: readonly SizeClass[];
  /** SAs that were aggregated because of the bound, with what they counted. */
  readonly aggregated: { readonly sas: number; readonly distinct: number; readonly missing: number };
}

/** Everything in ESP between two addresses of one tunnel stack, in one time segment. */
export interface EspPair {
  readonly low: string;
  readonly high: string;
  /** Tunnel stack around it (`flows.tunnelLayers`); 0: in no tunnel. */
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** From low to high, and back. */
  readonly directions: readonly [EspDirection, EspDirection];
  /** Stretches in which all ESP of the pair went one way; the first and the longest ones. */
  readonly runs: readonly OneWayRun[];
  readonly runCount: number;
}
