import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { type ByStack, byStack } from '../../src/correlate/group-by.js';
import { secondsToPause } from '../../src/correlate/watched.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../src/wire/ip.js';
import { PORT_DNS } from '../../src/wire/transport.js';
import { type ArpPair, arpPairs } from '../arp/correlator.js';

import { type EchoRun, type EchoStream, echoStreams } from '../icmp/correlator.js';
import { settleEcho } from '../icmp/shared/echo-pairs.js';
import { type TcpConnection, type TcpDirection, tcpConnections } from '../tcp/correlator.js';
import { vxlanTunnels } from './correlator.js';
import { BEHIND_HIGH, BEHIND_LOW, type InnerFlow, type VxlanTunnel } from './session.js';

/*
 * What hosts behind the two ends of a tunnel ask each other, and what stays without an answer. An answer
 * counts wherever it is seen: asymmetric routing brings it back in another VNI, and MidoNet always does.
 */

/** Requests of one kind to one target that got no answer up to the end of the capture. */
export interface UnansweredRequests {
  readonly kind: 'echo' | 'tcp' | 'dns' | 'arp';
  /** Inner addresses. */
  readonly source: string;
  readonly destination: string;
  /** Of the destination; 0 for echo and ARP. */
  readonly port: number;
  /** Of the source; 0 for echo and ARP. */
  readonly sourcePort: number;
  readonly count: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** A run of unanswered echoes between answered ones. */
export interface EchoBurst {
  readonly stream: EchoStream;
  readonly run: EchoRun;
}

/** The requests that travel in one direction of a tunnel. */
export interface RequestsOfSide {
  readonly unanswered: readonly UnansweredRequests[];
  readonly bursts: readonly EchoBurst[];
  /** Ping streams that travel in the direction. */
  readonly streams: readonly EchoStream[];
  /** Requests that were answered, and the last one of them as far as known. */
  readonly answered: number;
  readonly lastAnswered: FrameRef | null;
  /** Inner hosts whose pings were answered, and servers that answered requests, by `serverKey`. */
  readonly answeredPings: ReadonlySet<string>;
  readonly answeredServers: ReadonlySet<string>;
  /** In words, what proves that answers arrive although the capture shows none; or null. */
  readonly hearsUnseen: string | null;
}

export interface TunnelRequests {
  readonly tunnel: VxlanTunnel;
  /** By direction of the requests: 0 from behind the low endpoint. */
  readonly sides: readonly [RequestsOfSide, RequestsOfSide];
}

/** Linux repeats a SYN after 1 s and again after 3 s. */
const TCP_ANSWER_SECONDS = 3;
/** Default timeout of a query in glibc. */
const DNS_ANSWER_SECONDS = 5;
const ARP_ANSWER_SECONDS = 1;

/** Seven diagnoses ask for the same. */
const requestsOfRun = new WeakMap<Evidence, readonly TunnelRequests[]>();

/**
 * Tunnels between two hosts, with the requests in them. Left out: floods to a group, and mirrored traffic.
 */
export function tunnelRequests(evidence: Evidence): readonly TunnelRequests[] {
  const known = requestsOfRun.get(evidence);
  if (known) return known;
  const finder = new RequestFinder(evidence);
  const found = evidence
    .sessions(vxlanTunnels)
    .filter((tunnel) => !tunnel.isMirror && !isGroup(tunnel.low) && !isGroup(tunnel.high))
    .map(
      (tunnel): TunnelRequests => ({
        tunnel,
        sides: [finder.requestsOf(tunnel, 0), finder.requestsOf(tunnel, 1)],
      }),
    );
  requestsOfRun.set(evidence, found);
  return found;
}

/** IPv4 and IPv6 multicast, and the limited broadcast address. */
export function isGroup(address: string): boolean {
  if (address.includes(':')) return address.startsWith('ff');
  const first = Number(address.split('.')[0]);
  return (first >= 224 && first < 240) || address === '255.255.255.255';
}

export function requestCount(requests: readonly UnansweredRequests[]): number {
  return requests.reduce((sum, { count }) => sum + count, 0);
}

class RequestFinder {
  private readonly quality: CaptureQuality;
  /** Tunnels by the inner hosts in them, so that a connection need not ask every tunnel. */
  private readonly tunnelsOf = new Map<string, VxlanTunnel[]>();
  private readonly echoes: ByStack<EchoStream>;
  private readonly connections: ByStack<TcpConnection>;
  private readonly questions: ByStack<ArpPair>;
  /** Pings whose replies came without their requests, in some tunnel or none. */
  private readonly strayReplies: ReadonlySet<string>;
  private readonly resolved: ReadonlySet<string>;

  constructor(evidence: Evidence) {
    this.quality = evidence.quality;
    for (const tunnel of evidence.sessions(vxlanTunnels)) this.fileByHosts(tunnel);
    const echoes = evidence.sessions(echoStreams);
    const questions = evidence.sessions(arpPairs);
    this.echoes = byStack(echoes);
    this.connections = byStack(evidence.sessions(tcpConnections));
    this.questions = byStack(questions);
    this.strayReplies = new Set(echoes.filter(({ unmatchedReplies }) => unmatchedReplies > 0).map(echoKey));
    this.resolved = new Set(questions.filter(({ replies }) => replies > 0).map(questionKey));
  }

  requestsOf(tunnel: VxlanTunnel, direction: number): RequestsOfSide {
    const side = direction === 0 ? BEHIND_LOW : BEHIND_HIGH;
    const isHere = (address: string): boolean => tunnel.hosts.get(address) === side;
    const ofSegment = <Item extends { readonly segment: number }>(
      items: readonly Item[] | undefined,
    ): Item[] => (items ?? []).filter(({ segment }) => segment === tunnel.segment);
    const found = new Found(this.quality);
    for (const stream of ofSegment(this.echoes.get(tunnel.stack))) {
      if (isHere(stream.source)) found.addEcho(stream, this.strayReplies.has(echoKey(stream)));
    }
    for (const connection of ofSegment(this.connections.get(tunnel.stack))) {
      const roles = rolesOf(connection);
      if (!isHere(roles.client.address)) continue;
      found.addConnection(tunnel, connection, roles, this.isAnsweredElsewhere(tunnel, roles));
    }
    for (const flow of tunnel.flows) this.addQuery(found, tunnel, flow, isHere);
    const from = tunnel.directions[direction].from;
    for (const pair of ofSegment(this.questions.get(tunnel.stack))) {
      if (pair.outer?.from === from && !this.resolved.has(questionKey(pair))) found.addQuestion(pair);
    }
    return found;
  }

  private addQuery(
    found: Found,
    tunnel: VxlanTunnel,
    flow: InnerFlow,
    isHere: (address: string) => boolean,
  ): void {
    if (flow.protocol !== PROTOCOL_UDP) return;
    const roles = queryRoles(flow);
    if (!roles || !isHere(roles.client.address)) return;
    if (roles.isAnswered) {
      found.noteAnswer(roles.asked.last, serverKey('dns', roles.server));
    } else if (!this.isAnsweredElsewhere(tunnel, roles, PROTOCOL_UDP)) {
      found.addDns(roles);
    }
  }

  private fileByHosts(tunnel: VxlanTunnel): void {
    for (const host of tunnel.hosts.keys()) {
      const known = this.tunnelsOf.get(host);
      if (known) known.push(tunnel);
      else this.tunnelsOf.set(host, [tunnel]);
    }
  }

  /** Whether packets of the server to the client are seen in another tunnel, or in none. */
  private isAnsweredElsewhere(tunnel: VxlanTunnel, roles: Roles, protocol = PROTOCOL_TCP): boolean {
    const { client, server } = roles;
    const others = (this.tunnelsOf.get(client.address) ?? []).filter(
      ({ stack, hosts }) => stack !== tunnel.stack && hosts.has(server.address),
    );
    return [0, ...others.map(({ stack }) => stack)].some((stack) =>
      this.quality.traffic
        .between(client.address, server.address, stack)
        ?.conversations.some(
          (one) =>
            one.protocol === protocol &&
            one.portOfA === client.port &&
            one.portOfB === server.port &&
            one.fromB.packets > 0,
        ),
    );
  }
}

interface Peer {
  readonly address: string;
  readonly port: number;
}

interface Roles {
  readonly client: Peer;
  readonly server: Peer;
}

interface TcpRoles {
  readonly client: TcpDirection;
  readonly server: TcpDirection;
}

interface QueryRoles extends Roles {
  readonly asked: InnerFlow['sides'][number];
  readonly isAnswered: boolean;
}

/** A server by protocol too: what answers on UDP port 53 proves nothing of TCP port 53. */
export function serverKey(kind: UnansweredRequests['kind'], { address, port }: Peer): string {
  return `${address} ${kind} ${port}`;
}

/** Gathers the requests of one direction. */
class Found implements RequestsOfSide {
  readonly unanswered: UnansweredRequests[] = [];
  readonly bursts: EchoBurst[] = [];
  readonly streams: EchoStream[] = [];
  answered = 0;
  lastAnswered: FrameRef | null = null;
  readonly answeredPings = new Set<string>();
  readonly answeredServers = new Set<string>();
  hearsUnseen: string | null = null;

  constructor(private readonly quality: CaptureQuality) {}

  addEcho(stream: EchoStream, isAnsweredElsewhere: boolean): void {
    // Without requests these are replies alone; a traceroute by echo is not meant to arrive.
    if (stream.requests === 0 || stream.timeToLiveMin !== stream.timeToLiveMax) return;
    this.streams.push(stream);
    const { tally } = settleEcho(this.quality, stream);
    if (tally.answered > 0) {
      this.answered += tally.answered;
      this.answeredPings.add(stream.destination);
      this.noteLast(stream.lastReply);
    }
    if (isAnsweredElsewhere) return;
    const { current, longest } = tally;
    if (current) {
      const { count, first, last } = current;
      const { source, destination } = stream;
      this.unanswered.push({ kind: 'echo', source, destination, port: 0, sourcePort: 0, count, first, last });
    }
    // Sizes that never get through are a matter of the MTU.
    const isBySize = tally.sizes.every((size) => size.unanswered === 0 || size.answered === 0);
    if (longest?.lastGood && longest !== current && !isBySize) this.bursts.push({ stream, run: longest });
  }

  addConnection(
    tunnel: VxlanTunnel,
    connection: TcpConnection,
    { client, server }: TcpRoles,
    isAnsweredElsewhere: boolean,
  ): void {
    const { segment, firstFrame, firstNs, lastNs } = connection;
    const first = { segment, frame: firstFrame, timeNs: firstNs };
    if (server.segments > 0) {
      this.answered++;
      if (!server.sentRst || server.payloadBytes > 0) this.answeredServers.add(serverKey('tcp', server));
      this.noteLast({ ...first, timeNs: lastNs });
      return;
    }
    if (client.ackAdvanced || client.payloadBytes > 0) {
      this.hearsUnseen ??= `${client.address} goes on with a TCP connection to ${server.address} whose other direction is not in the capture`;
      return;
    }
    const isDue = secondsToPause(this.quality, first) >= TCP_ANSWER_SECONDS;
    // With an acknowledgment it is the answer to a SYN that passed elsewhere.
    if (!client.sentSyn || client.sentAck || isAnsweredElsewhere || !isDue) return;
    this.unanswered.push({
      kind: 'tcp',
      source: client.address,
      destination: server.address,
      port: server.port,
      sourcePort: client.port,
      count: client.segments,
      first,
      last: lastOf(tunnel, client, server) ?? first,
    });
  }

  addDns({ client, server, asked }: QueryRoles): void {
    const { first, last, packets } = asked;
    if (!first || !last || secondsToPause(this.quality, first) < DNS_ANSWER_SECONDS) return;
    this.unanswered.push({
      kind: 'dns',
      source: client.address,
      destination: server.address,
      port: server.port,
      sourcePort: client.port,
      count: packets,
      first,
      last,
    });
  }

  addQuestion({ asker, target, open }: ArpPair): void {
    const { count, first, last } = open;
    if (!first || !last || secondsToPause(this.quality, first) < ARP_ANSWER_SECONDS) return;
    this.unanswered.push({
      kind: 'arp',
      source: asker,
      destination: target,
      port: 0,
      sourcePort: 0,
      count,
      first,
      last,
    });
  }

  noteAnswer(at: FrameRef | null, server: string): void {
    this.answered++;
    this.answeredServers.add(server);
    this.noteLast(at);
  }

  private noteLast(at: FrameRef | null): void {
    if (at && !(this.lastAnswered && this.lastAnswered.timeNs >= at.timeNs)) this.lastAnswered = at;
  }
}

function echoKey({ source, destination, identifier }: EchoStream): string {
  return `${source} ${destination} ${identifier}`;
}

function questionKey({ asker, target }: ArpPair): string {
  return `${asker} ${target}`;
}

/**
 * Who opened the connection, or would have: the one whose packets alone are there, else the one with the
 * higher port.
 */
function rolesOf({ a, b }: TcpConnection): TcpRoles {
  const isFirst = a.segments > 0 && b.segments > 0 ? a.port > b.port : a.segments > 0;
  return isFirst ? { client: a, server: b } : { client: b, server: a };
}

/** A conversation with port 53 on one side only. */
function queryRoles({ low, high, lowPort, highPort, sides }: InnerFlow): QueryRoles | null {
  const lowEnd = { address: low, port: lowPort };
  const highEnd = { address: high, port: highPort };
  const isAnswered = sides[0].packets > 0 && sides[1].packets > 0;
  if (highPort === PORT_DNS && lowPort !== PORT_DNS && sides[0].packets > 0) {
    return { client: lowEnd, server: highEnd, asked: sides[0], isAnswered };
  }
  if (lowPort === PORT_DNS && highPort !== PORT_DNS && sides[1].packets > 0) {
    return { client: highEnd, server: lowEnd, asked: sides[1], isAnswered };
  }
  return null;
}

/** The last packet of the client, from the flows of the tunnel. */
function lastOf(tunnel: VxlanTunnel, client: Peer, server: Peer): FrameRef | null {
  const flow = flowBetween(tunnel, client, server);
  if (!flow) return null;
  return flow.low === client.address && flow.lowPort === client.port
    ? flow.sides[0].last
    : flow.sides[1].last;
}

/** The flow between two endpoints, if the tunnel kept it. */
export function flowBetween(
  tunnel: VxlanTunnel,
  a: Peer,
  b: Peer,
  ofProtocol = PROTOCOL_TCP,
): InnerFlow | undefined {
  return tunnel.flows.find(
    ({ protocol, low, high, lowPort, highPort }) =>
      protocol === ofProtocol &&
      ((low === a.address && lowPort === a.port && high === b.address && highPort === b.port) ||
        (low === b.address && lowPort === b.port && high === a.address && highPort === a.port)),
  );
}
