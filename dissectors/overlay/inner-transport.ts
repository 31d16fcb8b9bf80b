import { secondsToPause } from '../../src/correlate/watched.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef, Moment } from '../../src/moment.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../src/wire/ip.js';
import { dnsServers } from '../dns/correlator.js';
import { type EchoStream, echoStreams, icmpErrors } from '../icmp/correlator.js';
import { type TcpConnection, type TcpDirection, tcpConnections } from '../tcp/correlator.js';
import { SYN_ANSWER_SECONDS } from './shared/inner-requests.js';
import type { SeenTunnel } from './tunnels-seen.js';

/** A connection attempt or question inside a tunnel that was repeated in vain. */
export interface FailedAsk {
  readonly from: string;
  readonly to: string;
  readonly stack: number;
  /** `TCP port 80`, `DNS`. */
  readonly words: string;
  readonly tries: number;
  /** Its answer is in the capture, and repeated because nobody takes it. */
  readonly isAnswered: boolean;
  readonly first: FrameRef;
  readonly last: Moment;
}

/** How TCP and UDP fare inside a tunnel, beside its pings. */
export interface InnerTransport {
  /** In order of their first frame. */
  readonly failed: readonly FailedAsk[];
  /** When connections came about, and when answers over UDP came. */
  readonly passed: readonly FrameRef[];
  readonly pings: readonly EchoStream[];
  /** Somebody says that it turns TCP or UDP packets away. */
  readonly isRejected: boolean;
}

const TRIES_MIN = 2;
/** resolv.conf: timeout 5. */
const DNS_ANSWER_SECONDS = 5;

export function innerTransport(evidence: Evidence, tunnel: SeenTunnel): InnerTransport {
  const stacks = new Set(tunnel.tunnels.map(({ stack }) => stack));
  const isHere = ({ stack, segment }: { stack: number; segment: number }): boolean =>
    segment === tunnel.segment && stacks.has(stack);
  const connections = evidence.sessions(tcpConnections).filter(isHere);
  const failed = [
    ...connections.flatMap((one) => failedOpening(evidence, one) ?? []),
    ...failedQuestions(evidence, isHere),
  ];
  return {
    failed: failed.sort((a, b) => a.first.frame - b.first.frame),
    passed: [...connections.filter(cameAbout).map(refOf), ...answersOverUdp(evidence, tunnel)],
    pings: evidence.sessions(echoStreams).filter((one) => isHere(one) && one.replies > 0),
    isRejected: evidence
      .sessions(icmpErrors)
      .some((one) => isHere(one) && isRefusal(one.meaning) && isTransport(one.quoted?.protocol)),
  };
}

function isRefusal(meaning: string): boolean {
  return meaning === 'admin-prohibited' || meaning.endsWith('-unreachable');
}

function isTransport(protocol: number | undefined): boolean {
  return protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP;
}

/** Segments both ways that are more than a repeated opening; a RST is an answer like any other. */
function cameAbout({ a, b }: TcpConnection): boolean {
  if (a.segments === 0 || b.segments === 0) return false;
  return a.sentRst || b.sentRst || (a.sentAck && b.sentAck);
}

/** A SYN that was repeated, and either nothing answers it or the answer is repeated too because nobody takes it. */
function failedOpening({ quality }: Evidence, connection: TcpConnection): FailedAsk | null {
  const { a, b, stack, segment, lastNs } = connection;
  const isClient = (one: TcpDirection): boolean => one.sentSyn && !one.sentAck && one.openings >= TRIES_MIN;
  const [client, server] = isClient(a) ? [a, b] : [b, a];
  const first = refOf(connection);
  if (!isClient(client) || cameAbout(connection) || client.payloadBytes > 0) return null;
  if (server.segments > 0 && server.openings < TRIES_MIN) return null;
  if (secondsToPause(quality, first) < SYN_ANSWER_SECONDS) return null;
  return {
    from: client.address,
    to: server.address,
    stack,
    words: `TCP port ${server.port}`,
    tries: client.openings,
    isAnswered: server.segments > 0,
    first,
    last: { segment, timeNs: lastNs },
  };
}

/** Servers of which a client got nothing, although it asked again. */
function failedQuestions(
  { sessions, quality }: Evidence,
  isHere: (one: { stack: number; segment: number }) => boolean,
): FailedAsk[] {
  const asks: FailedAsk[] = [];
  for (const { answered, address, stack, segment, givenUp, waiting } of sessions(dnsServers)) {
    if (answered > 0 || !isHere({ stack, segment })) continue;
    const overdue = waiting.filter(({ first }) => secondsToPause(quality, first) >= DNS_ANSWER_SECONDS);
    const byClient = new Map<string, FailedAsk>();
    for (const { client, tries, first, last } of [...givenUp, ...overdue]) {
      const known = byClient.get(client);
      const about = { from: client, to: address, stack, words: 'DNS', isAnswered: false };
      byClient.set(
        client,
        known ? { ...known, tries: known.tries + tries, last } : { ...about, tries, first, last },
      );
    }
    asks.push(...[...byClient.values()].filter(({ tries }) => tries >= TRIES_MIN));
  }
  return asks;
}

/** The last packet of the side that spoke second, of conversations over UDP that go both ways. */
function answersOverUdp({ quality }: Evidence, { tunnels, segment }: SeenTunnel): FrameRef[] {
  return tunnels.flatMap(({ stack, ways }) =>
    ways.flatMap(({ from, to }) => {
      const conversations = quality.traffic.between(from, to, stack)?.conversations ?? [];
      return conversations.flatMap(({ protocol, fromA, fromB }) => {
        const answer = fromA.first && fromB.first && fromA.first.frame < fromB.first.frame ? fromB : fromA;
        const isTwoWay = fromA.packets > 0 && fromB.packets > 0;
        return protocol === PROTOCOL_UDP && isTwoWay && answer.last?.segment === segment ? answer.last : [];
      });
    }),
  );
}

function refOf({ firstFrame, firstNs, segment }: TcpConnection): FrameRef {
  return { frame: firstFrame, timeNs: firstNs, segment };
}
