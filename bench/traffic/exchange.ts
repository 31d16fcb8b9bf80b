import type { Random } from './random.js';

/** Two hosts that talk, one request with its answer at a time. Frames are written in the order they cross the wire. */
export interface Conversation {
  /** No frame of the current exchange is left. */
  readonly idle: boolean;
  /** Plans the next exchange; only while idle. */
  startExchange(random: Random): void;
  /** Writes the next frame at `offset`; returns its length. `elapsedMs` is the time since the capture began. */
  writeFrame(target: Buffer, offset: number, elapsedMs: number): number;
}

/** All conversations of a capture, and which of them is heard next. */
export interface ConversationSource {
  /** How many conversations there are; at most so many exchanges are under way at once. */
  readonly size: number;
  /** A conversation that is not in the middle of an exchange; there must be one. */
  pickIdle(random: Random): Conversation;
}

/** Any of `conversations` that is idle; one of them must be. */
export function pickIdleOf(conversations: readonly Conversation[], random: Random): Conversation {
  for (;;) {
    const candidate = conversations[random.between(0, conversations.length)];
    if (candidate.idle) return candidate;
  }
}

/** Plans the segments of an exchange; `segmentLength` is the most that one carries. */
export type PlanExchange = (random: Random, segmentLength: number) => Segment[];

export interface Segment {
  readonly fromClient: boolean;
  /** 0 for an acknowledgement alone. */
  readonly payloadLength: number;
}

/**
 * A request and its answer as a TCP sender cuts them. The receiver of the answer acknowledges every second segment
 * and the last one (RFC 9293, section 3.8.6.3).
 */
export function segmentExchange(random: Random, segmentLength: number): Segment[] {
  const segments: Segment[] = [{ fromClient: true, payloadLength: random.between(60, 400) }];
  let left = answerLength(random);
  for (let sent = 1; left > 0; sent += 1) {
    const payloadLength = Math.min(left, segmentLength);
    left -= payloadLength;
    segments.push({ fromClient: false, payloadLength });
    if (sent % 2 === 0 || left === 0) segments.push({ fromClient: true, payloadLength: 0 });
  }
  return segments;
}

/** Four answers in five fit one segment; the longer ones bring the mean frame of the mix to about 430 bytes. */
function answerLength(random: Random): number {
  const sort = random.between(0, 100);
  if (sort < 80) return random.between(80, 600);
  if (sort < 97) return random.between(1_000, 3_000);
  return random.between(4_000, 16_000);
}

/** A few bytes, a few bytes back, and the acknowledgement of them, as in a remote shell. */
export function keystrokeExchange(random: Random): Segment[] {
  return [
    { fromClient: true, payloadLength: random.between(1, 20) },
    { fromClient: false, payloadLength: random.between(1, 20) },
    { fromClient: true, payloadLength: 0 },
  ];
}
