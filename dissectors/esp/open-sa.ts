import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import { SequenceTracker } from '../../src/correlate/sequence-tracker.js';
import { type OpenFragmented, withFragmented } from '../../src/correlate/tunnel-direction.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../src/units.js';
import { RunState } from './one-way-tracker.js';
import type { OneWayRun } from './session.js';
import { Sizes } from './sizes.js';

/** Changes of the UDP source port under one SPI: the first of them and the packets around it. */
interface OpenPortMove {
  changes: number;
  readonly before: number;
  readonly after: number;
  readonly beforeNs: Nanoseconds;
  readonly beforeFrame: FrameId;
  readonly ns: Nanoseconds;
  readonly frame: FrameId;
}

/** One SPI in one direction. */
export class SaState {
  packets = 0;
  bytes = 0;
  lastNs: Nanoseconds = Number.NaN;
  lastFrame: FrameId = 0;
  udpPackets = 0;
  sourcePort = 0;
  destinationPort = 0;
  inbound = 0;
  outbound = 0;
  partner: SaState | null = null;
  /** How often the direction came back to this SA from another one. */
  returns = 0;
  /** Whom this SA seems to answer while it has no partner. */
  candidate: SaState | null = null;
  candidateVotes = 0;
  portMove: OpenPortMove | null = null;
  readonly sequences = new SequenceTracker();
  /** Packets since the last one of its partner, once the direction has several SAs. */
  run: RunState | null = null;
  runs: OneWayRun[] | null = null;

  constructor(
    readonly spi: number,
    readonly direction: number,
    readonly firstNs: Nanoseconds,
    readonly firstFrame: FrameId,
  ) {}

  changePort(
    port: number,
    beforeNs: Nanoseconds,
    beforeFrame: FrameId,
    ns: Nanoseconds,
    frame: FrameId,
  ): void {
    if (this.portMove !== null) {
      this.portMove.changes++;
      return;
    }
    const before = this.sourcePort;
    this.portMove = { changes: 1, before, after: port, beforeNs, beforeFrame, ns, frame };
  }

  countMark(marks: number): void {
    if ((marks & MARK_INBOUND) !== 0) this.inbound++;
    else if ((marks & MARK_OUTBOUND) !== 0) this.outbound++;
  }
}

/** One direction of a pair. */
export class DirectionState {
  readonly sas = new Map<number, SaState>();
  /** The SA of the last packet: most packets belong to it. */
  current: SaState | null = null;
  unpaired: SaState[] = [];
  readonly run = new RunState();
  packets = 0;
  bytes = 0;
  lastNs: Nanoseconds = Number.NaN;
  lastFrame: FrameId = 0;
  firstNs: Nanoseconds = Number.NaN;
  firstFrame: FrameId = 0;
  readonly sizes = new Sizes();
  /** From the last packet of the other side to the last one of this side, while several SAs are compared. */
  lastGapNs: Nanoseconds = Number.NaN;
  aggregatedSas = 0;
  aggregatedPackets = 0;
  aggregatedUdpPackets = 0;
  aggregatedDistinct = 0;
  aggregatedMissing = 0;
  largest = 0;
  fragmented: OpenFragmented | null = null;

  noteFragment(frame: FrameId, timeNs: Nanoseconds, segment: SegmentIndex): void {
    this.fragmented = withFragmented(this.fragmented, { frame, timeNs, segment });
  }
}
