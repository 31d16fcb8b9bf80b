import type { FrameRef } from '../../src/diagnose/diagnosis.js';
import type { Nanoseconds } from '../../src/units.js';
import { formatAddress } from '../../src/wire/address.js';
import type { SideEvents, StuckSegment, Turn, ZeroWindow } from './connection-events.js';
import { slowest } from './connection-events.js';
import { DurationTally } from './duration-tally.js';

/** Examples kept a service and kind. */
const EXAMPLES_KEPT = 4;
const SLOW_TURNS_KEPT = 64;
const UNDECIDED_KEPT = 64;
const STUCK_KEPT = 8;

/** Frames of a kind of event: how often, the first and the last ones. */
export class Occurrences {
  count = 0;
  first: FrameRef | null = null;
  last: FrameRef | null = null;

  add(ref: FrameRef, count = 1): void {
    this.count += count;
    if (!this.first || ref.frame < this.first.frame) this.first = ref;
    if (!this.last || ref.frame > this.last.frame) this.last = ref;
  }

  merge(other: Occurrences): void {
    if (!other.first || !other.last) return;
    this.add(other.first, other.count);
    this.add(other.last, 0);
  }
}

/** An attempt to connect that nobody answered. */
export interface SilentAttempt {
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly syns: number;
}

/** A connection with its trouble, as an example. */
export interface TroubledConnection {
  readonly clientPort: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly count: number;
}

/** What one side of all connections of a service sent. */
export class ServiceSide {
  dataSegments = 0;
  retransmissions = 0;
  timeouts = 0;
  /** Most retransmissions of one connection. */
  mostRepeats = 0;
  readonly repeats = new Occurrences();
  worst: TroubledConnection | null = null;
  /** Times at which the side could not take data: how often, how long in all, and the longest of them. */
  zeroWindows = 0;
  zeroNs: Nanoseconds = 0;
  longestZeroNs: Nanoseconds = 0;
  longestZero: (ZeroWindow & { readonly lastNs: Nanoseconds }) | null = null;
  /** RSTs of this side after data and before any FIN; and those that left data or a question of the peer unanswered. */
  readonly resets = new Occurrences();
  readonly failures = new Occurrences();
  /** Resets with a TTL that differs from that of the side's SYN by more than 3. */
  foreignResets = 0;
  /** Connections on which this side went on sending after a RST, and frames of that. */
  readonly afterReset = new Occurrences();
  stuck: (StuckSegment & { readonly clientPort: number })[] = [];
  /** Maximum segment sizes of its SYNs: smallest and largest, 0 where none was seen. */
  mssMin = 0;
  mssMax = 0;
  mssAt: FrameRef | null = null;
}

/**
 * What one client host has with one server endpoint: all their connections. `a` of a direction is the client.
 * Which side is the server: the one that got the SYN, else the one with the lower port.
 */
export class TcpService {
  connections = 0;
  /** Connections whose SYN is in the capture, and what became of them. */
  attempts = 0;
  established = 0;
  /** Attempts that were answered by RST. */
  readonly refused = new Occurrences();
  /** Attempts that nothing answered; of those with a single SYN the newest 64 stand in `undecided`. */
  readonly unanswered = new Occurrences();
  unansweredSyns = 0;
  /** The attempt with the most SYNs. */
  longestSilence: SilentAttempt | null = null;
  undecided: SilentAttempt[] = [];
  /** Attempts whose SYN-ACK is in the capture, and SYN and SYN-ACK are repeated as if nothing had arrived. */
  readonly answerLost = new Occurrences();
  /** Attempts that succeeded, by the frame of their SYN. */
  readonly successes = new Occurrences();
  /** Handshake: SYN to the client's ACK; SYN to SYN-ACK (from the capture point to the server and back). */
  readonly roundTrip = new DurationTally();
  readonly serverHalf = new DurationTally();
  slowestHandshake: (FrameRef & { readonly roundTripNs: Nanoseconds }) | null = null;
  readonly fromClient = new ServiceSide();
  readonly fromServer = new ServiceSide();
  /** HTTP/1 turns, see `Turns`. */
  readonly sent = new DurationTally();
  readonly waited = new DurationTally();
  readonly received = new DurationTally();
  readonly thought = new DurationTally();
  slowTurns: Turn[] = [];
  slowTurnCount = 0;
  uncleanTurns = 0;
  firstTurn: FrameRef | null = null;
  lastTurn: FrameRef | null = null;
  first: FrameRef;
  last: FrameRef;

  constructor(
    readonly client: string,
    readonly server: string,
    readonly port: number,
    /** Index of the tunnel stack; 0: not in a tunnel. */
    readonly stack: number,
    ref: FrameRef,
  ) {
    this.first = ref;
    this.last = ref;
  }

  addSilence(attempt: SilentAttempt): void {
    this.unanswered.add(attempt.first);
    this.unansweredSyns += attempt.syns;
    const longest = this.longestSilence;
    const isLonger =
      !longest ||
      attempt.syns > longest.syns ||
      (attempt.syns === longest.syns && attempt.first.frame < longest.first.frame);
    if (isLonger) this.longestSilence = attempt;
    if (attempt.syns === 1) {
      this.undecided.push(attempt);
      if (this.undecided.length >= UNDECIDED_KEPT * 2) this.trimUndecided();
    }
  }

  addHandshake(opened: FrameRef, serverHalfNs: Nanoseconds, clientHalfNs: Nanoseconds): void {
    this.serverHalf.add(serverHalfNs);
    const roundTripNs = serverHalfNs + clientHalfNs;
    if (!(roundTripNs >= 0)) return;
    this.roundTrip.add(roundTripNs);
    const slowest = this.slowestHandshake;
    const isSlower =
      !slowest ||
      roundTripNs > slowest.roundTripNs ||
      (roundTripNs === slowest.roundTripNs && opened.frame < slowest.frame);
    if (isSlower) this.slowestHandshake = { ...opened, roundTripNs };
  }

  addTurns(turns: {
    readonly sent: DurationTally;
    readonly waited: DurationTally;
    readonly received: DurationTally;
    readonly thought: DurationTally;
    readonly slow: readonly Turn[];
  }): void {
    this.sent.merge(turns.sent);
    this.waited.merge(turns.waited);
    this.received.merge(turns.received);
    this.thought.merge(turns.thought);
    this.slowTurns = slowest([...this.slowTurns, ...turns.slow], SLOW_TURNS_KEPT);
  }

  private trimUndecided(): void {
    this.undecided = [...this.undecided]
      .sort((a, b) => b.first.frame - a.first.frame)
      .slice(0, UNDECIDED_KEPT);
  }
}
