import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { CarriedKind, TunnelDraft } from '../../src/diagnose/diagnosis.js';
import { insideFacts, sizeFacts, sumDirections } from '../../src/diagnose/tunnel-draft.js';
import { greTunnels } from './correlator.js';
import { KEY_MIDONET_FLOW_STATE } from './layout.js';
import type { GreDirection, GreTunnel } from './session.js';
import { carryingPackets, greFilter, grePairs, pairSubject } from './tunnel-pairs.js';

/** Keys that a tunnel lists where they differ per direction. */
const KEYS_MAX = 64;

/**
 * One tunnel per pair of ends and key that both directions use. Keys seen in one direction only (PPTP's call ids, keys
 * that name the receiver, flow ids) are put together, one tunnel a pair.
 */
const kind: CarriedKind = {
  kind: 'gre',
  name: 'GRE',
  judges: { oneWay: 'gre.no-return', size: 'overlay.mtu-exceeded' },
  subject: (low, high) => pairSubject({ low, high }),
  *describe({ sessions, quality }) {
    const oneWay = new Map<string, GreTunnel[]>();
    for (const tunnel of sessions(greTunnels)) {
      const { low, high, outerStack, isPptp, directions } = tunnel;
      if (tunnel.kind === 'erspan' || directions.every(({ packets }) => packets > 0)) {
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
  followed: ({ sessions }) =>
    grePairs(sessions(greTunnels)).flatMap(({ tunnels }) =>
      tunnels.map((tunnel) => {
        const { low, high, segment, stack, outerStack, key, directions } = tunnel;
        return {
          low,
          high,
          segment,
          stack,
          outerStack,
          ...(directions.some(({ keyed }) => keyed > 0) ? { key } : {}),
          directions: [withCarrying(directions[0]), withCarrying(directions[1])] as const,
        };
      }),
    ),
  filter: greFilter,
};

export default kind;

function withCarrying<Direction extends GreDirection>(one: Direction): Direction & { carrying: number } {
  return { ...one, carrying: carryingPackets(one) };
}

function describe(quality: CaptureQuality, tunnels: readonly GreTunnel[]): TunnelDraft {
  const { kind, low, high, outerStack, isPptp } = tunnels[0];
  const directions = tunnels.flatMap((tunnel) => tunnel.directions);
  const types = [...new Set(directions.flatMap(({ protocolTypes }) => protocolTypes))];
  const flowState = tunnels.find(({ key }) => key === KEY_MIDONET_FLOW_STATE);
  const mtu = sizeFacts(directions);
  return {
    kind,
    endpoints: [low, high],
    ...keyOf(tunnels),
    ...(kind === 'erspan' ? { state: 'mirror' } : {}),
    directions: sumDirections(tunnels.map((tunnel) => tunnel.directions)),
    facts: {
      protocolTypes: types.map((type) => `0x${type.toString(16).padStart(4, '0')}`),
      ...(isPptp ? { carries: 'PPTP' } : {}),
      ...(flowState ? { flowStatePackets: packetsOf(flowState) } : {}),
      ...insideFacts(quality, outerStack),
      ...(mtu.largestInner > 0 ? { mtu } : {}),
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
