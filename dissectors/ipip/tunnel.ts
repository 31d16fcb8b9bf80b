import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { type CarriedKind, carriedBetweenEnds } from '../../src/diagnose/carried-tunnel.js';
import type { TunnelDraft, TunnelView } from '../../src/diagnose/diagnosis.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { type IpipTunnel, ipipTunnels } from './correlator.js';

/** One tunnel per pair of ends and inner IP version. */
const view: TunnelView = {
  kind: 'ipip',
  *describe(evidence) {
    for (const tunnel of evidence.sessions(ipipTunnels)) yield describe(evidence.quality, tunnel);
  },
};

export default view;

/** Direct server return and IPVS send requests through the tunnel whose answers never take it. */
export const ipipKind: CarriedKind = {
  name: 'IP in IP',
  packetClass: 'ipip',
  mayAnswerAround: true,
  tunnels: ({ sessions, quality }) => carriedBetweenEnds(quality, 'ipip', sessions(ipipTunnels)),
  filter: (a, b) =>
    `(ip.proto == 4 || ipv6.nxt == 4 || ip.proto == 41 || ipv6.nxt == 41) && ${pairFilter(a, b)}`,
};

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
