import { innerWays } from '../../src/diagnose/carried-tunnel.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { echoStreams } from '../icmp/correlator.js';
import { settleEcho } from '../icmp/shared/echo-pairs.js';
import { type TcpDirection, tcpConnections } from '../tcp/correlator.js';

/** Inner packets that are sent again and again, each time in fragments of the outer one. */
export interface RepeatedWhenCut {
  readonly words: string;
  /** Sendings, the first of each one included. */
  readonly sendings: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

const REPEATS_MIN = 3;
const SECONDS_MIN = 0.5;

/** One direction of a tunnel's packets, with those inside. */
export interface Cutting {
  readonly stack: number;
  readonly segment: number;
  /** 0: from its low end. */
  readonly outerDirection: number;
}

/**
 * What was repeated in vain of the inner packets that leave in fragments, while smaller ones of the same hosts are answered: segments of
 * TCP that nobody acknowledges, pings that nobody answers. Null where nothing is.
 */
export function repeatedWhenCut(evidence: Evidence, cutting: Cutting): RepeatedWhenCut | null {
  const hosts = new Set(
    innerWays(evidence.quality, cutting.stack)
      .filter(({ outerDirection }) => outerDirection === cutting.outerDirection)
      .map(({ from, to }) => `${from} ${to}`),
  );
  const found = [...repeatedSegments(evidence, cutting, hosts), ...unansweredPings(evidence, cutting, hosts)];
  const [first] = found.sort((a, b) => a.first.frame - b.first.frame);
  if (!first) return null;
  return {
    words: first.words,
    sendings: found.reduce((sum, { sendings }) => sum + sendings, 0),
    first: first.first,
    last: found.reduce((a, { last }) => (last.frame > a.frame ? last : a), first.last),
  };
}

function* repeatedSegments(
  { sessions }: Evidence,
  { stack, segment }: Cutting,
  hosts: ReadonlySet<string>,
): Generator<RepeatedWhenCut> {
  for (const connection of sessions(tcpConnections)) {
    if (connection.stack !== stack || connection.segment !== segment) continue;
    const { a, b } = connection;
    for (const [sender, receiver] of [
      [a, b],
      [b, a],
    ]) {
      const { cut } = sender;
      if (!cut || !hosts.has(`${sender.address} ${receiver.address}`)) continue;
      const isLong = cut.last.timeNs - cut.first.timeNs >= SECONDS_MIN * NS_PER_SECOND;
      if (cut.sendings <= REPEATS_MIN || !isLong || isAcknowledged(cut.sequence, receiver)) continue;
      yield {
        words: `a TCP segment from ${sender.address} to ${receiver.address} port ${receiver.port}`,
        sendings: cut.sendings,
        first: cut.first,
        last: cut.last,
      };
    }
  }
}

function isAcknowledged(sequence: number, { acknowledged }: TcpDirection): boolean {
  return acknowledged !== null && ((acknowledged - sequence) | 0) > 0;
}

function* unansweredPings(
  { sessions, quality }: Evidence,
  { stack, segment }: Cutting,
  hosts: ReadonlySet<string>,
): Generator<RepeatedWhenCut> {
  const sizes = sessions(echoStreams)
    .filter((one) => one.stack === stack && one.segment === segment)
    .filter(({ source, destination }) => hosts.has(`${source} ${destination}`))
    .flatMap((stream) => settleEcho(quality, stream).tally.sizes.map((size) => ({ ...size, stream })));
  for (const { stream, unanswered, answered, firstUnanswered, lastUnanswered, isFragmented } of sizes) {
    if (!isFragmented || answered > 0 || unanswered < REPEATS_MIN) continue;
    const { source, destination } = stream;
    const isWholeAnswered = sizes.some(
      (other) =>
        other.stream.source === source &&
        other.stream.destination === destination &&
        !other.isFragmented &&
        other.answered > 0,
    );
    if (!isWholeAnswered || !firstUnanswered || !lastUnanswered) continue;
    yield {
      words: `a ping from ${source} to ${destination}`,
      sendings: unanswered,
      first: firstUnanswered,
      last: lastUnanswered,
    };
  }
}
