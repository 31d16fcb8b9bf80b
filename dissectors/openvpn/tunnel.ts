import type { CarriedKind, Evidence, TunnelDraft, TunnelState } from '../../src/diagnose/diagnosis.js';
import { type FollowedDirection, followedDirection } from '../../src/diagnose/followed-tunnel.js';
import { mayStillNegotiate, sumDirection } from '../../src/diagnose/tunnel-draft.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { openvpnConversations } from './correlator.js';
import { DATA_V2 } from './layout.js';
import { attemptsOf, fromClient, fromServer, isAnswered, type OpenvpnPeers, openvpnPeers } from './peers.js';
import { WRAP_PLAIN, WRAP_TLS_AUTH, WRAP_TLS_CRYPT } from './rows.js';
import type { OpenvpnDirection } from './session.js';
import { stallsOf } from './tls-stalls.js';

const PROTECTION: ReadonlyMap<number, string> = new Map([
  [WRAP_PLAIN, 'none'],
  [WRAP_TLS_AUTH, 'tls-auth'],
  [WRAP_TLS_CRYPT, 'tls-crypt'],
]);

/** One tunnel a client address and server socket, however often the client connects. */
const kind: CarriedKind = {
  kind: 'openvpn',
  name: 'OpenVPN',
  judges: { oneWay: 'openvpn.one-way-data', size: 'openvpn.outer-fragmentation' },
  *describe(evidence) {
    for (const peers of openvpnPeers(evidence)) yield describe(peers, evidence);
  },
  followed: ({ sessions }) =>
    sessions(openvpnConversations).map(({ stack, segment, directions: [there, back] }) => ({
      low: there.from.address,
      high: there.to.address,
      segment,
      stack: 0,
      outerStack: stack,
      directions: [followedWay(there), followedWay(back)] as const,
    })),
  filter: (a, b) => `openvpn && ${pairFilter(a, b)}`,
};

export default kind;

function followedWay(way: OpenvpnDirection): FollowedDirection {
  const { from, to, packets, first, dataPackets } = way;
  const ports = first ? [{ port: to.port, packets, first }] : [];
  return {
    ...followedDirection({ ...way, from: from.address, to: to.address }, { ports }),
    carrying: dataPackets,
  };
}

function describe(peers: OpenvpnPeers, evidence: Evidence): TunnelDraft {
  const { client, server, serverPort, conversations } = peers;
  const there = conversations.map(fromClient);
  const back = conversations.map(fromServer);
  const wrappings = [...new Set(conversations.flatMap((one) => one.wrappings))];
  const protection = wrappings.flatMap((wrapping) => PROTECTION.get(wrapping) ?? []);
  const peerIds = [...new Set([...there, ...back].flatMap((one) => one.peerIds))].sort((a, b) => a - b);
  const handshakes = conversations.flatMap((one) => one.handshakes);
  return {
    kind: 'openvpn',
    endpoints: [client, server],
    state: dataState(peers, evidence),
    directions: [...sumDirection(client, server, there), ...sumDirection(server, client, back)],
    facts: {
      transport: conversations[0].transport,
      port: serverPort,
      sessions: handshakes.filter(({ kind }) => kind === 'hard').length,
      renegotiations: handshakes.filter(({ kind }) => kind === 'soft').length,
      ...(protection.length > 0
        ? { controlProtection: protection.length === 1 ? protection[0] : protection }
        : {}),
      ...dataFacts([...there, ...back]),
      ...(peerIds.length > 0 && there.some(({ dataOpcode }) => dataOpcode === DATA_V2) ? { peerIds } : {}),
      ...pingFacts(there, back),
    },
  };
}

function dataFacts(directions: readonly OpenvpnDirection[]): Record<string, unknown> {
  const opcodes = [...new Set(directions.map(({ dataOpcode }) => dataOpcode))].filter((opcode) => opcode > 0);
  if (opcodes.length === 0) return {};
  const readable = directions.find(({ packetIds }) => packetIds !== null)?.packetIds;
  return {
    dataVersion: Math.max(...opcodes) === DATA_V2 ? 2 : 1,
    ...(readable ? { packetIds: readable.hasEpochs ? 'epochs' : 'in clear (AEAD)' } : {}),
  };
}

/** Learned ping periods in milliseconds, by who sends them. */
function pingFacts(
  there: readonly OpenvpnDirection[],
  back: readonly OpenvpnDirection[],
): Record<string, unknown> {
  const periods: Record<string, number> = {};
  for (const { from, pingPeriodNs } of [...there, ...back]) {
    if (!Number.isNaN(pingPeriodNs))
      periods[from.address] = Math.round((pingPeriodNs * 1000) / NS_PER_SECOND);
  }
  return Object.keys(periods).length === 0 ? {} : { pingPeriodMs: periods };
}

/** Of peers that negotiate, and exchange no data. */
function silentState(peers: OpenvpnPeers, { quality }: Evidence): TunnelState {
  const { conversations } = peers;
  const latest = conversations[conversations.length - 1];
  if (mayStillNegotiate(quality, latest.last)) return 'negotiating';
  if (stallsOf(latest, quality).length > 0) return 'failed';
  const attempts = attemptsOf(peers);
  if (attempts.length === 0) return 'unknown';
  const isDone = attempts.some(isAnswered) && latest.handshakes.some(({ messages }) => messages.length > 0);
  return isDone ? 'idle' : 'failed';
}

/** Of the latest conversation: packets both ways may as well be those of the handshake. */
function dataState(peers: OpenvpnPeers, evidence: Evidence): TunnelState {
  const { directions } = peers.conversations[peers.conversations.length - 1];
  const ways = directions.filter(({ dataPackets }) => dataPackets > 0).length;
  return ways === 2 ? 'up' : ways === 1 ? 'one-way' : silentState(peers, evidence);
}
