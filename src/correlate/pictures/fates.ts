import type { FrameId, Nanoseconds, SegmentIndex } from '../../units.js';
import type { CorrelationRun } from '../correlator.js';
import type { FlowId } from '../flow-id.js';
import type { FatePicture } from './picture.js';
import { TimeBins } from './time-bins.js';

/** Width in bytes of a class of sizes, and their number: the last one holds everything larger. */
const CLASS_BYTES = 16;
const CLASSES = 128;
/** Packets of a direction that wait for their answer. */
const WAITING_MAX = 64;

/**
 * What became of the packets of one direction, by size: answered (or acknowledged), or not. Holds at most WAITING_MAX that
 * wait; of more, the oldest is given up and counts as neither.
 */
export class FateOfDirection {
  readonly passed = new Float64Array(CLASSES);
  readonly lost = new Float64Array(CLASSES);
  readonly roundTrips: TimeBins;
  private readonly numbers = new Float64Array(WAITING_MAX);
  private readonly sizes = new Float64Array(WAITING_MAX);
  private readonly times = new Float64Array(WAITING_MAX);
  private readonly sends = new Uint16Array(WAITING_MAX);
  private next = 0;

  constructor(
    readonly from: string,
    readonly to: string,
    readonly firstFrame: FrameId,
    readonly segment: SegmentIndex,
  ) {
    this.roundTrips = new TimeBins(segment, ['least', 'largest', 'sum', 'sum']);
  }

  /** A packet with that number (of its last byte, of an echo request) was sent, perhaps again. */
  sent(number: number, size: number, timeNs: Nanoseconds): void {
    for (let at = 0; at < WAITING_MAX; at++) {
      if (this.sends[at] === 0 || this.numbers[at] !== number || this.sizes[at] !== size) continue;
      this.sends[at]++;
      return;
    }
    const at = this.next;
    this.next = (at + 1) % WAITING_MAX;
    if (this.sends[at] > 1) this.lost[classOf(this.sizes[at])] += this.sends[at];
    this.numbers[at] = number;
    this.sizes[at] = size;
    this.times[at] = timeNs;
    this.sends[at] = 1;
  }

  /** Exactly this one was answered. */
  answered(number: number, timeNs: Nanoseconds): void {
    for (let at = 0; at < WAITING_MAX; at++) {
      if (this.sends[at] > 0 && this.numbers[at] === number) return this.settle(at, timeNs);
    }
  }

  /** Everything up to this number (modulo 2^32) has arrived. */
  acknowledged(number: number, timeNs: Nanoseconds): void {
    for (let at = 0; at < WAITING_MAX; at++) {
      if (this.sends[at] > 0 && ((number - this.numbers[at]) | 0) >= 0) this.settle(at, timeNs);
    }
  }

  private settle(at: number, timeNs: Nanoseconds): void {
    const sends = this.sends[at];
    this.sends[at] = 0;
    const size = classOf(this.sizes[at]);
    this.passed[size]++;
    this.lost[size] += sends - 1;
    // Which of several was answered is not known (Karn's rule).
    if (sends > 1) return;
    const roundTripNs = timeNs - this.times[at];
    const bin = this.roundTrips.binOf(this.times[at]);
    if (bin < 0 || !(roundTripNs >= 0)) return;
    const [least, largest, sum, count] = this.roundTrips.columns;
    least[bin] = Math.min(least[bin], roundTripNs);
    largest[bin] = Math.max(largest[bin], roundTripNs);
    sum[bin] += roundTripNs;
    count[bin]++;
  }

  /** @param waitingIsLost true where one packet without answer is lost; else only those that were sent again. */
  describe(protocol: string, around: readonly string[], waitingIsLost: boolean): FatePicture {
    const lost = Float64Array.from(this.lost);
    for (let at = 0; at < WAITING_MAX; at++) {
      if (this.sends[at] > 1 || (waitingIsLost && this.sends[at] > 0)) {
        lost[classOf(this.sizes[at])] += this.sends[at];
      }
    }
    return {
      picture: 'fate',
      protocol,
      from: this.from,
      to: this.to,
      around,
      segment: this.segment,
      classBytes: CLASS_BYTES,
      passed: [...this.passed],
      lost: [...lost],
      roundTrips: this.roundTrips,
    };
  }
}

/** Both directions of a flow, and the ends of the tunnels around it. */
export interface FatesOfFlow {
  readonly firstFrame: FrameId;
  readonly fates: readonly [FateOfDirection, FateOfDirection];
  readonly around: readonly string[];
}

export function fatesOfFlow(
  { flows }: Pick<CorrelationRun, 'flows'>,
  flow: FlowId,
  firstFrame: FrameId,
  segment: SegmentIndex,
): FatesOfFlow {
  const { low, high } = flows.endpoints(flow);
  return {
    firstFrame,
    fates: [
      new FateOfDirection(low, high, firstFrame, segment),
      new FateOfDirection(high, low, firstFrame, segment),
    ],
    around: flows.tunnelLayers(flows.stack(flow)).flatMap((layer) => [layer.low, layer.high]),
  };
}

function classOf(size: number): number {
  return Math.min(CLASSES - 1, Math.floor(size / CLASS_BYTES));
}
