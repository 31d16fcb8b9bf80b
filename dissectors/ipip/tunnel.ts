import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { TunnelDraft, TunnelView } from '../../src/diagnose/diagnosis.js';
import { type IpipTunnel, ipipTunnels } from './correlator.js';

/** One tunnel per pair of ends and inner IP version. */
const view: TunnelView = {
  kind: 'ipip',
  *describe(evidence) {
    for (const tunnel of evidence.sessions(ipipTunnels)) yield describe(evidence.quality, tunnel);
  },
};

export default view;

function describe(quality: CaptureQuality, tunnel: IpipTunnel): TunnelDraft {
  const { low, high, innerVersion, outerStack, directions } = tunnel;
  const inside = quality.flows.tunnelLayers(outerStack).map(({ kind, key }) => `${kind} ${key}`);
  return {
    kind: 'ipip',
    endpoints: [low, high],
    state: directions.every(({ packets }) => packets > 0) ? 'up' : 'one-way',
    directions: directions.flatMap(({ from, to, packets, bytes, first, last }) =>
      first && last ? [{ from, to, packets, bytes, first, last }] : [],
    ),
    facts: {
      inner: innerVersion === 4 ? 'IPv4' : 'IPv6',
      ...(inside.length > 0 ? { inside } : {}),
      mtu: {
        largestInner: Math.max(...directions.map(({ largestInner }) => largestInner)),
        largestOuter: Math.max(...directions.map(({ largestOuter }) => largestOuter)),
      },
    },
  };
}
