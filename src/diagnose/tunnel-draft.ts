import type { CaptureQuality } from '../correlate/capture-quality.js';
import { momentOf } from '../correlate/frame-reference.js';
import { isBefore } from '../correlate/traffic.js';
import type { TunnelDirection } from '../correlate/tunnel-direction.js';
import type { FrameRef } from '../moment.js';
import type { TunnelDraft } from './diagnosis.js';

/** One direction of a tunnel summed over its time segments. */
interface Sum {
  readonly from: string;
  readonly to: string;
  packets: number;
  bytes: number;
  first: FrameRef | null;
  last: FrameRef | null;
}

/** What both directions of a tunnel carried; null for one that carried nothing. */
export function sumDirections(
  parts: readonly (readonly [TunnelDirection, TunnelDirection])[],
): TunnelDraft['directions'] {
  return [0, 1].flatMap((direction) => {
    const sum = parts.map((part) => part[direction]).reduce<Sum | null>(add, null);
    if (!sum?.first || !sum.last) return [];
    const { from, to, packets, bytes, first, last } = sum;
    return [{ from, to, packets, bytes, first: momentOf(first), last: momentOf(last) }];
  });
}

function add(sum: Sum | null, part: TunnelDirection | undefined): Sum | null {
  if (!part) return sum;
  if (!sum) {
    const { from, to, packets, bytes, first, last } = part;
    return { from, to, packets, bytes, first, last };
  }
  sum.packets += part.packets;
  sum.bytes += part.bytes;
  if (part.first && (!sum.first || isBefore(part.first, sum.first))) sum.first = part.first;
  if (part.last && (!sum.last || isBefore(sum.last, part.last))) sum.last = part.last;
  return sum;
}

/** Largest packets, in bytes. */
export function sizeFacts(directions: readonly TunnelDirection[]): Readonly<Record<string, number>> {
  return {
    largestInner: Math.max(...directions.map(({ largestInner }) => largestInner)),
    largestOuter: Math.max(...directions.map(({ largestOuter }) => largestOuter)),
  };
}

/** In which tunnels this one runs, outermost first. */
export function insideFacts(
  { flows }: CaptureQuality,
  outerStack: number,
): { readonly inside?: readonly string[] } {
  const inside = flows.tunnelLayers(outerStack).map(({ kind, key }) => `${kind} ${key}`);
  return inside.length > 0 ? { inside } : {};
}

/** Largest packets in bytes, how many were fragmented, and the UDP ports that packets were sent to. */
export function carriageFacts(directions: readonly TunnelDirection[]): {
  readonly ports: number[];
  readonly mtu: Readonly<Record<string, number>>;
} {
  const largest = directions.reduce((a, b) => (b.largestOuter > a.largestOuter ? b : a));
  const ports = new Set(directions.flatMap((one) => one.ports.map(({ port }) => port)));
  return {
    ports: [...ports].sort((a, b) => a - b),
    mtu: {
      largestOuter: largest.largestOuter,
      largestInner: largest.largestInner,
      fragmented: directions.reduce((sum, { fragmented }) => sum + (fragmented?.packets ?? 0), 0),
    },
  };
}
