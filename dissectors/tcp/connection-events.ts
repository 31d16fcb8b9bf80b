import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, NS_PER_MILLISECOND } from '../../src/units.js';
import { DurationTally } from './duration-tally.js';
import { NEVER, plus } from './occurrences.js';
import { SequenceHoles } from './sequence-holes.js';

/** Retransmissions of one segment without progress from which on it counts as stuck. */
export const STUCK_REPEATS_MIN = 3;
/** Responses that took at least this long are kept one by one. */
const SLOW_RESPONSE_NS: Nanoseconds = 200 * NS_PER_MILLISECOND;
/** Linux sends again by timer after 200 ms at the earliest; sooner repeats answer duplicate ACKs. */
const TIMEOUT_NS: Nanoseconds = 200 * NS_PER_MILLISECOND;
const STUCK_KEPT = 4;
const SLOW_TURNS_KEPT = 64;
/** A client that asks the same again so soon after a slow answer waits for events, not for work. */
const ASKS_AGAIN_NS: Nanoseconds = 100 * NS_PER_MILLISECOND;
const LONG_POLL_REPEATS = 2;

/** A segment that was sent again and again while no acknowledgment passed its first byte. */
export interface StuckSegment {
  readonly sequence: number;
  /** Payload bytes of the largest transmission, and of the newest one (senders that probe the path MTU cut it). */
  length: number;
  newestLength: number;
  /** Largest payload of the direction that can have been acknowledged before. */
  readonly largestAcknowledged: number;
  repeats: number;
  readonly first: FrameRef;
  last: FrameRef;
  /** An acknowledgment passed it in the end. */
  isRecovered: boolean;
}

/** Data that its receiver goes on asking for, although data behind it is in the capture: it was lost before both. */
export interface MissingData {
  /** Sequence number of the first byte, and how many bytes. */
  readonly sequence: number;
  readonly bytes: number;
  /** Acknowledgments that stay at it since; 0: the first frame is the one behind it. */
  waits: number;
  readonly first: FrameRef;
  last: FrameRef;
}

export interface ZeroWindow {
  readonly from: FrameRef;
  /** Null: still closed when the capture or the connection ended. */
  readonly to: FrameRef | null;
}

/** What went wrong with the segments of one side of a connection. */
export class SideEvents {
  /** Segments sent again, and how many of them after 200 ms of silence. */
  retransmissions = 0;
  timeouts = 0;
  firstRepeat: FrameRef | null = null;
  lastRepeat: FrameRef | null = null;
  readonly stuck: StuckSegment[] = [];
  /** The segment that is repeated at the moment. */
  repeated: StuckSegment | null = null;
  /** Data that was left out and may yet come; null before there was any. */
  private holes: SequenceHoles | null = null;
  /** What the receiver misses, or missed last. */
  missing: MissingData | null = null;
  /** Times at which this side could not take data. */
  zeroWindows = 0;
  zeroNs: Nanoseconds = 0;
  longestZero: ZeroWindow | null = null;
  longestZeroNs: Nanoseconds = 0;
  zeroSince: FrameRef | null = null;
  /** RST of this side after data and before any FIN. */
  reset: (FrameRef & { readonly leftWaiting: boolean; readonly foreignTimeToLive: boolean }) | null = null;
  /** Segments with data that it went on sending more than a second after the peer's RST. */
  afterReset = 0;
  firstAfterReset: FrameRef | null = null;
  lastAfterReset: FrameRef | null = null;

  /** Notes that `[from, to)` was left out. */
  addHole(from: number, to: number, openedNs: Nanoseconds): void {
    this.holes ??= new SequenceHoles();
    this.holes.add(from, to, openedNs);
  }

  /** When the hole that `[from, to)` fills was opened; undefined where it fills none. */
  fillHole(from: number, to: number): Nanoseconds | undefined {
    return this.holes?.fill(from, to);
  }

  get isEventful(): boolean {
    return (
      this.retransmissions > 0 ||
      this.zeroWindows > 0 ||
      this.reset !== null ||
      this.afterReset > 0 ||
      this.missing !== null
    );
  }

  noteRepeat(ref: FrameRef, sinceDataNs: Nanoseconds): void {
    this.retransmissions++;
    if (sinceDataNs >= TIMEOUT_NS) this.timeouts++;
    this.firstRepeat ??= ref;
    this.lastRepeat = ref;
  }

  /** The sender's own numbers go on behind a stretch of that many bytes, and nobody has asked for it yet. */
  noteSkipped(sequence: number, bytes: number, ref: FrameRef): void {
    if (this.missing?.sequence === sequence) return;
    this.missing = { sequence, bytes, waits: 0, first: ref, last: ref };
  }

  /** The receiver acknowledges up to a stretch of that many bytes which was left out, and no further. */
  noteMissing(sequence: number, bytes: number, ref: FrameRef): void {
    const known = this.missing;
    if (known?.sequence !== sequence || known.waits === 0) {
      this.missing = { sequence, bytes, waits: 1, first: ref, last: ref };
      return;
    }
    known.waits++;
    known.last = ref;
  }

  /** A repeat of the oldest byte that is not acknowledged. */
  noteStuck(sequence: number, length: number, largestAcknowledged: number, ref: FrameRef): void {
    const known = this.repeated;
    if (known && known.sequence === sequence) {
      known.repeats++;
      known.length = Math.max(known.length, length);
      known.newestLength = length;
      known.last = ref;
      return;
    }
    this.settleRepeated(true);
    this.repeated = {
      sequence,
      length,
      newestLength: length,
      largestAcknowledged,
      repeats: 1,
      first: ref,
      last: ref,
      isRecovered: false,
    };
  }

  /** The repeats of a segment are over. */
  settleRepeated(isRecovered: boolean): void {
    const { repeated } = this;
    this.repeated = null;
    if (!repeated || repeated.repeats < STUCK_REPEATS_MIN || this.stuck.length >= STUCK_KEPT) return;
    this.stuck.push({ ...repeated, isRecovered });
  }

  endZero(to: FrameRef | null, closeNs: Nanoseconds): void {
    const from = this.zeroSince;
    if (!from) return;
    this.zeroSince = null;
    const lasted = closeNs - from.timeNs;
    if (!(lasted >= 0)) return;
    this.zeroNs += lasted;
    if (lasted <= this.longestZeroNs && this.longestZero) return;
    this.longestZero = { from, to };
    this.longestZeroNs = lasted;
  }
}

/** An HTTP/1 request and the first byte of its response. */
export interface Turn {
  /** Last segment of the request, first segment of the response. */
  readonly asked: FrameRef;
  readonly answered: FrameRef;
  readonly waitNs: Nanoseconds;
}

/** The request that waits for its response. */
interface Question {
  readonly target: number;
  readonly firstNs: Nanoseconds;
  last: FrameRef;
  /** Not judged: pipelined, an event stream, or segments were sent again meanwhile. */
  isUnclean: boolean;
}

/** HTTP/1 turns of one connection: one request, one response, in turn. */
export class Turns {
  readonly sent = new DurationTally();
  readonly waited = new DurationTally();
  readonly received = new DurationTally();
  /** From the end of a response to the next request of the connection. */
  readonly thought = new DurationTally();
  /** The slowest turns of at least SLOW_RESPONSE_NS. */
  slow: Turn[] = [];
  unclean = 0;
  asked = NEVER;
  question: Question | null = null;
  /** Of the response that is being received. */
  answeredNs: Nanoseconds = Number.NaN;
  private lastTarget = 0;
  private lastWaitNs: Nanoseconds = 0;
  private askedAgain = 0;

  /** 0: the low endpoint asks, 1: the high one. */
  constructor(readonly askingDirection: number) {}

  /** `responseEndNs`: time of the last data of the other side. */
  ask(ref: FrameRef, target: number, isEventStream: boolean, responseEndNs: Nanoseconds): void {
    if (this.question) {
      this.question.isUnclean = true;
      return;
    }
    this.endResponse(responseEndNs);
    const thoughtNs = ref.timeNs - responseEndNs;
    if (this.waited.count > 0) this.thought.add(thoughtNs);
    if (target === this.lastTarget && this.lastWaitNs >= SLOW_RESPONSE_NS && thoughtNs <= ASKS_AGAIN_NS) {
      this.askedAgain++;
    }
    this.question = { target, firstNs: ref.timeNs, last: ref, isUnclean: isEventStream };
  }

  /** The first byte of the final response. */
  answer(ref: FrameRef, isEventStream: boolean): void {
    const { question } = this;
    this.question = null;
    if (!question) return;
    const waitNs = ref.timeNs - question.last.timeNs;
    this.lastTarget = question.target;
    this.lastWaitNs = waitNs;
    if (question.isUnclean || isEventStream || !(waitNs >= 0)) {
      this.unclean++;
      return;
    }
    this.answeredNs = ref.timeNs;
    this.asked = plus(this.asked, question.last);
    this.sent.add(question.last.timeNs - question.firstNs);
    this.waited.add(waitNs);
    if (waitNs >= SLOW_RESPONSE_NS) this.keepSlow({ asked: question.last, answered: ref, waitNs });
  }

  private endResponse(responseEndNs: Nanoseconds): void {
    this.received.add(responseEndNs - this.answeredNs);
    this.answeredNs = Number.NaN;
  }

  /** The connection is used for long polling: its waits are no fault. */
  get isLongPoll(): boolean {
    return this.askedAgain >= LONG_POLL_REPEATS;
  }

  private keepSlow(turn: Turn): void {
    this.slow.push(turn);
    if (this.slow.length >= SLOW_TURNS_KEPT * 2) this.slow = slowest(this.slow, SLOW_TURNS_KEPT);
  }
}

/** The slowest turns, in order of waiting time, then of frames. */
export function slowest(turns: readonly Turn[], kept: number): Turn[] {
  return [...turns].sort((a, b) => b.waitNs - a.waitNs || a.answered.frame - b.answered.frame).slice(0, kept);
}

/** What a connection has beyond its numbers; only connections to which something happened have one. */
export class ConnectionEvents {
  readonly sides: readonly [SideEvents, SideEvents] = [new SideEvents(), new SideEvents()];
  turns: Turns | null = null;

  side(direction: number): SideEvents {
    return this.sides[direction === 0 ? 0 : 1];
  }
}
