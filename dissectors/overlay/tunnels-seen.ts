import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { TunnelLayer } from '../../src/correlate/flow-facts.js';
import { type InnerWay, innerWays, isMirror } from '../../src/diagnose/carried-tunnel.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { SegmentIndex } from '../../src/units.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { echoStreams } from '../icmp/correlator.js';
import { tcpConnections } from '../tcp/correlator.js';
import type { RequestCarrier } from './shared/inner-requests.js';

/** All that runs between two hosts in tunnels of one kind, whatever their keys, in one time segment. */
export interface SeenTunnel extends RequestCarrier {
  readonly kind: TunnelLayer['kind'];
  readonly low: string;
  readonly high: string;
  readonly outerStack: number;
}

/**
 * Tunnels of every kind in which something is asked, by pings or connections. Mirrored traffic is left out, and what is
 * sent to a group.
 */
export function tunnelsSeen({ sessions, quality }: Pick<Evidence, 'sessions' | 'quality'>): SeenTunnel[] {
  const stacks = new Map<string, { readonly segment: SegmentIndex; readonly stack: number }>();
  for (const { segment, stack } of [...sessions(echoStreams), ...sessions(tcpConnections)]) {
    if (stack !== 0) stacks.set(`${segment} ${stack}`, { segment, stack });
  }
  const tunnels = new Map<string, SeenTunnel & { tunnels: { stack: number; ways: readonly InnerWay[] }[] }>();
  for (const { segment, stack } of stacks.values()) {
    const layer = innermostLayer(quality, stack);
    if (!layer || layer.kind === 'erspan') continue;
    const outerStack = quality.flows.parentStack(stack);
    const { kind, low, high } = layer;
    const key = `${segment} ${outerStack} ${kind} ${low} ${high}`;
    const known = tunnels.get(key) ?? { kind, low, high, outerStack, segment, tunnels: [] };
    tunnels.set(key, known);
    known.tunnels.push({ stack, ways: innerWays(quality, stack) });
  }
  return [...tunnels.values()].filter((tunnel) => !isMirror(tunnel));
}

function innermostLayer({ flows }: CaptureQuality, stack: number): TunnelLayer | undefined {
  const layers = flows.tunnelLayers(stack);
  return layers[layers.length - 1];
}

/** How prose names a kind of tunnel. */
export function tunnelName(
  { tunnelKinds }: Pick<Evidence, 'tunnelKinds'>,
  { kind }: Pick<SeenTunnel, 'kind'>,
): string {
  return tunnelKinds.find((one) => one.kind === kind)?.name ?? kind;
}

/** Display filter for all between the ends of the tunnel; inside another one, of the outermost ends. */
export function betweenEnds({ flows }: CaptureQuality, { low, high, outerStack }: SeenTunnel): string {
  const [outermost] = flows.tunnelLayers(outerStack);
  return outermost ? pairFilter(outermost.low, outermost.high) : pairFilter(low, high);
}
