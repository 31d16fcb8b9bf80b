import type { FrameRef } from '../../src/moment.js';
import type { EchoStream } from './session.js';

/** Bounds of one link. */
const STREAMS_MAX = 64;
const PENDING_KEPT = 64;

interface OpenStream {
  readonly direction: number;
  readonly source: string;
  readonly destination: string;
  readonly identifier: number;
  sent: number;
  answered: number;
  readonly firstRequest: FrameRef;
  lastRequest: FrameRef;
  lastReply: FrameRef | null;
  /** Requests without a reply, by sequence number. */
  readonly pending: Map<number, FrameRef>;
  more: number;
}

/**
 * SCMP echoes of one link: requests with the replies that come back over it. At most STREAMS_MAX streams with
 * PENDING_KEPT open requests each; requests beyond that are counted as unanswered only once they are the oldest.
 */
export class EchoLedger {
  private readonly streams = new Map<string, OpenStream>();

  request(
    direction: number,
    source: string,
    destination: string,
    identifier: number,
    sequence: number,
    at: FrameRef,
  ): void {
    const stream = this.open(direction, source, destination, identifier, at);
    if (stream === null) return;
    stream.lastRequest = at;
    // A request that is sent again waits for the same reply.
    if (stream.pending.has(sequence)) return;
    stream.sent++;
    if (stream.pending.size >= PENDING_KEPT) {
      stream.more++;
      return;
    }
    stream.pending.set(sequence, at);
  }

  /** A reply that goes the other way, from the request's destination to its source. */
  reply(
    direction: number,
    source: string,
    destination: string,
    identifier: number,
    sequence: number,
    at: FrameRef,
  ): void {
    const stream = this.streams.get(`${1 - direction} ${destination} ${source} ${identifier}`);
    if (!stream) return;
    if (stream.pending.delete(sequence)) stream.answered++;
    else if (stream.more > 0) {
      stream.more--;
      stream.answered++;
    } else return;
    stream.lastReply = at;
  }

  private open(
    direction: number,
    source: string,
    destination: string,
    identifier: number,
    at: FrameRef,
  ): OpenStream | null {
    const key = `${direction} ${source} ${destination} ${identifier}`;
    const known = this.streams.get(key);
    if (known) return known;
    if (this.streams.size >= STREAMS_MAX) return null;
    const stream: OpenStream = {
      direction,
      source,
      destination,
      identifier,
      sent: 0,
      answered: 0,
      firstRequest: at,
      lastRequest: at,
      lastReply: null,
      pending: new Map(),
      more: 0,
    };
    this.streams.set(key, stream);
    return stream;
  }

  describe(): EchoStream[] {
    return [...this.streams.values()].map(({ pending, more, ...stream }) => ({
      ...stream,
      unanswered: [...pending.values()],
      moreUnanswered: more,
    }));
  }
}
