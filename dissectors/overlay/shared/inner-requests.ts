import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import type { InnerWay } from '../../../src/diagnose/carried-tunnel.js';
import type { Evidence } from '../../../src/diagnose/diagnosis.js';
import type { StatedThreshold } from '../../../src/diagnose/diagnosis-metadata.js';
import { earliestOf, type FrameRef, isNonEmpty, latestOf, type Moment } from '../../../src/moment.js';
import { NS_PER_SECOND, type SegmentIndex } from '../../../src/units.js';
import { type EchoStream, echoStreams } from '../../icmp/correlator.js';
import { settleEcho } from '../../icmp/shared/echo-pairs.js';
import { type TcpConnection, type TcpDirection, tcpConnections } from '../../tcp/correlator.js';

/** What a tunnel must tell for its inner requests to be judged; `stacks` are all keys between two ends. */
export interface RequestCarrier {
  readonly segment: SegmentIndex;
  readonly tunnels: readonly { readonly stack: number; readonly ways: readonly InnerWay[] }[];
}

/**
 * Questions of one inner conversation that must be answered: pings of one identifier, or attempts to open one TCP
 * connection. An answer counts whichever key it came with.
 */
export interface InnerRequests {
  /** Inner hosts: who asks whom. */
  readonly from: string;
  readonly to: string;
  /** Direction of the tunnel that the requests took; 0: from its low end. */
  readonly outerDirection: number;
  readonly stack: number;
  /** `ping`, `TCP port 80`. */
  readonly words: string;
  readonly answered: number;
  /** Requests that are unanswered after the last answered one, first and last of them, and what came before. */
  readonly unanswered: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  readonly lastAnswered: Moment | null;
}

/** Linux repeats a SYN after 1 s and again after 2 s: by then an answer would have come. */
export const SYN_ANSWER_SECONDS = 3;

/**
 * Requests inside a carrier, of both directions. Traceroutes by echo are left out.
 * @param mayAnswerAround see `CarriedKind`: an answer counts wherever it is seen, and a connection attempt only where it is repeated.
 */
export function innerRequests(
  evidence: Evidence,
  carrier: RequestCarrier,
  mayAnswerAround = false,
): InnerRequests[] {
  const stacks = new Set(carrier.tunnels.map(({ stack }) => stack));
  const ways = waysByHosts(carrier);
  const requests: InnerRequests[] = [];
  const isHere = ({ stack, segment }: { stack: number; segment: SegmentIndex }): boolean =>
    segment === carrier.segment && (mayAnswerAround || stacks.has(stack));
  const echoes = evidence.sessions(echoStreams).filter(isHere);
  for (const stream of echoes) {
    const way = ways.get(wayKey(stream.stack, stream.source, stream.destination));
    if (way === undefined || stream.requests === 0 || stream.timeToLiveMin !== stream.timeToLiveMax) continue;
    requests.push(echoRequests(evidence.quality, stream, way, isAnsweredElsewhere(stream, echoes)));
  }
  const connections = evidence.sessions(tcpConnections).filter(isHere);
  for (const connection of connections) {
    for (const [client, server] of [
      [connection.a, connection.b],
      [connection.b, connection.a],
    ]) {
      const way = ways.get(wayKey(connection.stack, client.address, server.address));
      if (way === undefined || !client.sentSyn) continue;
      const isAnswered = server.segments > 0 || isMet(client, server, connections);
      // Of a connection with both SYNs the client is the one that spoke first; the direction of the other is as good.
      if (isAnswered && server.sentSyn && client !== connection.a) continue;
      const request = synRequests(evidence.quality, connection, client, server, way, isAnswered);
      const isAsked = !mayAnswerAround || request.unanswered !== 1;
      if (isAsked) requests.push(request);
    }
  }
  return requests;
}

function wayKey(stack: number, from: string, to: string): string {
  return `${stack} ${from} ${to}`;
}

/** By stack and inner hosts the outer direction; hosts whose packets take both directions are left out. */
function waysByHosts({ tunnels }: RequestCarrier): Map<string, number> {
  const ways = new Map<string, number>();
  const ambiguous: string[] = [];
  for (const { stack, ways: ofTunnel } of tunnels) {
    for (const { from, to, outerDirection } of ofTunnel) {
      const key = wayKey(stack, from, to);
      if (ways.has(key)) ambiguous.push(key);
      ways.set(key, outerDirection);
    }
  }
  for (const key of ambiguous) ways.delete(key);
  return ways;
}

/** Replies that came back with another key stand as a stream without requests. */
function isAnsweredElsewhere(stream: EchoStream, echoes: readonly EchoStream[]): boolean {
  return echoes.some(
    (other) =>
      other.stack !== stream.stack &&
      other.unmatchedReplies > 0 &&
      other.requests === 0 &&
      other.identifier === stream.identifier &&
      other.source === stream.source &&
      other.destination === stream.destination,
  );
}

function echoRequests(
  quality: CaptureQuality,
  stream: EchoStream,
  outerDirection: number,
  isAnswered: boolean,
): InnerRequests {
  const { source, destination, stack, requests } = stream;
  const about = { from: source, to: destination, outerDirection, stack, words: 'ping' };
  if (isAnswered) {
    return {
      ...about,
      answered: requests,
      unanswered: 0,
      first: null,
      last: null,
      lastAnswered: stream.last,
    };
  }
  const { tally } = settleEcho(quality, stream);
  const run = tally.current;
  return {
    ...about,
    answered: tally.answered,
    unanswered: run?.count ?? 0,
    first: run?.first ?? null,
    last: run?.last ?? null,
    lastAnswered: tally.lastAnswered,
  };
}

/** Whether the answers of that connection came with another key. */
function isMet(client: TcpDirection, server: TcpDirection, connections: readonly TcpConnection[]): boolean {
  const isServer = ({ address, port, segments }: TcpDirection): boolean =>
    address === server.address && port === server.port && segments > 0;
  const isClient = ({ address, port }: TcpDirection): boolean =>
    address === client.address && port === client.port;
  return connections.some(({ a, b }) => (isServer(a) && isClient(b)) || (isServer(b) && isClient(a)));
}

function synRequests(
  quality: CaptureQuality,
  connection: TcpConnection,
  client: TcpDirection,
  server: TcpDirection,
  outerDirection: number,
  isAnswered: boolean,
): InnerRequests {
  const { stack, segment, firstFrame, firstNs, lastNs } = connection;
  const first = { frame: firstFrame, timeNs: firstNs, segment };
  const isDecided = secondsToPause(quality, first) >= SYN_ANSWER_SECONDS;
  // Of a connection seen one way only, a SYN with an acknowledgment is the answer of a server.
  const isClient = !client.sentAck;
  const isLost = !isAnswered && isDecided && isClient && client.payloadBytes === 0;
  return {
    from: client.address,
    to: server.address,
    outerDirection,
    stack,
    words: `TCP port ${server.port}`,
    answered: isAnswered ? 1 : 0,
    unanswered: isLost ? client.segments : 0,
    first: isLost ? first : null,
    last: isLost ? first : null,
    lastAnswered: isAnswered ? { segment, timeNs: lastNs } : null,
  };
}

/** What is unanswered of several conversations together. */
export interface UnansweredStretch {
  readonly requests: readonly InnerRequests[];
  readonly unanswered: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly seconds: number;
}

/** Null where nothing is unanswered. */
export function silenceOf(requests: readonly InnerRequests[]): UnansweredStretch | null {
  const silent = requests.filter(({ unanswered }) => unanswered > 0);
  const firsts = silent.flatMap(({ first }) => first ?? []);
  const lasts = silent.flatMap(({ last }) => last ?? []);
  if (!isNonEmpty(firsts) || !isNonEmpty(lasts)) return null;
  const first = earliestOf(firsts);
  const last = latestOf(lasts);
  return {
    requests: silent,
    unanswered: silent.reduce((sum, { unanswered }) => sum + unanswered, 0),
    first,
    last,
    seconds: (last.timeNs - first.timeNs) / NS_PER_SECOND,
  };
}

const UNANSWERED_MIN = 3;
const SILENT_SECONDS_MIN = 2;

/** From when on silence inside a tunnel is worth a finding. */
export const LASTING_THRESHOLDS = {
  unanswered: [UNANSWERED_MIN, 'requests', 'a lost request or two is normal'],
  silentSeconds: [SILENT_SECONDS_MIN, 's', 'ping waits about that long for a reply'],
} as const satisfies Readonly<Record<string, StatedThreshold>>;

export function isLasting({ unanswered, seconds }: UnansweredStretch): boolean {
  return unanswered >= UNANSWERED_MIN && seconds >= SILENT_SECONDS_MIN;
}
