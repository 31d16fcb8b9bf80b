import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { keylessStack } from '../../src/correlate/keyless-stack.js';
import { PAUSE_SECONDS_MAX } from '../../src/correlate/pauses.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import { type Nanoseconds, NS_PER_MILLISECOND, NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';
import { isUnicast } from '../../src/wire/address.js';
import dissector from './dissector.js';
import { EchoTally } from './echo-tally.js';
import { ECHO_REQUEST, V6_ECHO_REQUEST } from './message-types.js';
import type { ICMP_ROWS } from './rows.js';

/** A request and whether its reply was seen. */
export interface EchoRequest extends FrameRef {
  readonly sequence: number;
  /** ICMP bytes on the wire; of a fragmented request, those of its first fragment. */
  readonly bytes: number;
  readonly isFragmented: boolean;
  isAnswered: boolean;
}

/**
 * Echo requests from one host to another with one identifier (one `ping`), and their replies. Unicast only.
 * A request whose reply may still come stands in `undecided`; `settleEcho` decides it against the capture's end.
 */
export interface EchoStream {
  readonly segment: SegmentIndex;
  /** Tunnel stack; 0: in no tunnel. */
  readonly stack: number;
  readonly family: 4 | 6;
  /** Who asks whom. */
  readonly source: string;
  readonly destination: string;
  readonly identifier: number;
  requests: number;
  /** Replies that match a request; those of them that came later than ECHO_REPLY_NS; repeats; without request. */
  replies: number;
  lateReplies: number;
  repeatedReplies: number;
  unmatchedReplies: number;
  /** Of the requests at the capture point: differ for a traceroute by echo. */
  timeToLiveMin: number;
  timeToLiveMax: number;
  /** Round trip in nanoseconds over `count` matched replies; `minNs` is Infinity where there are none. */
  readonly roundTrip: { count: number; sumNs: number; minNs: Nanoseconds; maxNs: Nanoseconds };
  readonly first: FrameRef;
  /** Requests that came first, or after RESTED_NS without any; at most STARTS_MAX. */
  readonly starts: FrameRef[];
  last: FrameRef;
  lastReply: FrameRef | null;
  /** Requests that are decided, in the order in which they were sent. */
  readonly decided: EchoTally;
  /** In the order in which they were sent; at most UNDECIDED_MAX. */
  readonly undecided: EchoRequest[];
  /** Requests without a reply before a time without any of the stream so long that the capture may not have run. */
  unwatched: number;
}

/** `ping` waits about that long (threshold `icmp.reply`). */
export const ECHO_REPLY_NS: Nanoseconds = 2 * NS_PER_SECOND;
/** After that much time of the same stream a request is unanswered for good. */
const DECIDED_AFTER_NS: Nanoseconds = 10 * NS_PER_SECOND;
const UNDECIDED_MAX = 4096;
/** A pause in the requests of a stream after which the next one is a new start. */
const RESTED_NS: Nanoseconds = 5 * NS_PER_SECOND;
const STARTS_MAX = 32;
/** Network cards with several queues hand frames over out of order: a reply may stand that much before its request. */
const EARLY_NS: Nanoseconds = NS_PER_MILLISECOND;
const EARLY_REPLIES_MAX = 64;
/** Streams held open; the least recently seen half is closed at the end of an epoch. */
const STREAMS_MAX = 4096;

interface OpenStream {
  readonly stream: EchoStream;
  readonly key: number;
  readonly siblings: Map<number, OpenStream>;
  /** Of streams in a tunnel, see `twins`; else empty. */
  readonly twinKey: string;
  /** Undecided requests by sequence number. */
  readonly bySequence: Map<number, EchoRequest>;
  /** Replies without request so far, by sequence number; at most EARLY_REPLIES_MAX. */
  readonly early: Map<number, FrameRef>;
}

/** Streams by `identifier * 2 + direction of the requests`. */
type StreamsOfPair = Map<number, OpenStream>;

/** Matches echoes. Holds at most STREAMS_MAX streams between epochs, UNDECIDED_MAX requests each. */
class EchoCorrelation implements Correlation<EchoStream, typeof ICMP_ROWS> {
  private readonly closed = new SessionStore<EchoStream>((stream) => stream.decided.unanswered);
  private readonly pairs: FlowStates<StreamsOfPair>;
  private readonly open = new Set<OpenStream>();
  /** Streams in tunnels, by everything but the key of the innermost one. */
  private readonly twins = new Map<string, Set<OpenStream>>();

  constructor(private readonly run: CorrelationRun) {
    this.pairs = run.flows.trackStates<StreamsOfPair>((streams) => {
      for (const stream of [...streams.values()]) this.close(stream);
    });
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Batch<typeof ICMP_ROWS>, _flow: FlowId, from: number, to: number): void {
    const { columns, order } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      if (!isEcho(columns.type[row])) continue;
      const flow = batch.flowOf(row);
      if (flow < 0) continue;
      const streams = this.pairs.get(flow) ?? this.openPair(flow);
      if (!streams) continue;
      const direction = columns.rows.direction[row];
      if (isRequest(columns.type[row])) {
        this.addRequest(batch, row, this.streamOf(batch, row, flow, streams, direction));
      } else this.addReply(batch, row, this.askedBy(batch, row, flow, streams));
    }
  }

  /** Null for groups: many may answer there, or nobody. */
  private openPair(flow: FlowId): StreamsOfPair | null {
    const { flows } = this.run;
    if (!isUnicast(flows.addressWords(flow, 0)) || !isUnicast(flows.addressWords(flow, 1))) return null;
    const streams: StreamsOfPair = new Map();
    this.pairs.set(flow, streams);
    return streams;
  }

  /**
   * The stream that a reply belongs to: that of its own flow; where that has not asked, the one in a tunnel of the same
   * endpoints with another key (see `keylessStack`).
   */
  private askedBy(
    batch: Batch<typeof ICMP_ROWS>,
    row: number,
    flow: FlowId,
    streams: StreamsOfPair,
  ): OpenStream {
    const { columns } = batch;
    const { flows } = this.run;
    const { low, high } = flows.endpoints(flow);
    const direction = columns.rows.direction[row];
    // A host that pings itself has one direction only.
    const asked = low === high ? direction : 1 - direction;
    const sequence = columns.sequence[row];
    const own = streams.get(columns.identifier[row] * 2 + asked);
    if (own?.bySequence.has(sequence)) return own;
    if (flows.stack(flow) !== 0) {
      const { from, to } = flows.addresses(flow, asked);
      const twins = this.twins.get(this.twinKey(flow, from, to, columns.identifier[row]));
      for (const twin of twins ?? []) {
        if (twin !== own && twin.bySequence.get(sequence)?.isAnswered === false) return twin;
      }
    }
    return own ?? this.streamOf(batch, row, flow, streams, asked);
  }

  /** Empty outside tunnels. */
  private twinKey(flow: FlowId, source: string, destination: string, identifier: number): string {
    const path = keylessStack(this.run.flows, this.run.flows.stack(flow));
    return path === null ? '' : `${path} ${source} ${destination} ${identifier}`;
  }

  private streamOf(
    batch: Batch<typeof ICMP_ROWS>,
    row: number,
    flow: FlowId,
    streams: StreamsOfPair,
    direction: number,
  ): OpenStream {
    const { columns } = batch;
    const identifier = columns.identifier[row];
    const key = identifier * 2 + direction;
    const known = streams.get(key);
    if (known) return known;
    const { from, to } = this.run.flows.addresses(flow, direction);
    const first = refOf(batch, row);
    const stream: EchoStream = {
      segment: batch.segment,
      stack: this.run.flows.stack(flow),
      family: columns.family[row] === 6 ? 6 : 4,
      source: from,
      destination: to,
      identifier,
      requests: 0,
      replies: 0,
      lateReplies: 0,
      repeatedReplies: 0,
      unmatchedReplies: 0,
      timeToLiveMin: 255,
      timeToLiveMax: 0,
      roundTrip: { count: 0, sumNs: 0, minNs: Number.POSITIVE_INFINITY, maxNs: 0 },
      first,
      starts: [],
      last: first,
      lastReply: null,
      decided: new EchoTally(),
      undecided: [],
      unwatched: 0,
    };
    const twinKey = stream.stack === 0 ? '' : this.twinKey(flow, from, to, identifier);
    const open: OpenStream = {
      stream,
      key,
      siblings: streams,
      twinKey,
      bySequence: new Map(),
      early: new Map(),
    };
    streams.set(key, open);
    this.open.add(open);
    if (twinKey !== '') this.addTwin(open);
    return open;
  }

  private addTwin(open: OpenStream): void {
    const known = this.twins.get(open.twinKey);
    if (known) known.add(open);
    else this.twins.set(open.twinKey, new Set([open]));
  }

  private addRequest(batch: Batch<typeof ICMP_ROWS>, row: number, open: OpenStream): void {
    const { columns } = batch;
    const { stream, bySequence } = open;
    const request: EchoRequest = {
      ...refOf(batch, row),
      sequence: columns.sequence[row],
      bytes: columns.length[row],
      isFragmented: columns.rows.origin[row] === ORIGIN_FIRST_FRAGMENT,
      isAnswered: false,
    };
    const isStart = stream.requests === 0 || request.timeNs - stream.last.timeNs >= RESTED_NS;
    if (isStart && stream.starts.length < STARTS_MAX) stream.starts.push(request);
    stream.requests++;
    stream.last = request;
    stream.timeToLiveMin = Math.min(stream.timeToLiveMin, columns.timeToLive[row]);
    stream.timeToLiveMax = Math.max(stream.timeToLiveMax, columns.timeToLive[row]);
    stream.undecided.push(request);
    bySequence.set(request.sequence, request);
    for (const answered of [open, ...(this.twins.get(open.twinKey) ?? [])]) {
      const early = answered.early.get(request.sequence);
      answered.early.delete(request.sequence);
      if (!early || request.isAnswered || early.timeNs < request.timeNs - EARLY_NS) continue;
      answered.stream.unmatchedReplies--;
      answer(stream, request, early);
    }
    decide(open, request.timeNs);
  }

  private addReply(batch: Batch<typeof ICMP_ROWS>, row: number, open: OpenStream): void {
    const { stream } = open;
    const ref = refOf(batch, row);
    stream.lastReply = ref;
    if (stream.stack === 0 && stream.replies + stream.unmatchedReplies === 0) {
      this.run.hearsPeer.note(stream.destination, stream.source, 'an ICMP echo reply to it', ref);
    }
    const request = open.bySequence.get(batch.columns.sequence[row]);
    if (!request) {
      stream.unmatchedReplies++;
      if (open.early.size >= EARLY_REPLIES_MAX) open.early.clear();
      open.early.set(batch.columns.sequence[row], ref);
    } else if (request.isAnswered) {
      stream.repeatedReplies++;
    } else {
      answer(stream, request, ref);
    }
  }

  endSegment(): void {
    this.pairs.clear();
  }

  endEpoch(): void {
    if (this.open.size <= STREAMS_MAX) return;
    const bySeen = [...this.open].sort((a, b) => lastFrame(a) - lastFrame(b));
    for (const open of bySeen.slice(0, bySeen.length - STREAMS_MAX / 2)) this.close(open);
  }

  private close(open: OpenStream): void {
    if (!this.open.delete(open)) return;
    open.siblings.delete(open.key);
    const twins = this.twins.get(open.twinKey);
    twins?.delete(open);
    if (twins?.size === 0) this.twins.delete(open.twinKey);
    this.closed.add(open.stream);
  }

  sessions(): readonly EchoStream[] {
    const open = [...this.open].map(({ stream }) => stream);
    return [...this.closed.sessions(), ...open].sort((a, b) => a.first.frame - b.first.frame);
  }
}

/** Takes requests off the head while their fate is known; only what the stream itself shows counts. */
function decide(open: OpenStream, nowNs: Nanoseconds): void {
  const { stream, bySequence } = open;
  const { undecided, decided } = stream;
  let count = 0;
  for (; count < undecided.length - 1; count++) {
    const head = undecided[count];
    const isLost = nowNs - head.timeNs > DECIDED_AFTER_NS || undecided.length - count > UNDECIDED_MAX;
    // An answered request stays a moment, so that a repeated reply is told from one without request.
    const isDone = head.isAnswered && (nowNs - head.timeNs > ECHO_REPLY_NS || undecided.length - count > 64);
    if (!isLost && !isDone) break;
    const isUnwatched = !head.isAnswered && nowNs - head.timeNs > PAUSE_SECONDS_MAX * NS_PER_SECOND;
    if (isUnwatched) stream.unwatched++;
    else decided.add(head);
    if (bySequence.get(head.sequence) === head) bySequence.delete(head.sequence);
  }
  if (count > 0) undecided.splice(0, count);
}

function answer(stream: EchoStream, request: EchoRequest, reply: FrameRef): void {
  request.isAnswered = true;
  stream.replies++;
  const roundTripNs = reply.timeNs - request.timeNs;
  if (roundTripNs > ECHO_REPLY_NS) stream.lateReplies++;
  if (roundTripNs >= 0) addRoundTrip(stream.roundTrip, roundTripNs);
}

function addRoundTrip(roundTrip: EchoStream['roundTrip'], roundTripNs: Nanoseconds): void {
  roundTrip.count++;
  roundTrip.sumNs += roundTripNs;
  roundTrip.minNs = Math.min(roundTrip.minNs, roundTripNs);
  roundTrip.maxNs = Math.max(roundTrip.maxNs, roundTripNs);
}

function isRequest(type: number): boolean {
  return type === ECHO_REQUEST || type === V6_ECHO_REQUEST;
}

/** ICMP types 0 and 8, ICMPv6 types 128 and 129: neither meaning overlaps with an error of the other family. */
function isEcho(type: number): boolean {
  return type === 0 || type === ECHO_REQUEST || type >= V6_ECHO_REQUEST;
}

function lastFrame({ stream }: OpenStream): number {
  return Math.max(stream.last.frame, stream.lastReply?.frame ?? 0);
}

/** Every ping, by pair, tunnel stack and identifier. */
export const echoStreams = defineCorrelator<EchoStream, typeof ICMP_ROWS>({
  name: 'echo',
  reads: dissector,
  order: 'capture',
  create: (run) => new EchoCorrelation(run),
});
