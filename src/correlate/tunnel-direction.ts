import type { FrameRef } from '../moment.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../units.js';
import { IPV4_HEADER_LENGTH_MIN, IPV6_HEADER_LENGTH } from '../wire/ip.js';
import { UDP_HEADER_LENGTH } from '../wire/transport.js';
import { OpenRef } from './open-ref.js';

/** Packets of one direction that were sent to one UDP port. */
export interface PortUse {
  readonly port: number;
  packets: number;
  readonly first: FrameRef;
}

export interface Fragmented {
  readonly packets: number;
  /** Length of the smallest of them before it was cut: the outer IP packet, in bytes; 0 where that is not known. */
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

/** Counts while packets come in. */
export type OpenFragmented = { -readonly [Field in keyof Fragmented]: Fragmented[Field] };

/** Length in bytes of the IP packet around a tunnel's packet, without IP options; 0 for none. */
export function outerLength(from: string, payloadLength: number, isUdp: boolean): number {
  if (payloadLength === 0) return 0;
  const ip = from.includes(':') ? IPV6_HEADER_LENGTH : IPV4_HEADER_LENGTH_MIN;
  return ip + (isUdp ? UDP_HEADER_LENGTH : 0) + payloadLength;
}

/** Counts one direction; packets need not come in order. */
export class TunnelDirectionState implements TunnelDirection {
  packets = 0;
  bytes = 0;
  first: OpenRef | null = null;
  last: OpenRef | null = null;
  readonly ports: PortUse[] = [];
  largestOuter = 0;
  largestInner = 0;
  fragmented: OpenFragmented | null = null;

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
    this.fragmented = withFragmented(this.fragmented, at, outerLength);
  }
}

/** One more packet that was cut into fragments; `known` is changed in place. */
export function withFragmented(known: OpenFragmented | null, at: FrameRef, outerLength = 0): OpenFragmented {
  if (!known) return { packets: 1, smallestOuter: outerLength, first: at, last: at };
  known.packets++;
  known.smallestOuter = Math.min(known.smallestOuter, outerLength);
  if (at.frame < known.first.frame) known.first = at;
  if (at.frame > known.last.frame) known.last = at;
  return known;
}
