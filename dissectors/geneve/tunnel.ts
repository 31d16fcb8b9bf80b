import type { TunnelView } from '../../src/diagnose/diagnosis.js';
import { carriageFacts, sumDirections } from '../../src/diagnose/tunnel-draft.js';
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
