import type { FrameId, Nanoseconds, SegmentIndex } from '../../units.js';
import type { TimeBins } from './time-bins.js';

/*
 * What correlators of pictures keep of a capture, so that a report can show it. They run only where a report is written that
 * has pictures, read rows as every correlator does, and hold a fixed number of states of a fixed size.
 */

/** Packets and bytes of one direction of a tunnel; `bins`: packets, bytes. */
export interface RatePicture {
  readonly picture: 'rate';
  readonly tunnelKind: string;
  readonly from: string;
  readonly to: string;
  readonly key: number | null;
  readonly bins: TimeBins;
}

/** Numbers that were skipped, and between which times. */
export interface SkippedNumbers {
  readonly sequence: number;
  readonly missing: number;
  readonly fromNs: Nanoseconds;
  readonly toNs: Nanoseconds;
}

/** Sequence numbers of one direction; `bins`: lowest, highest, packets. */
export interface SequencePicture {
  readonly picture: 'sequence';
  readonly protocol: string;
  readonly from: string;
  readonly to: string;
  readonly key: number;
  readonly bins: TimeBins;
  readonly gaps: readonly SkippedNumbers[];
  readonly missing: number;
}

export interface ExchangedMessage {
  /** 0: from the low end to the high one. */
  readonly direction: number;
  readonly frame: FrameId;
  readonly timeNs: Nanoseconds;
  /** Equal messages that followed, and the time of the last of all. */
  readonly times: number;
  readonly lastFrame: FrameId;
  readonly lastNs: Nanoseconds;
  readonly label: string;
  /** Sent before with the same content. */
  readonly isRepeated: boolean;
  /** The other side has to answer it. */
  readonly asks: boolean;
}

/** The first messages of a conversation, and the last ones. */
export interface ExchangePicture {
  readonly picture: 'exchange';
  readonly protocol: string;
  readonly low: string;
  readonly high: string;
  readonly lowPort: number;
  readonly highPort: number;
  readonly segment: SegmentIndex;
  readonly messages: readonly ExchangedMessage[];
  /** Messages between the first and the last ones that are not kept; they stand after that many messages. */
  readonly leftOut: number;
  readonly leftOutAfter: number;
}

/** What became of packets by size: of classes of `classBytes`. */
export interface FatePicture {
  readonly picture: 'fate';
  readonly protocol: string;
  readonly from: string;
  readonly to: string;
  /** Ends of the tunnels around, outermost first. */
  readonly around: readonly string[];
  readonly segment: SegmentIndex;
  readonly classBytes: number;
  readonly passed: readonly number[];
  readonly lost: readonly number[];
  /** Round trips in nanoseconds: least, largest, sum, count. */
  readonly roundTrips: TimeBins;
}

/** The pieces of one datagram as they were captured. */
export interface FragmentPicture {
  readonly picture: 'fragments';
  readonly from: string;
  readonly to: string;
  readonly identification: number;
  readonly segment: SegmentIndex;
  readonly pieces: readonly {
    readonly frame: FrameId;
    readonly timeNs: Nanoseconds;
    readonly offset: number;
    readonly length: number;
  }[];
  /** Bytes of the datagram's payload; null where the last piece is not there. */
  readonly length: number | null;
}

export type Picture = RatePicture | SequencePicture | ExchangePicture | FatePicture | FragmentPicture;
