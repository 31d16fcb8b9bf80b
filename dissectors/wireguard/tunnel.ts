import { latest } from '../../src/correlate/frame-reference.js';
import type { CarriedKind, Evidence, TunnelDraft, TunnelState } from '../../src/diagnose/diagnosis.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { wireguardFlows } from './correlator.js';
import { movesOf, otherWay, socketText } from './peers.js';
import { SILENCE_SECONDS, type WireguardDirection, type WireguardFlow } from './session.js';

/** A handshake whose last packet is this fresh may still go on. */
const NEGOTIATING_SECONDS = 10;
const VAIN_MIN = 3;

/** One tunnel a pair of addresses, from wherever its peers send; a peer that moves stays in its tunnel. */
const kind: CarriedKind = {
  kind: 'wireguard',
  name: 'WireGuard',
  *describe(evidence) {
    for (const flows of tunnelsOf(evidence)) yield describe(flows, evidence);
  },
  filter: (a, b) => `wg && ${pairFilter(a, b)}`,
};

export default kind;

function tunnelsOf(evidence: Evidence): Iterable<readonly WireguardFlow[]> {
  const groups = new Map<string, WireguardFlow[]>();
  const groupOf = new Map<WireguardFlow, WireguardFlow[]>();
  const moved = new Map(
    movesOf(evidence).flatMap(({ now, old, isProven }) => (isProven ? [[now, old]] : [])),
  );
  for (const flow of evidence.sessions(wireguardFlows)) {
    const { from, to } = flow.directions[0];
    const key = `${flow.stack} ${from.address} ${to.address}`;
    const old = moved.get(flow);
    const group = (old && groupOf.get(old)) ?? groups.get(key) ?? [];
    group.push(flow);
    groupOf.set(flow, group);
    if (!groups.has(key)) groups.set(key, group);
  }
  return new Set(groups.values());
}

function describe(flows: readonly WireguardFlow[], evidence: Evidence): TunnelDraft {
  const now = flows.reduce((a, b) => (b.last.frame > a.last.frame ? b : a));
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
    directions: [sumOf(flows, there), sumOf(flows, back)].flatMap((one) => (one ? [one] : [])),
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
function sumOf(
  flows: readonly WireguardFlow[],
  like: WireguardDirection,
): TunnelDraft['directions'][number] | null {
  const parts = flows
    .flatMap(({ directions: [low, high] }) => [low, high])
    .filter(
      ({ packets, from, to }) =>
        packets > 0 && (from.address === like.from.address || to.address === like.to.address),
    );
  const refs = parts.flatMap(({ first, last }) => (first && last ? [first, last] : []));
  if (refs.length === 0) return null;
  return {
    from: like.from.address,
    to: like.to.address,
    packets: parts.reduce((sum, { packets }) => sum + packets, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    first: refs.reduce((a, b) => (b.frame < a.frame ? b : a)),
    last: refs.reduce((a, b) => (b.frame > a.frame ? b : a)),
  };
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
  if (handshakes.length < VAIN_MIN && quality.secondsToEnd(last) < NEGOTIATING_SECONDS) return 'negotiating';
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
