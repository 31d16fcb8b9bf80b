import type { CarriedKind } from '../../src/diagnose/diagnosis.js';
import { insideFacts, sizeFacts, sumDirections } from '../../src/diagnose/tunnel-draft.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { ipipTunnels } from './correlator.js';

/**
 * One tunnel per pair of ends and inner IP version. Direct server return and IPVS send requests through it whose answers
 * never take it.
 */
const kind: CarriedKind = {
  kind: 'ipip',
  name: 'IP in IP',
  mayAnswerAround: true,
  judges: { oneWay: 'ipip.no-return', size: 'overlay.mtu-exceeded' },
  *describe({ sessions, quality }) {
    for (const { low, high, innerVersion, outerStack, directions } of sessions(ipipTunnels)) {
      yield {
        kind: 'ipip',
        endpoints: [low, high],
        directions: sumDirections([directions]),
        facts: {
          inner: innerVersion === 4 ? 'IPv4' : 'IPv6',
          ...insideFacts(quality, outerStack),
          mtu: sizeFacts(directions),
        },
      };
    }
  },
  followed: ({ sessions }) => sessions(ipipTunnels),
  filter: (a, b) =>
    `(ip.proto == 4 || ipv6.nxt == 4 || ip.proto == 41 || ipv6.nxt == 41) && ${pairFilter(a, b)}`,
};

export default kind;
