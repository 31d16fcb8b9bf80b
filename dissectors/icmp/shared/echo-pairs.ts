import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest } from '../../../src/correlate/frame-reference.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import type { FrameRef } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { addressFilter, carrierFilter } from '../../../src/wording/display-filters.js';
import { byDirection, type Direction, directionKey } from '../../../src/wording/subjects.js';
import { ECHO_REPLY_NS, type EchoStream } from '../echo-streams.js';
import type { EchoRun, EchoSize, EchoTally } from '../echo-tally.js';
import type { IcmpError } from '../icmp-errors.js';

/** All pings from one host to another, decided against the end of the capture. */
export interface EchoPair extends Direction {
  readonly streams: readonly EchoStream[];
  readonly requests: number;
  readonly answered: number;
  readonly unanswered: number;
  /** The capture ended before their reply was due. */
  readonly undecided: number;
  /** Replies without request: requests pass elsewhere. */
  readonly unmatchedReplies: number;
  readonly sizes: readonly EchoSize[];
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly firstUnanswered: FrameRef | null;
  readonly lastUnanswered: FrameRef | null;
  readonly lastAnswered: FrameRef | null;
  /** The longest run of unanswered requests of one stream. */
  readonly longest: EchoRun | null;
  /** The last request of some stream that could be decided got no reply. */
  readonly isFailingAtEnd: boolean;
}

/** Pairs of hosts with pings. Traceroutes by echo are left out: their requests are not meant to arrive. */
export function echoPairs(
  quality: CaptureQuality,
  streams: readonly EchoStream[],
  errors: readonly IcmpError[],
): EchoPair[] {
  const expired = new Set(errors.filter(({ meaning }) => meaning === 'ttl-exceeded').map(quotedEcho));
  const pings = streams.filter(
    (stream) =>
      stream.requests > 0 && stream.timeToLiveMin === stream.timeToLiveMax && !expired.has(echoKey(stream)),
  );
  return byDirection(pings).map((group) => aggregate(quality, group));
}

function echoKey(stream: EchoStream): string {
  return `${directionKey(stream)} ${stream.identifier}`;
}

function quotedEcho({ quoted, stack }: IcmpError): string {
  if (!quoted || quoted.icmpType < 0) return '';
  const { source, destination, echoIdentifier } = quoted;
  return `${directionKey({ source, destination, stack })} ${echoIdentifier}`;
}

function aggregate(quality: CaptureQuality, streams: readonly EchoStream[]): EchoPair {
  const settled = streams.map((stream) => settleEcho(quality, stream));
  const tallies = settled.map(({ tally }) => tally);
  const { source, destination, stack } = streams[0];
  return {
    source,
    destination,
    stack,
    streams,
    requests: sum(streams.map(({ requests }) => requests)),
    answered: sum(tallies.map(({ answered }) => answered)),
    unanswered: sum(tallies.map(({ unanswered }) => unanswered)),
    undecided: sum(settled.map(({ undecided }) => undecided)),
    unmatchedReplies: sum(streams.map(({ unmatchedReplies }) => unmatchedReplies)),
    sizes: mergeSizes(tallies.flatMap(({ sizes }) => sizes)),
    first: earliest(streams.map(({ first }) => first)) ?? streams[0].first,
    last: latest(streams.map(({ last }) => last)) ?? streams[0].last,
    firstUnanswered: earliest(tallies.map((tally) => tally.firstUnanswered)),
    lastUnanswered: latest(tallies.map((tally) => tally.lastUnanswered)),
    lastAnswered: latest(tallies.map((tally) => tally.lastAnswered)),
    longest: tallies
      .map(({ longest }) => longest)
      .reduce((a, b) => ((b?.count ?? 0) > (a?.count ?? 0) ? b : a), null),
    isFailingAtEnd: tallies.some(({ current }) => current !== null),
  };
}

/** Decides the requests that are left by the time from each to the end of its segment. */
export function settleEcho(
  quality: CaptureQuality,
  stream: EchoStream,
): { readonly tally: EchoTally; readonly undecided: number } {
  const tally = stream.decided.copy();
  let undecided = stream.unwatched;
  for (const request of stream.undecided) {
    if (request.isAnswered || secondsToPause(quality, request) * NS_PER_SECOND >= ECHO_REPLY_NS)
      tally.add(request);
    else undecided++;
  }
  return { tally, undecided };
}

function mergeSizes(sizes: readonly EchoSize[]): EchoSize[] {
  const merged = new Map<string, EchoSize>();
  for (const size of sizes) {
    const key = `${size.bytes} ${size.isFragmented}`;
    const known = merged.get(key);
    if (!known) {
      merged.set(key, { ...size });
      continue;
    }
    known.answered += size.answered;
    known.unanswered += size.unanswered;
    known.firstUnanswered = earliest([known.firstUnanswered, size.firstUnanswered]);
    known.lastUnanswered = latest([known.lastUnanswered, size.lastUnanswered]);
    known.lastAnswered = latest([known.lastAnswered, size.lastAnswered]);
  }
  return [...merged.values()].sort(bySize);
}

/** A fragmented request is larger than any that is not: what counts is its first fragment. */
function bySize(a: EchoSize, b: EchoSize): number {
  return Number(a.isFragmented) - Number(b.isFragmented) || a.bytes - b.bytes;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/**
 * Display filter for the requests of a pair; tshark shows a fragmented one as a fragment. Inside a tunnel it is that
 * of all its packets: a stock tshark may know neither its port nor what its fragments carry.
 */
export function echoFilter(quality: CaptureQuality, { source, destination, sizes, stack }: EchoPair): string {
  const carrier = carrierFilter(quality, stack);
  if (carrier !== null) return carrier;
  const isV6 = source.includes(':');
  const kinds = [isV6 ? 'icmpv6.type == 128' : 'icmp.type == 8'];
  if (sizes.some(({ isFragmented }) => isFragmented)) {
    kinds.push(isV6 ? 'ipv6.fraghdr' : '(ip.proto == 1 && ip.flags.mf == 1)');
  }
  return `(${kinds.join(' || ')}) && ${addressFilter(source, destination)}`;
}
