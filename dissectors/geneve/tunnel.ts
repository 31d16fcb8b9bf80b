import { type CarriedKind, carriedBetweenEnds } from '../../src/diagnose/carried-tunnel.js';
import type { TunnelView } from '../../src/diagnose/diagnosis.js';
import { carriageFacts, sumDirections } from '../../src/diagnose/tunnel-draft.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { type GeneveTunnel, geneveTunnels } from './correlator.js';

const view: TunnelView = {
  kind: 'geneve',
  *describe(evidence) {
    const tunnels = new Map<string, GeneveTunnel[]>();
    for (const tunnel of evidence.sessions(geneveTunnels)) {
      const key = `${tunnel.outerStack} ${tunnel.low} ${tunnel.high} ${tunnel.vni}`;
      tunnels.set(key, [...(tunnels.get(key) ?? []), tunnel]);
    }
    for (const parts of tunnels.values()) {
      const { low, high, vni } = parts[0];
      const directions = sumDirections(parts.map((part) => part.directions));
      yield {
        kind: 'geneve',
        endpoints: [low, high],
        key: vni,
        state: directions.length === 2 ? 'two-way' : 'one-way',
        directions,
        facts: {
          ...carriageFacts(parts.flatMap((part) => part.directions)),
          optionsBytesMax: Math.max(...parts.map(({ optionsMax }) => optionsMax)),
        },
      };
    }
  },
};

export default view;

/** Gateways that inspect traffic get it through the tunnel, and may send it on without. */
export const geneveKind: CarriedKind = {
  name: 'Geneve',
  packetClass: 'geneve',
  mayAnswerAround: true,
  tunnels: ({ sessions, quality }) => carriedBetweenEnds(quality, 'geneve', sessions(geneveTunnels)),
  filter: (a, b) => `(geneve || ip.flags.mf == 1 || ipv6.fraghdr) && ${pairFilter(a, b)}`,
};
