import type { FrameRef } from '../../src/moment.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../src/units.js';
import type { CutSegment } from './cut-segments.js';

/** What one side of a connection sent. */
export interface TcpDirection {
  readonly address: string;
  readonly port: number;
  readonly segments: number;
  readonly payloadBytes: number;
  readonly sentSyn: boolean;
  /** How many SYNs (or SYN-ACKs) it sent. */
  readonly openings: number;
  /** That its SYN announced, in bytes; 0 where it announced none or the SYN is not in the capture. */
  readonly maximumSegmentSize: number;
  /** Some segment carried an acknowledgment: all do but an opening SYN, and some RST. */
  readonly sentAck: boolean;
  readonly sentFin: boolean;
  readonly sentRst: boolean;
  /** Next sequence number that is due of it, and the highest one that it has acknowledged; null where it sent none. */
  readonly nextSequence: number | null;
  readonly acknowledged: number | null;
  /** Its acknowledgment number advanced: data of the peer reached it. */
  readonly ackAdvanced: boolean;
  /** ACKs of the peer that cover data of this side which is not in the capture, and that data in bytes. */
  readonly uncapturedAcks: number;
  readonly uncapturedBytes: number;
  /** Some of them: those that came more than 5 s after the last captured data of this side. */
  readonly quietAcks: readonly QuietAck[];
  /** Frames with such ACKs: at most the first three and the last one. */
  readonly uncapturedAt: readonly FrameRef[];
  /** The segment that it sent in IP fragments most often; null where it sent none so. */
  readonly cut: CutSegment | null;
}

/** An ACK of data that is not in the capture. */
export interface QuietAck {
  readonly at: FrameRef;
  /** When the last data before it was captured. */
  readonly sinceNs: Nanoseconds;
}

/** A connection, or what the capture holds of one. `a` is the numerically lower endpoint. */
export interface TcpConnection {
  readonly a: TcpDirection;
  readonly b: TcpDirection;
  /** Index of the tunnel stack; 0: not in a tunnel. */
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly firstFrame: FrameId;
  readonly firstNs: Nanoseconds;
  readonly lastNs: Nanoseconds;
}
