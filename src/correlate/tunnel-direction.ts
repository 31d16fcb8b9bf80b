import type { FrameRef } from '../moment.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../units.js';
import { OpenRef } from './open-ref.js';

/** Packets of one direction that were sent to one UDP port. */
export interface PortUse {
  readonly port: number;
  packets: number;
  readonly first: FrameRef;
}

export interface Fragmented {
  readonly packets: number;
  /** Length of the smallest of them before it was cut: the outer IP packet, in bytes. */
  readonly smallestOuter: number;
  /** First fragments of the first and the last one. */
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** One direction of a tunnel over UDP. */
export interface TunnelDirection {
  readonly from: string;
  readonly to: string;
  readonly packets: number;
  /** Sum of the outer IP packets, of fragmented ones as they were before, in bytes. */
  readonly bytes: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  /** At most PORTS_MAX. */
  readonly ports: readonly PortUse[];
  /** Largest outer IP packet, and the inner IP packet in it (0 where none), in bytes. */
  readonly largestOuter: number;
  readonly largestInner: number;
  /** Packets whose outer datagram was cut into fragments; null where none was. */
  readonly fragmented: Fragmented | null;
}

const PORTS_MAX = 8;

/** Counts one direction; packets need not come in order. */
export class TunnelDirectionState implements TunnelDirection {
  packets = 0;
  bytes = 0;
  first: OpenRef | null = null;
  last: OpenRef | null = null;
  readonly ports: PortUse[] = [];
  largestOuter = 0;
  largestInner = 0;
  fragmented: { -readonly [Field in keyof Fragmented]: Fragmented[Field] } | null = null;

  constructor(
    readonly from: string,
    readonly to: string,
  ) {}

  /** Lengths in bytes; 0 where the inner packet is not IP. */
  count(outerLength: number, innerLength: number): void {
    this.packets++;
    this.bytes += outerLength;
    this.enlarge(outerLength, innerLength);
  }

  enlarge(outerLength: number, innerLength: number): void {
    if (outerLength > this.largestOuter) {
      this.largestOuter = outerLength;
      this.largestInner = innerLength;
    }
  }

  /** Widens the span of the direction. */
  span(frame: FrameId, timeNs: Nanoseconds, segment: SegmentIndex): void {
    if (this.first === null || this.last === null) {
      this.first = new OpenRef(frame, timeNs, segment);
      this.last = new OpenRef(frame, timeNs, segment);
    } else if (frame < this.first.frame) this.first.set(frame, timeNs);
    else if (frame > this.last.frame) this.last.set(frame, timeNs);
  }

  /** The counter of a port, or null where there are too many. */
  port(port: number, first: FrameRef): PortUse | null {
    const known = this.ports.find((use) => use.port === port);
    if (known) return known;
    if (this.ports.length >= PORTS_MAX) return null;
    const use = { port, packets: 0, first };
    this.ports.push(use);
    return use;
  }

  fragment(at: FrameRef, outerLength: number): void {
    if (!this.fragmented) {
      this.fragmented = { packets: 1, smallestOuter: outerLength, first: at, last: at };
      return;
    }
    this.fragmented.packets++;
    this.fragmented.smallestOuter = Math.min(this.fragmented.smallestOuter, outerLength);
    if (at.frame < this.fragmented.first.frame) this.fragmented.first = at;
    if (at.frame > this.fragmented.last.frame) this.fragmented.last = at;
  }
}
