import { groupBy } from '../../src/correlate/group-by.js';
import type { CarriedKind, TunnelDraft } from '../../src/diagnose/diagnosis.js';
import { carriageFacts, sumDirections } from '../../src/diagnose/tunnel-draft.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { type VxlanTunnel, vxlanTunnels } from './correlator.js';

/** One tunnel per pair of ends and VNI. */
const kind: CarriedKind = {
  kind: 'vxlan',
  name: 'VXLAN',
  judges: { oneWay: 'vxlan.no-return', size: 'overlay.mtu-exceeded' },
  *describe(evidence) {
    const tunnels = groupBy(evidence.sessions(vxlanTunnels), ({ stack }) => stack);
    // A tunnel in a tunnel names it by its id, which counts from 1 in this order.
    const ids = new Map([...tunnels.keys()].map((stack, index) => [stack, `vxlan-${index + 1}`]));
    for (const parts of tunnels.values()) yield draftOf(parts, ids);
  },
  followed: ({ sessions }) => sessions(vxlanTunnels),
  filter: (a, b) => `(vxlan || udp || ip.flags.mf == 1 || ipv6.fraghdr) && ${pairFilter(a, b)}`,
};

export default kind;

function draftOf(parts: readonly VxlanTunnel[], ids: ReadonlyMap<number, string>): TunnelDraft {
  const { low, high, vni, outerStack, isGpe } = parts[0];
  const directions = parts.flatMap((part) => part.directions);
  const encapsulatedIn = ids.get(outerStack);
  return {
    kind: 'vxlan',
    endpoints: [low, high],
    key: vni,
    ...(parts.some(({ isMirror }) => isMirror) ? { state: 'mirror' } : {}),
    directions: sumDirections(parts.map((part) => part.directions)),
    facts: {
      ...(encapsulatedIn === undefined ? {} : { encapsulatedIn }),
      ...(isGpe ? { implementation: 'VXLAN-GPE' } : {}),
      ...policyFacts(directions),
      ...carriageFacts(directions),
    },
  };
}

function policyFacts(directions: readonly VxlanTunnel['directions'][number][]): Record<string, unknown> {
  const policyIds: Record<string, number[]> = {};
  for (const { from, policies } of directions) {
    const ids = new Set([...(policyIds[from] ?? []), ...policies.map(({ policyId }) => policyId)]);
    if (ids.size > 0) policyIds[from] = [...ids].sort((a, b) => a - b);
  }
  const ids = new Set(Object.values(policyIds).flat());
  return ids.size === 0 ? {} : { policyIds: [...ids].sort((a, b) => a - b), policyIdsBySender: policyIds };
}
