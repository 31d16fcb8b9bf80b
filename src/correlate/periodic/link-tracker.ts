import { type FrameId, type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../../units.js';
import type { FlowId } from '../flow-id.js';
import type { FlowRegistry } from '../flow-registry.js';
import { isSamePeriod } from './cadence.js';
import type { KeepaliveLink, KeepaliveStream, LinkDirection } from './session.js';
import { type Arrival, SizeClass } from './size-class.js';

/** Length classes followed in one direction. Where all of them turn out to be too fast, the direction is bulk traffic. */
const CLASSES_MAX = 6;
/** Silence after which a class that shows nothing yet makes room for another, such as a message of a handshake. */
const STALE_NS = 5 * NS_PER_SECOND;
/** Packets from which a class is worth a session. */
const PROMISING_PACKETS = 6;

/** One direction of a flow: its length classes. */
class DirectionTracker {
  packets = 0;
  latestNs: Nanoseconds = Number.NEGATIVE_INFINITY;
  latestFrame: FrameId = 0;
  isBulk = false;
  private readonly classes: SizeClass[] = [];

  /** @returns packets of the class that the datagram belongs to; 0 where none takes it. */
  take(length: number, arrival: Arrival): number {
    for (const one of this.classes) {
      if (!one.admits(length)) continue;
      if (one.isRejected) return 0;
      one.take(length, arrival);
      if (one.isRejected) this.isBulk = this.hasNothingToLearn();
      return one.packets;
    }
    const place = this.classes.length < CLASSES_MAX ? this.classes.length : this.staleClass(arrival.ns);
    if (place < 0) return 0;
    this.classes[place] = new SizeClass(length, arrival);
    return 1;
  }

  /** Index of the class that was silent for longest, of those that show nothing and had their time; -1 without one. */
  private staleClass(ns: Nanoseconds): number {
    let place = -1;
    let oldest = ns - STALE_NS;
    for (let index = 0; index < this.classes.length; index++) {
      const { packets, latestNs } = this.classes[index];
      if (packets >= PROMISING_PACKETS || latestNs >= oldest) continue;
      place = index;
      oldest = latestNs;
    }
    return place;
  }

  private hasNothingToLearn(): boolean {
    return this.classes.length === CLASSES_MAX && this.classes.every(({ isRejected }) => isRejected);
  }

  /** Classes worth a session: those with a period first, the fastest of them in front; then the largest. */
  streams(segment: SegmentIndex, reversePackets: number): KeepaliveStream[] {
    return this.classes
      .filter(({ packets }) => packets >= PROMISING_PACKETS)
      .flatMap((one) => one.describe(segment, this.packets, reversePackets) ?? [])
      .sort((a, b) => periodOrLast(a) - periodOrLast(b) || b.packets - a.packets);
  }
}

function periodOrLast({ periodNs }: KeepaliveStream): number {
  return Number.isNaN(periodNs) ? Number.MAX_VALUE : periodNs;
}

/** The stream of each direction: the fastest pair of equal period, or the fastest of each. */
function choose(
  up: readonly KeepaliveStream[],
  down: readonly KeepaliveStream[],
): readonly [KeepaliveStream | null, KeepaliveStream | null] {
  for (const one of up) {
    const other = down.find(({ periodNs }) => isSamePeriod(periodNs, one.periodNs));
    if (other) return [one, other];
  }
  return [up[0] ?? null, down[0] ?? null];
}

interface Endpoints {
  readonly low: string;
  readonly high: string;
  readonly lowPort: number;
  readonly highPort: number;
}

/** One flow while it is open. */
export class LinkTracker {
  readonly directions = [new DirectionTracker(), new DirectionTracker()] as const;
  /** Set once a class is worth a session: by then the flow's addresses are kept as text. */
  private endpoints: Endpoints | null = null;
  private stack = 0;

  constructor(
    readonly segment: SegmentIndex,
    readonly firstFrame: FrameId,
  ) {}

  get isPromising(): boolean {
    return this.endpoints !== null;
  }

  /** @returns true if the flow has just become worth a session. */
  take(direction: number, length: number, arrival: Arrival): boolean {
    const own = this.directions[direction];
    const reverse = this.directions[1 - direction];
    let packets = 0;
    if (!own.isBulk) {
      arrival.ownPackets = own.packets;
      arrival.ownNs = own.latestNs;
      arrival.reversePackets = reverse.packets;
      arrival.reverseNs = reverse.latestNs;
      packets = own.take(length, arrival);
    }
    own.packets++;
    own.latestNs = arrival.ns;
    own.latestFrame = arrival.frame;
    return packets >= PROMISING_PACKETS && this.endpoints === null;
  }

  keepEndpoints(flows: FlowRegistry, flow: FlowId): void {
    this.endpoints = flows.endpoints(flow);
    this.stack = flows.stack(flow);
  }

  /** Null where no direction holds a class with a period. */
  describe(): KeepaliveLink | null {
    const { endpoints, segment, firstFrame, stack } = this;
    if (endpoints === null) return null;
    const [up, down] = this.directions;
    const [upStream, downStream] = choose(
      up.streams(segment, down.packets),
      down.streams(segment, up.packets),
    );
    const directions = [
      this.direction(endpoints, 0, upStream),
      this.direction(endpoints, 1, downStream),
    ] as const;
    if (directions.every(({ stream }) => stream === null || Number.isNaN(stream.periodNs))) return null;
    return { directions, stack, segment, firstFrame };
  }

  private direction(
    { low, high, lowPort, highPort }: Endpoints,
    direction: number,
    stream: KeepaliveStream | null,
  ): LinkDirection {
    const own = this.directions[direction];
    const isUp = direction === 0;
    return {
      from: isUp ? low : high,
      fromPort: isUp ? lowPort : highPort,
      to: isUp ? high : low,
      toPort: isUp ? highPort : lowPort,
      packets: own.packets,
      last: own.packets > 0 ? { frame: own.latestFrame, timeNs: own.latestNs, segment: this.segment } : null,
      stream,
    };
  }
}
