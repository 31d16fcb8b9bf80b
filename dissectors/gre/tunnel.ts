import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { TunnelDraft, TunnelView } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import { greTunnels } from './correlator.js';
import { KEY_MIDONET_FLOW_STATE } from './layout.js';
import type { GreDirection, GreTunnel } from './session.js';

/** Keys that a tunnel lists where they differ per direction. */
const KEYS_MAX = 64;

/**
 * One tunnel per pair of ends and key that both directions use. Keys seen in one direction only (PPTP's call ids, keys
 * that name the receiver, flow ids) are put together, one tunnel a pair.
 */
const view: TunnelView = {
  kind: 'gre',
  *describe({ sessions, quality }) {
    const oneWay = new Map<string, GreTunnel[]>();
    for (const tunnel of sessions(greTunnels)) {
      const { kind, low, high, outerStack, isPptp, directions } = tunnel;
      if (kind === 'erspan' || directions.every(({ packets }) => packets > 0)) {
        yield describe(quality, [tunnel]);
        continue;
      }
      const key = `${outerStack} ${isPptp} ${low} ${high}`;
      const known = oneWay.get(key);
      if (known) known.push(tunnel);
      else oneWay.set(key, [tunnel]);
    }
    for (const tunnels of oneWay.values()) yield describe(quality, tunnels);
  },
};

export default view;

function describe(quality: CaptureQuality, tunnels: readonly GreTunnel[]): TunnelDraft {
  const { kind, low, high, outerStack, isPptp } = tunnels[0];
  const directions = [0, 1].flatMap((index) => sumOf(tunnels.map((tunnel) => tunnel.directions[index])));
  const types = [...new Set(tunnels.flatMap((one) => one.directions.flatMap((sent) => sent.protocolTypes)))];
  const inside = quality.flows.tunnelLayers(outerStack).map((layer) => `${layer.kind} ${layer.key}`);
  const isUp = directions.length === 2;
  const flowState = tunnels.find(({ key }) => key === KEY_MIDONET_FLOW_STATE);
  return {
    kind,
    endpoints: [low, high],
    ...keyOf(tunnels),
    state: kind === 'erspan' ? 'mirror' : isUp ? 'up' : 'one-way',
    directions,
    facts: {
      protocolTypes: types.map((type) => `0x${type.toString(16).padStart(4, '0')}`),
      ...(isPptp ? { carries: 'PPTP' } : {}),
      ...(flowState ? { flowStatePackets: packetsOf(flowState) } : {}),
      ...(inside.length > 0 ? { inside } : {}),
      ...mtuFacts(tunnels),
    },
  };
}

function keyOf(tunnels: readonly GreTunnel[]): Pick<TunnelDraft, 'key'> {
  const isKeyed = ({ kind, isPptp, directions }: GreTunnel): boolean =>
    kind === 'erspan' || isPptp || directions.some(({ keyed }) => keyed > 0);
  // MidoNet's flow state travels beside the tunnel's data, under a key of its own.
  const carriers = tunnels.length > 1 ? tunnels.filter(({ key }) => key !== KEY_MIDONET_FLOW_STATE) : tunnels;
  const keys = [...new Set(carriers.filter(isKeyed).map(({ key }) => key))];
  if (keys.length === 0) return {};
  return keys.length === 1 ? { key: keys[0] } : { key: keys.slice(0, KEYS_MAX).map(String) };
}

function packetsOf({ directions }: GreTunnel): number {
  return directions[0].packets + directions[1].packets;
}

function mtuFacts(tunnels: readonly GreTunnel[]): Record<string, unknown> {
  const directions = tunnels.flatMap((tunnel) => tunnel.directions);
  const largestInner = Math.max(...directions.map((sent) => sent.largestInner));
  const largestOuter = Math.max(...directions.map((sent) => sent.largestOuter));
  return largestInner > 0 ? { mtu: { largestInner, largestOuter } } : {};
}

function sumOf(parts: readonly GreDirection[]): TunnelDraft['directions'] {
  const firsts = parts.flatMap(({ first }) => first ?? []);
  const lasts = parts.flatMap(({ last }) => last ?? []);
  if (firsts.length === 0 || lasts.length === 0) return [];
  const earliest = (a: FrameRef, b: FrameRef): FrameRef => (b.frame < a.frame ? b : a);
  const latest = (a: FrameRef, b: FrameRef): FrameRef => (b.frame > a.frame ? b : a);
  return [
    {
      from: parts[0].from,
      to: parts[0].to,
      packets: parts.reduce((sum, { packets }) => sum + packets, 0),
      bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
      first: firsts.reduce(earliest),
      last: lasts.reduce(latest),
    },
  ];
}
