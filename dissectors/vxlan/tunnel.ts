import type { TunnelDraft, TunnelView } from '../../src/diagnose/diagnosis.js';
import { carriageFacts, sumDirections } from '../../src/diagnose/tunnel-draft.js';
import { type VxlanTunnel, vxlanTunnels } from './correlator.js';

const view: TunnelView = {
  kind: 'vxlan',
  *describe(evidence) {
    const tunnels = new Map<number, VxlanTunnel[]>();
    for (const tunnel of evidence.sessions(vxlanTunnels)) {
      const known = tunnels.get(tunnel.stack);
      if (known) known.push(tunnel);
      else tunnels.set(tunnel.stack, [tunnel]);
    }
    // A tunnel in a tunnel names it by its id, which counts from 1 in this order.
    const ids = new Map([...tunnels.keys()].map((stack, index) => [stack, `vxlan-${index + 1}`]));
    for (const parts of tunnels.values()) yield draftOf(parts, ids);
  },
};

export default view;

function draftOf(parts: readonly VxlanTunnel[], ids: ReadonlyMap<number, string>): TunnelDraft {
  const { low, high, vni, outerStack, isGpe } = parts[0];
  const directions = parts.flatMap((part) => part.directions);
  const encapsulatedIn = ids.get(outerStack);
  return {
    kind: 'vxlan',
    endpoints: [low, high],
    key: vni,
    state: stateOf(parts),
    directions: sumDirections(parts.map((part) => part.directions)),
    facts: {
      ...(encapsulatedIn === undefined ? {} : { encapsulatedIn }),
      ...(isGpe ? { implementation: 'VXLAN-GPE' } : {}),
      ...policyFacts(directions),
      ...carriageFacts(directions),
    },
  };
}

function stateOf(parts: readonly VxlanTunnel[]): string {
  if (parts.some(({ isMirror }) => isMirror)) return 'mirrored traffic';
  const [there, back] = [0, 1].map((way) => parts.some(({ directions }) => directions[way].packets > 0));
  return there && back ? 'two-way' : 'one-way';
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
