import { addTo } from '../../src/correlate/group-by.js';
import type { CarriedKind } from '../../src/diagnose/diagnosis.js';
import { carriageFacts, sumDirections } from '../../src/diagnose/tunnel-draft.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { type GeneveTunnel, geneveTunnels } from './correlator.js';

/** One tunnel per pair of ends and VNI. Gateways that inspect traffic get it through the tunnel, and may send it on without. */
const kind: CarriedKind = {
  kind: 'geneve',
  name: 'Geneve',
  mayAnswerAround: true,
  judges: { oneWay: 'geneve.no-return', size: 'overlay.mtu-exceeded' },
  *describe(evidence) {
    const tunnels = new Map<string, GeneveTunnel[]>();
    for (const tunnel of evidence.sessions(geneveTunnels)) {
      const key = `${tunnel.outerStack} ${tunnel.low} ${tunnel.high} ${tunnel.vni}`;
      addTo(tunnels, key, tunnel);
    }
    for (const parts of tunnels.values()) {
      const { low, high, vni } = parts[0];
      const directions = sumDirections(parts.map((part) => part.directions));
      yield {
        kind: 'geneve',
        endpoints: [low, high],
        key: vni,
        directions,
        facts: {
          ...carriageFacts(parts.flatMap((part) => part.directions)),
          optionsBytesMax: Math.max(...parts.map(({ optionsMax }) => optionsMax)),
        },
      };
    }
  },
  followed: ({ sessions }) => sessions(geneveTunnels),
  filter: (a, b) => `(geneve || ip.flags.mf == 1 || ipv6.fraghdr) && ${pairFilter(a, b)}`,
};

export default kind;
