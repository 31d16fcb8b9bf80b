import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds, SegmentIndex } from '../../src/units.js';
import type { ArrivalOrder, Lack, Piece } from './datagram.js';

/** A datagram that is worth telling: incomplete, contradictory, or in reversed order. */
export interface LedgerEntry {
  readonly identification: number;
  readonly lack: Lack;
  /** Ports of the first fragment, where it is there and the protocol has ports; 0 otherwise. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** First and last piece in the order of the capture. */
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly pieces: number;
  readonly bytesSeen: number;
  /** Bytes of payload, where the last piece is there; null otherwise. */
  readonly totalBytes: number | null;
  /** Missing byte ranges, at most 4; `to` is null for a tail of unknown length. */
  readonly gaps: readonly { readonly from: number; readonly to: number | null }[];
  /** At most 4 pieces: the first ones by offset, and the last one. */
  readonly cited: readonly Piece[];
  readonly order: ArrivalOrder;
  /** First piece that contradicts another one, or null. */
  readonly conflict: FrameRef | null;
}

/**
 * The ledger of fragmented datagrams from one host to another, of one IP protocol, in one tunnel stack and one time
 * segment. What is still open when sessions are asked for stands in `incomplete` too; how near to an edge of the
 * capture one may lie is for the rules to judge.
 */
export interface FragmentStream {
  readonly segment: SegmentIndex;
  /** Tunnel stack; 0: in no tunnel. */
  readonly stack: number;
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** Fragments; those of them that are not the first of a datagram; exact repetitions. */
  readonly fragments: number;
  readonly nonFirst: number;
  readonly repeated: number;
  /** Datagrams that are complete, and the order in which their pieces came. */
  readonly complete: number;
  readonly arrival: Readonly<Record<ArrivalOrder, number>>;
  /** Largest payload of a complete datagram in bytes. */
  readonly largestComplete: number;
  /** Median time from the first to the last piece of complete datagrams, rounded up to a power of two; NaN without any. */
  readonly usualSpreadNs: Nanoseconds;
  readonly lastComplete: FrameRef | null;
  /** Of the complete datagrams that came highest offset first: the first and the last one. */
  readonly reversed: readonly LedgerEntry[];
  /** Incomplete datagrams without contradictions: how many, and the first and last ENTRIES_KEPT of them. */
  readonly incompleteCount: Readonly<Record<Exclude<Lack, 'nothing'>, number>>;
  readonly incomplete: readonly LedgerEntry[];
  /** Datagrams with contradicting pieces, whether or not all bytes are there. */
  readonly conflictingCount: number;
  readonly conflicting: readonly LedgerEntry[];
  /** Datagrams of which all is there, though their last piece says that more follow: nobody sends the rest. */
  readonly endlessCount: number;
  /** Datagrams in too many pieces, or beyond 65,535 bytes: not judged. */
  readonly untracked: number;
}
