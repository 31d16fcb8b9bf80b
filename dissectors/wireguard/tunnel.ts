import { latest } from '../../src/correlate/frame-reference.js';
import { outerLength } from '../../src/correlate/tunnel-direction.js';
import type { CarriedKind, Evidence, TunnelDraft, TunnelState } from '../../src/diagnose/diagnosis.js';
import {
  type FollowedDirection,
  type FollowedTunnel,
  followedDirection,
} from '../../src/diagnose/followed-tunnel.js';
import { mayStillNegotiate, sumDirection } from '../../src/diagnose/tunnel-draft.js';
import { mostBy, type NonEmpty } from '../../src/moment.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { socketText } from '../../src/wording/endpoints.js';
import { wireguardFlows } from './correlator.js';
import { KEEPALIVE_LENGTH } from './layout.js';
import { movesOf, otherWay } from './peers.js';
import { SILENCE_SECONDS, type WireguardDirection, type WireguardFlow } from './session.js';

const VAIN_MIN = 3;

/** One tunnel a pair of addresses, from wherever its peers send; a peer that moves stays in its tunnel. */
const kind: CarriedKind = {
  kind: 'wireguard',
  name: 'WireGuard',
  judges: { oneWay: 'wireguard.no-response', size: 'overlay.mtu-exceeded' },
  *describe(evidence) {
    for (const flows of tunnelsOf(evidence)) yield describe(flows, evidence);
  },
  followed: ({ sessions }) => sessions(wireguardFlows).map(followedFlow),
  filter: (a, b) => `wg && ${pairFilter(a, b)}`,
};

export default kind;

/** Of its ends, the low address first, as the flow has them. */
function followedFlow({ stack, segment, directions: [there, back] }: WireguardFlow): FollowedTunnel {
  const directions = [followedWay(there), followedWay(back)] as const;
  const [{ from: low, to: high }] = directions;
  return { low, high, segment, stack: 0, outerStack: stack, directions };
}

function followedWay(way: WireguardDirection): FollowedDirection {
  const { from, to, largest, fragmented, packets, first } = way;
  return followedDirection(
    { ...way, from: from.address, to: to.address },
    {
      ports: first ? [{ port: to.port, packets, first }] : [],
      largestOuter: outerLength(from.address, largest, true),
      // Filled up to 16 bytes, but not beyond the MTU of the interface.
      largestInner: Math.max(0, largest - KEEPALIVE_LENGTH),
      fragmented,
    },
  );
}

function tunnelsOf(evidence: Evidence): Iterable<NonEmpty<WireguardFlow>> {
  const groups = new Map<string, [WireguardFlow, ...WireguardFlow[]]>();
  const groupOf = new Map<WireguardFlow, [WireguardFlow, ...WireguardFlow[]]>();
  const moved = new Map(
    movesOf(evidence).flatMap(({ now, old, isProven }) => (isProven ? [[now, old]] : [])),
  );
  for (const flow of evidence.sessions(wireguardFlows)) {
    const { from, to } = flow.directions[0];
    const key = `${flow.stack} ${from.address} ${to.address}`;
    const old = moved.get(flow);
    const known = (old && groupOf.get(old)) ?? groups.get(key);
    known?.push(flow);
    const group = known ?? [flow];
    groupOf.set(flow, group);
    if (!groups.has(key)) groups.set(key, group);
  }
  return new Set(groups.values());
}

function describe(flows: NonEmpty<WireguardFlow>, evidence: Evidence): TunnelDraft {
  const now = mostBy(flows, ({ last }) => last.frame);
  const [there, back] = now.directions;
  const periods = now.directions.filter(({ keepalivePeriodNs }) => !Number.isNaN(keepalivePeriodNs));
  const handshakes = flows.flatMap((flow) => flow.handshakes);
  const sockets = new Set(
    flows.flatMap(({ directions: [one] }) => [socketText(one.from), socketText(one.to)]),
  );
  return {
    kind: 'wireguard',
    endpoints: [there.from.address, back.from.address],
    state: stateOf(now, evidence),
    directions: [...sumOf(flows, there), ...sumOf(flows, back)],
    facts: {
      sockets: [...sockets].sort(),
      handshakes: handshakes.filter(({ response }) => response !== null).length,
      ...(periods.length > 0 && {
        keepalivePeriodMs: Object.fromEntries(
          periods.map(({ from, keepalivePeriodNs }) => [
            socketText(from),
            Math.round((keepalivePeriodNs * 1000) / NS_PER_SECOND),
          ]),
        ),
      }),
    },
  };
}

/** All flows of the tunnel in the direction of one of them, also from other addresses of a peer that moved. */
function sumOf(flows: readonly WireguardFlow[], { from, to }: WireguardDirection): TunnelDraft['directions'] {
  const parts = flows
    .flatMap(({ directions: [low, high] }) => [low, high])
    .filter((one) => one.from.address === from.address || one.to.address === to.address);
  return sumDirection(from.address, to.address, parts);
}

function stateOf(flow: WireguardFlow, { quality }: Evidence): TunnelState {
  const { directions, handshakes, last } = flow;
  const lastBack = latest(directions.map(({ lastTransport }) => lastTransport));
  const vain = handshakes.filter(
    ({ initiation, response, cookie, unseenResponse }) =>
      !response && !cookie && !unseenResponse && (lastBack === null || initiation.frame > lastBack.frame),
  );
  if (vain.length >= VAIN_MIN) return 'failed';
  const [there, back] = directions.map(({ dataPackets, keepalives }) => dataPackets + keepalives);
  if (there > 0 && back > 0) return isStuck(flow) ? 'one-way' : 'up';
  if (there > 0 || back > 0) return handshakes.length > 0 || isData(flow) ? 'one-way' : 'idle';
  if (handshakes.length < VAIN_MIN && mayStillNegotiate(quality, last)) return 'negotiating';
  // A session that is set up is used at once: by the packet that confirms it.
  return 'failed';
}

function isData({ directions }: WireguardFlow): boolean {
  return directions.some(({ dataPackets }) => dataPackets > 0);
}

/** Data that goes on longer than the protocol lets the other side keep silent. */
function isStuck({ directions }: WireguardFlow): boolean {
  return ([0, 1] as const).some((way) => {
    const { unanswered, lastTransport } = directions[way];
    const back = directions[otherWay(way)];
    if (!unanswered || !lastTransport || !back.last || directions[way].dataPackets === 0) return false;
    return (
      unanswered.packets >= VAIN_MIN &&
      (lastTransport.timeNs - unanswered.first.timeNs) / NS_PER_SECOND > SILENCE_SECONDS * 2
    );
  });
}
