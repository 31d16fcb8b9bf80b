import { addTo } from '../../src/correlate/group-by.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../src/wire/ip.js';
import { type IcmpError, icmpErrors, type QuotedPacket } from '../icmp/correlator.js';
import { tcpConnections } from '../tcp/correlator.js';
import {
  flowBetween,
  type RequestsOfSide,
  serverKey,
  type TunnelRequests,
  type UnansweredRequests,
} from './requests.js';
import type { InnerFlow, InnerSide, VxlanTunnel } from './session.js';

/*
 * Connections inside a tunnel that are turned down: by an ICMP error, or in silence while the tunnel and the
 * server work.
 */

/** Attempts of clients behind one end of a tunnel to reach one server endpoint behind the other. */
export interface Rejection {
  readonly tunnel: VxlanTunnel;
  readonly server: string;
  readonly port: number;
  readonly protocol: number;
  /** Said by ICMP, or concluded from silence. */
  readonly isSaid: boolean;
  readonly attempts: readonly Attempt[];
  /** Group policy ids of the attempts that failed, and of connections that the same endpoint accepted. */
  readonly refusedIds: readonly number[];
  readonly acceptedIds: readonly number[];
  /** The server answered something else: another port, or a ping. */
  readonly answersElse: boolean;
  /** A later attempt of the same client succeeded. */
  readonly isOver: boolean;
}

export interface Attempt {
  readonly client: string;
  readonly clientPort: number;
  readonly packets: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** The ICMP errors about it. */
  readonly errors: readonly FrameRef[];
  readonly reporter: string | null;
  /** What the client sent; null where the tunnel did not keep the flow. */
  readonly sent: InnerSide | null;
}

const SILENT_PACKETS_MIN = 3;
/** Traceroute probes with UDP from here on. */
const TRACEROUTE_PORT_MIN = 33_434;
const TRACEROUTE_PORT_MAX = 33_534;

/** Rejections in all tunnels, one for each server endpoint and tunnel. */
export function rejectionsOf(evidence: Evidence, all: readonly TunnelRequests[]): Rejection[] {
  return all.flatMap((one) => [...saidOf(evidence, one), ...silentOf(evidence, one)]);
}

function saidOf(evidence: Evidence, { tunnel, sides }: TunnelRequests): Rejection[] {
  const groups = new Map<string, Attempt[]>();
  for (const error of evidence.sessions(icmpErrors)) {
    const { quoted } = error;
    if (!quoted || !isRejection(error, quoted, tunnel)) continue;
    const key = `${quoted.destination} ${quoted.destinationPort} ${quoted.protocol}`;
    const attempt = attemptOf(tunnel, error, quoted);
    addTo(groups, key, attempt);
  }
  return [...groups].map(([key, attempts]) => {
    const [server, port, protocol] = key.split(' ');
    return rejection(
      evidence,
      tunnel,
      sides,
      { server, port: Number(port), protocol: Number(protocol) },
      true,
      attempts,
    );
  });
}

function isRejection(error: IcmpError, quoted: QuotedPacket, tunnel: VxlanTunnel): boolean {
  if (error.stack !== tunnel.stack || error.segment !== tunnel.segment) return false;
  if (error.meaning !== 'port-unreachable' || !error.isPlausible) return false;
  if (quoted.protocol === PROTOCOL_TCP) return true;
  const { destinationPort } = quoted;
  const isProbe = destinationPort >= TRACEROUTE_PORT_MIN && destinationPort <= TRACEROUTE_PORT_MAX;
  return quoted.protocol === PROTOCOL_UDP && !isProbe;
}

function attemptOf(tunnel: VxlanTunnel, error: IcmpError, quoted: QuotedPacket): Attempt {
  const client = { address: quoted.source, port: quoted.sourcePort };
  const server = { address: quoted.destination, port: quoted.destinationPort };
  const flow = flowBetween(tunnel, client, server, quoted.protocol);
  const sent = flow ? sideOf(flow, client) : null;
  return {
    client: client.address,
    clientPort: client.port,
    packets: sent?.packets ?? error.count,
    first: sent?.first ?? error.first,
    last: sent?.last ?? error.last,
    errors: [error.first, error.last],
    reporter: error.reporter,
    sent,
  };
}

/** SYNs without any answer, to an endpoint behind a tunnel that brings other answers back meanwhile. */
function silentOf(evidence: Evidence, { tunnel, sides }: TunnelRequests): Rejection[] {
  return [0, 1].flatMap((direction) => {
    const side = sides[direction];
    const lastBack = tunnel.directions[1 - direction].last;
    const groups = new Map<string, UnansweredRequests[]>();
    for (const request of side.unanswered) {
      if (request.kind !== 'tcp' || !lastBack) continue;
      const key = `${request.destination} ${request.port}`;
      addTo(groups, key, request);
    }
    return [...groups.values()].flatMap((requests) => {
      const packets = requests.reduce((sum, { count }) => sum + count, 0);
      if (packets < SILENT_PACKETS_MIN || !isTunnelAlive(side, tunnel, direction, requests)) return [];
      const attempts = requests.map((request): Attempt => {
        const client = { address: request.source, port: request.sourcePort };
        const flow = flowBetween(tunnel, client, { address: request.destination, port: request.port });
        return {
          client: request.source,
          clientPort: request.sourcePort,
          packets: request.count,
          first: request.first,
          last: request.last,
          errors: [],
          reporter: null,
          sent: flow ? sideOf(flow, client) : null,
        };
      });
      const { destination: server, port } = requests[0];
      return [rejection(evidence, tunnel, sides, { server, port, protocol: PROTOCOL_TCP }, false, attempts)];
    });
  });
}

/**
 * The tunnel works for others: answers came back before or after, and nothing else is unanswered in this
 * direction.
 */
function isTunnelAlive(
  side: RequestsOfSide,
  tunnel: VxlanTunnel,
  direction: number,
  requests: readonly UnansweredRequests[],
): boolean {
  const lastBack = tunnel.directions[1 - direction].last;
  const first = Math.min(...requests.map((one) => one.first.timeNs));
  if (lastBack && lastBack.timeNs > first) return true;
  return side.answered > 0 && side.unanswered.every((one) => requests.includes(one));
}

function rejection(
  evidence: Evidence,
  tunnel: VxlanTunnel,
  sides: readonly RequestsOfSide[],
  endpoint: { readonly server: string; readonly port: number; readonly protocol: number },
  isSaid: boolean,
  attempts: readonly Attempt[],
): Rejection {
  const { server, port } = endpoint;
  const ids = attempts.flatMap(({ sent }) => (sent && sent.tagged > 0 ? [sent.policyId] : []));
  const refusedIds = [...new Set(ids)].sort((a, b) => a - b);
  const own = serverKey(endpoint.protocol === PROTOCOL_TCP ? 'tcp' : 'dns', { address: server, port });
  return {
    tunnel,
    ...endpoint,
    isSaid,
    attempts: [...attempts].sort((a, b) => a.first.frame - b.first.frame),
    refusedIds,
    acceptedIds: acceptedIds(tunnel, server, port),
    answersElse: sides.some(
      (side) =>
        side.answeredPings.has(server) ||
        [...side.answeredServers].some((one) => one !== own && one.startsWith(`${server} `)),
    ),
    isOver: attempts.every((attempt) => succeedsLater(evidence, tunnel, attempt, server, port)),
  };
}

/** Group policy ids with which the endpoint answered. */
function acceptedIds(tunnel: VxlanTunnel, server: string, port: number): number[] {
  const ids = new Set<number>();
  for (const { protocol, low, high, lowPort, highPort, sides } of tunnel.flows) {
    if (protocol !== PROTOCOL_TCP || sides[0].packets === 0 || sides[1].packets === 0) continue;
    if (high === server && highPort === port && sides[0].tagged > 0) ids.add(sides[0].policyId);
    if (low === server && lowPort === port && sides[1].tagged > 0) ids.add(sides[1].policyId);
  }
  return [...ids].sort((a, b) => a - b);
}

function succeedsLater(
  evidence: Evidence,
  tunnel: VxlanTunnel,
  attempt: Attempt,
  server: string,
  port: number,
): boolean {
  return evidence.sessions(tcpConnections).some(({ a, b, stack, segment, lastNs }) => {
    if (stack !== tunnel.stack || segment !== tunnel.segment || !(lastNs > attempt.last.timeNs)) return false;
    const [from, to] = a.address === server && a.port === port ? [b, a] : [a, b];
    if (to.address !== server || to.port !== port || from.address !== attempt.client) return false;
    const flow = flowBetween(tunnel, from, to);
    // With another group policy id it is another client to the policy.
    const isSame = !flow || !attempt.sent || sideOf(flow, from).policyId === attempt.sent.policyId;
    return to.segments > 0 && isSame;
  });
}

function sideOf(flow: InnerFlow, client: { readonly address: string; readonly port: number }): InnerSide {
  return flow.low === client.address && flow.lowPort === client.port ? flow.sides[0] : flow.sides[1];
}
