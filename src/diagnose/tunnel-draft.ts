import type { CaptureQuality } from '../correlate/capture-quality.js';
import { momentOf } from '../correlate/frame-reference.js';
import { isBefore } from '../correlate/traffic.js';
import type { TunnelDirection } from '../correlate/tunnel-direction.js';
import { type FrameRef, isNonEmpty, type Moment, mostBy } from '../moment.js';
import type { TunnelDraft } from './diagnosis.js';
import type { CountedPackets } from './followed-tunnel.js';

/** What both directions of a tunnel carried; none for one that carried nothing. */
export function sumDirections(
  parts: readonly (readonly [TunnelDirection, TunnelDirection])[],
): TunnelDraft['directions'] {
  return [0, 1].flatMap((direction) => {
    const sent = parts.map((part) => part[direction]);
    return sent.length > 0 ? sumDirection(sent[0].from, sent[0].to, sent) : [];
  });
}

/** What went one way, however many flows and time segments counted it; none where nothing did. */
export function sumDirection(
  from: string,
  to: string,
  parts: readonly CountedPackets[],
): TunnelDraft['directions'] {
  const first = edgeOf(parts, 'first', isBefore);
  const last = edgeOf(parts, 'last', (a, b) => isBefore(b, a));
  if (!first || !last) return [];
  const sum = (of: 'packets' | 'bytes'): number => parts.reduce((total, part) => total + part[of], 0);
  return [
    { from, to, packets: sum('packets'), bytes: sum('bytes'), first: momentOf(first), last: momentOf(last) },
  ];
}

function edgeOf(
  parts: readonly CountedPackets[],
  edge: 'first' | 'last',
  leads: (a: FrameRef, b: FrameRef) => boolean,
): FrameRef | null {
  return parts.reduce<FrameRef | null>((best, part) => {
    const ref = part[edge];
    return ref && (!best || leads(ref, best)) ? ref : best;
  }, null);
}

/** A control exchange whose last packet is this fresh may still go on. */
const NEGOTIATING_SECONDS = 10;

/** Whether the capture ends too soon after that packet to call what it belongs to failed. */
export function mayStillNegotiate(quality: CaptureQuality, last: Moment): boolean {
  return quality.secondsToEnd(last) < NEGOTIATING_SECONDS;
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
  const largest = isNonEmpty(directions) ? mostBy(directions, (one) => one.largestOuter) : null;
  const ports = new Set(directions.flatMap((one) => one.ports.map(({ port }) => port)));
  return {
    ports: [...ports].sort((a, b) => a - b),
    mtu: {
      largestOuter: largest?.largestOuter ?? 0,
      largestInner: largest?.largestInner ?? 0,
      fragmented: directions.reduce((sum, { fragmented }) => sum + (fragmented?.packets ?? 0), 0),
    },
  };
}
