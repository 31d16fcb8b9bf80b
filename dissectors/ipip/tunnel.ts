import type { OneWayTraffic, PairTraffic } from '../../src/correlate/traffic.js';
import type { TunnelDraft, TunnelView } from '../../src/diagnose/diagnosis.js';
import { PROTOCOL_IPIP, PROTOCOL_IPV6 } from '../../src/wire/ip.js';

/** One tunnel per pair of ends and inner IP version. */
const view: TunnelView = {
  kind: 'ipip',
  *describe({ quality }) {
    for (const pair of quality.traffic.all()) {
      for (const { protocol, fromA, fromB } of pair.conversations) {
        if (protocol !== PROTOCOL_IPIP && protocol !== PROTOCOL_IPV6) continue;
        yield describe(pair, protocol, fromA, fromB);
      }
    }
  },
};

export default view;

function describe(
  { a, b }: PairTraffic,
  protocol: number,
  fromA: OneWayTraffic,
  fromB: OneWayTraffic,
): TunnelDraft {
  return {
    kind: 'ipip',
    endpoints: [a, b],
    state: fromA.packets > 0 && fromB.packets > 0 ? 'up' : 'one-way',
    directions: [
      { from: a, to: b, ...fromA },
      { from: b, to: a, ...fromB },
    ].flatMap(({ from, to, packets, bytes, first, last }) =>
      first && last ? [{ from, to, packets, bytes, first, last }] : [],
    ),
    facts: { inner: protocol === PROTOCOL_IPIP ? 'IPv4' : 'IPv6' },
  };
}
