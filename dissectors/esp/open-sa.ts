import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import { SequenceTracker } from '../../src/correlate/sequence-tracker.js';
import { type OpenFragmented, withFragmented } from '../../src/correlate/tunnel-direction.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../src/units.js';
import { RunState } from './one-way-tracker.js';
import type { OneWayRun } from './session.js';
import { Sizes } from './sizes.js';

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
  /** Changes of the UDP source port under this SPI, the first of them and the packets around it. */
  portChanges = 0;
  portBefore = 0;
  portAfter = 0;
  movedFromNs: Nanoseconds = Number.NaN;
  movedFromFrame: FrameId = 0;
  movedNs: Nanoseconds = Number.NaN;
  movedFrame: FrameId = 0;
  readonly sequences = new SequenceTracker();
  readonly run = new RunState();
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
    if (this.portChanges++ > 0) return;
    this.portBefore = this.sourcePort;
    this.portAfter = port;
    this.movedFromNs = beforeNs;
    this.movedFromFrame = beforeFrame;
    this.movedNs = ns;
    this.movedFrame = frame;
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
