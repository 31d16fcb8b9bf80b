import type { TunnelLayer } from '../../src/correlate/flow-registry.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import type { GreDirection, GreTunnel, HostWay } from './session.js';

/** Bounds of one tunnel. */
const TYPES_KEPT = 8;
export const WAYS_KEPT = 1024;

type Open<T> = { -readonly [Name in keyof T]: T[Name] };

export class GreDirectionState {
  packets = 0;
  bytes = 0;
  keyed = 0;
  plain = 0;
  keepalives = 0;
  first: FrameRef | null = null;
  last: FrameRef | null = null;
  largestInner = 0;
  largestOuter = 0;
  readonly protocolTypes: number[] = [];
  private lastType = -1;

  noteType(type: number): void {
    if (type === this.lastType) return;
    this.lastType = type;
    if (this.protocolTypes.length < TYPES_KEPT && !this.protocolTypes.includes(type)) {
      this.protocolTypes.push(type);
    }
  }

  /** Inner flows arrive one after the other, so neither end of the span need come last. */
  widen(first: FrameRef, last: FrameRef): void {
    if (!this.first || first.frame < this.first.frame) this.first = first;
    if (!this.last || last.frame > this.last.frame) this.last = last;
  }

  describe(from: string, to: string): GreDirection {
    const { packets, bytes, keyed, plain, keepalives, first, last, largestInner, largestOuter } = this;
    const protocolTypes = [...this.protocolTypes];
    return {
      from,
      to,
      packets,
      bytes,
      keyed,
      plain,
      keepalives,
      first,
      last,
      protocolTypes,
      largestInner,
      largestOuter,
    };
  }
}

/** A tunnel while its packets come in. */
export class OpenTunnel {
  readonly directions = [new GreDirectionState(), new GreDirectionState()] as const;
  isPptp = false;
  private readonly ways = new Map<string, Open<HostWay>>();

  constructor(
    readonly segment: SegmentIndex,
    readonly stack: number,
    readonly outerStack: number,
    private readonly layer: TunnelLayer,
  ) {}

  /** Null where the tunnel already has WAYS_KEPT of them. */
  way(from: string, to: string, outerDirection: number, at: FrameRef): Open<HostWay> | null {
    const key = `${from} ${to} ${outerDirection}`;
    const known = this.ways.get(key);
    if (known) return known;
    if (this.ways.size >= WAYS_KEPT) return null;
    const way = { from, to, outerDirection, packets: 0, first: at, last: at };
    this.ways.set(key, way);
    return way;
  }

  describe(): GreTunnel {
    const { segment, stack, outerStack, isPptp, directions } = this;
    const { low, high, key, kind } = this.layer;
    return {
      kind: kind === 'erspan' ? 'erspan' : 'gre',
      stack,
      outerStack,
      segment,
      low,
      high,
      key,
      isPptp,
      directions: [directions[0].describe(low, high), directions[1].describe(high, low)],
      ways: [...this.ways.values()].map((way) => ({ ...way })),
    };
  }
}
