import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds } from '../../src/units.js';
import {
  type MissingData,
  type SideEvents,
  STUCK_REPEATS_MIN,
  type StuckSegment,
  slowest,
  type Turn,
  type Turns,
  type ZeroWindow,
} from './connection-events.js';
import { DurationTally } from './duration-tally.js';
import { both, NEVER, plus } from './occurrences.js';

const SLOW_TURNS_KEPT = 64;
const UNDECIDED_KEPT = 64;
const STUCK_KEPT = 8;

/** An attempt to connect that nobody answered. */
export interface SilentAttempt {
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly syns: number;
}

/** A connection that came about only after its SYN had been repeated. */
export interface LateStart extends FrameRef {
  readonly clientPort: number;
  readonly syns: number;
  readonly delayNs: Nanoseconds;
}

/** The connection of a service that a kind of trouble hit worst. */
export interface WorstConnection {
  readonly clientPort: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly count: number;
}

/** A stuck segment and its connection. */
export interface ServiceStuckSegment extends StuckSegment {
  readonly clientPort: number;
  /** The capture shows that its receiver is the host that captured. */
  readonly isAtReceiver: boolean;
  /** Its sender acknowledged new data of the receiver. */
  readonly isPeerHeard: boolean;
  /** Largest payload of the direction that can have been acknowledged until the connection ended. */
  readonly largestEver: number;
}

/** Data that was still missing when the connection ended, or the capture. */
export interface ServiceMissingData extends MissingData {
  readonly clientPort: number;
  /** Largest payload of the direction in the capture. */
  readonly largestSeen: number;
}

/** How a connection stood when it was aggregated. */
interface ConnectionEnding {
  readonly clientPort: number;
  readonly closeNs: Nanoseconds;
  /** An acknowledgment has passed the segment that was repeated last. */
  readonly isRecovered: boolean;
  readonly isAtReceiver: boolean;
  readonly isPeerHeard: boolean;
  readonly largestAcknowledged: number;
  /** What was left out is still not there, and not acknowledged. */
  readonly isGapOpen: boolean;
  readonly largestSeen: number;
}

/** Trouble with what one side of all connections of a service sent. */
export class SideTrouble {
  /** Segments sent again, and how many of them after 200 ms of silence. */
  retransmissions = 0;
  timeouts = 0;
  repeats = NEVER;
  worst: WorstConnection | null = null;
  /** Times at which the side could not take data: how often, how long in all, and the longest of them. */
  zeroWindows = 0;
  zeroNs: Nanoseconds = 0;
  longestZeroNs: Nanoseconds = 0;
  longestZero: (ZeroWindow & { readonly clientPort: number }) | null = null;
  /** RSTs of this side after data and before any FIN; and those that left data or a question of the peer unanswered. */
  resets = NEVER;
  failures = NEVER;
  /** Resets with a TTL that differs from that of the side's SYN by more than 3. */
  foreignResets = 0;
  /** Data that the side went on sending more than a second after a RST. */
  afterReset = NEVER;
  /** Segments repeated at least 3 times without progress: the most repeated ones. */
  stuck: ServiceStuckSegment[] = [];
  /** Data of the side that never came: what was asked for most often. */
  missing: ServiceMissingData[] = [];

  add(events: SideEvents, ending: ConnectionEnding): void {
    const { clientPort, closeNs, isRecovered, largestAcknowledged, isGapOpen, largestSeen } = ending;
    const { isAtReceiver, isPeerHeard } = ending;
    this.retransmissions += events.retransmissions;
    this.timeouts += events.timeouts;
    const { firstRepeat, lastRepeat, reset, firstAfterReset, lastAfterReset } = events;
    if (firstRepeat && lastRepeat) {
      this.repeats = plus(plus(this.repeats, firstRepeat, events.retransmissions), lastRepeat, 0);
      this.addWorst({ clientPort, first: firstRepeat, last: lastRepeat, count: events.retransmissions });
    }
    this.addZeroWindows(events, clientPort, closeNs);
    if (reset) {
      this.resets = plus(this.resets, reset);
      if (reset.leftWaiting) this.failures = plus(this.failures, reset);
      if (reset.foreignTimeToLive) this.foreignResets++;
    }
    if (firstAfterReset && lastAfterReset) {
      this.afterReset = plus(plus(this.afterReset, firstAfterReset, events.afterReset), lastAfterReset, 0);
    }
    if (events.missing && isGapOpen) this.addMissing([{ ...events.missing, clientPort, largestSeen }]);
    const { repeated } = events;
    const stuck = [...events.stuck, ...(repeated ? [{ ...repeated, isRecovered }] : [])];
    this.addStuck(
      stuck
        .filter(({ repeats }) => repeats >= STUCK_REPEATS_MIN)
        .map((one) => ({
          ...one,
          clientPort,
          isAtReceiver,
          isPeerHeard,
          largestEver: largestAcknowledged,
        })),
    );
  }

  get score(): number {
    const waits = this.missing.length;
    return this.retransmissions + this.zeroWindows + this.resets.count + this.afterReset.count + waits;
  }

  merge(other: SideTrouble): void {
    this.retransmissions += other.retransmissions;
    this.timeouts += other.timeouts;
    this.repeats = both(this.repeats, other.repeats);
    if (other.worst) this.addWorst(other.worst);
    this.zeroWindows += other.zeroWindows;
    this.zeroNs += other.zeroNs;
    if (other.longestZero) this.addLongest(other.longestZero, other.longestZeroNs);
    this.resets = both(this.resets, other.resets);
    this.failures = both(this.failures, other.failures);
    this.foreignResets += other.foreignResets;
    this.afterReset = both(this.afterReset, other.afterReset);
    this.addStuck(other.stuck);
    this.addMissing(other.missing);
  }

  private addWorst(worst: WorstConnection): void {
    const known = this.worst;
    const isWorse =
      !known ||
      worst.count > known.count ||
      (worst.count === known.count && worst.first.frame < known.first.frame);
    if (isWorse) this.worst = worst;
  }

  private addZeroWindows(events: SideEvents, clientPort: number, closeNs: Nanoseconds): void {
    this.zeroWindows += events.zeroWindows;
    this.zeroNs += events.zeroNs;
    const { longestZero, longestZeroNs, zeroSince } = events;
    if (longestZero) this.addLongest({ ...longestZero, clientPort }, longestZeroNs);
    if (zeroSince && closeNs - zeroSince.timeNs >= 0) {
      this.zeroNs += closeNs - zeroSince.timeNs;
      this.addLongest({ from: zeroSince, to: null, clientPort }, closeNs - zeroSince.timeNs);
    }
  }

  private addLongest(zero: ZeroWindow & { readonly clientPort: number }, lastedNs: Nanoseconds): void {
    const known = this.longestZero;
    const isLonger =
      !known ||
      lastedNs > this.longestZeroNs ||
      (lastedNs === this.longestZeroNs && zero.from.frame < known.from.frame);
    if (!isLonger) return;
    this.longestZero = zero;
    this.longestZeroNs = lastedNs;
  }

  private addMissing(more: readonly ServiceMissingData[]): void {
    if (more.length === 0) return;
    this.missing = [...this.missing, ...more]
      .sort((a, b) => b.waits - a.waits || a.first.frame - b.first.frame)
      .slice(0, STUCK_KEPT);
  }

  private addStuck(more: readonly ServiceStuckSegment[]): void {
    if (more.length === 0) return;
    this.stuck = [...this.stuck, ...more]
      .sort((a, b) => b.repeats - a.repeats || a.first.frame - b.first.frame)
      .slice(0, STUCK_KEPT);
  }
}

/** What one side of all connections of a service sent. */
export class ServiceSide {
  dataSegments = 0;
  /** Maximum segment sizes of its SYNs: smallest and largest; 0 where none was seen. */
  mssMin = 0;
  mssMax = 0;
  trouble: SideTrouble | null = null;

  addMaximumSegment(bytes: number): void {
    if (bytes === 0) return;
    this.mssMin = this.mssMin === 0 ? bytes : Math.min(this.mssMin, bytes);
    this.mssMax = Math.max(this.mssMax, bytes);
  }

  merge(other: ServiceSide): void {
    this.dataSegments += other.dataSegments;
    this.addMaximumSegment(other.mssMin);
    this.addMaximumSegment(other.mssMax);
    if (!other.trouble) return;
    this.trouble ??= new SideTrouble();
    this.trouble.merge(other.trouble);
  }
}

/** HTTP/1 turns of a service, see `Turns`. */
export class HttpTally {
  readonly sent = new DurationTally();
  readonly waited = new DurationTally();
  readonly received = new DurationTally();
  readonly thought = new DurationTally();
  /** The slowest ones, at most 64; those of long polling are not among them. */
  slow: readonly Turn[] = [];
  unclean = 0;
  asked = NEVER;

  /** `responseEndNs`: time of the last data of the server. */
  add(turns: Turns, responseEndNs: Nanoseconds): void {
    if (turns.isLongPoll) {
      this.unclean += turns.waited.count + turns.unclean;
      return;
    }
    this.unclean += turns.unclean;
    this.sent.merge(turns.sent);
    this.waited.merge(turns.waited);
    this.received.merge(turns.received);
    this.received.add(responseEndNs - turns.answeredNs);
    this.thought.merge(turns.thought);
    this.asked = both(this.asked, turns.asked);
    this.slow = slowest([...this.slow, ...turns.slow], SLOW_TURNS_KEPT);
  }

  merge(other: HttpTally): void {
    this.sent.merge(other.sent);
    this.waited.merge(other.waited);
    this.received.merge(other.received);
    this.thought.merge(other.thought);
    this.unclean += other.unclean;
    this.asked = both(this.asked, other.asked);
    this.slow = slowest([...this.slow, ...other.slow], SLOW_TURNS_KEPT);
  }
}

/**
 * What one client host has with one server endpoint: all their connections. Which side is the server: the one that
 * got the SYN, else the one with the lower port.
 */
export class TcpService {
  connections = 0;
  /** Connections whose SYN is in the capture; those of them that came about. */
  attempts = 0;
  established = NEVER;
  /** Attempts that a RST answered. */
  refused = NEVER;
  /** Attempts that nothing answered; those with a single SYN stand in `undecided`, the newest 64 of them. */
  unanswered = NEVER;
  unansweredSyns = 0;
  longestSilence: SilentAttempt | null = null;
  undecided: readonly SilentAttempt[] = [];
  /** SYN-ACKs are in the capture, and SYNs are repeated as if none had arrived. */
  answerLost = NEVER;
  /** Connections that came about LATE_START_NS and more late, as SYNs had to be repeated; and those SYNs. */
  late = NEVER;
  lostSyns = 0;
  latest: LateStart | null = null;
  /** Handshake without repeats: SYN to the client's ACK; SYN to SYN-ACK, the half between capture point and server. */
  readonly roundTrip = new DurationTally();
  readonly serverHalf = new DurationTally();
  slowestHandshake: (FrameRef & { readonly roundTripNs: Nanoseconds }) | null = null;
  readonly fromClient = new ServiceSide();
  readonly fromServer = new ServiceSide();
  http: HttpTally | null = null;

  constructor(
    readonly client: string,
    readonly server: string,
    readonly port: number,
    /** Index of the tunnel stack; 0: not in a tunnel. */
    readonly stack: number,
    /** First frame of its first connection. */
    public first: FrameRef,
  ) {}

  addSilence(attempt: SilentAttempt): void {
    this.unanswered = plus(this.unanswered, attempt.first);
    this.unansweredSyns += attempt.syns;
    this.addLongestSilence(attempt);
    if (attempt.syns === 1) this.addUndecided([attempt]);
  }

  addLateStart(start: LateStart): void {
    this.late = plus(this.late, start);
    this.lostSyns += start.syns - 1;
    this.addLatest(start);
  }

  addHandshake(opened: FrameRef, serverHalfNs: Nanoseconds, clientHalfNs: Nanoseconds): void {
    this.serverHalf.add(serverHalfNs);
    const roundTripNs = serverHalfNs + clientHalfNs;
    if (!(roundTripNs >= 0)) return;
    this.roundTrip.add(roundTripNs);
    if (this.isSlowest(opened, roundTripNs)) this.slowestHandshake = { ...opened, roundTripNs };
  }

  /** How much went wrong; 0: nothing. */
  get troubleScore(): number {
    const { unanswered, refused, answerLost, fromClient, fromServer, http } = this;
    return (
      unanswered.count +
      refused.count +
      answerLost.count +
      this.late.count +
      (fromClient.trouble?.score ?? 0) +
      (fromServer.trouble?.score ?? 0) +
      (http?.slow.length ?? 0)
    );
  }

  merge(other: TcpService): void {
    this.connections += other.connections;
    this.attempts += other.attempts;
    this.established = both(this.established, other.established);
    this.refused = both(this.refused, other.refused);
    this.unanswered = both(this.unanswered, other.unanswered);
    this.unansweredSyns += other.unansweredSyns;
    if (other.longestSilence) this.addLongestSilence(other.longestSilence);
    this.addUndecided(other.undecided);
    this.answerLost = both(this.answerLost, other.answerLost);
    this.late = both(this.late, other.late);
    this.lostSyns += other.lostSyns;
    if (other.latest) this.addLatest(other.latest);
    this.roundTrip.merge(other.roundTrip);
    this.serverHalf.merge(other.serverHalf);
    const slowest = other.slowestHandshake;
    if (slowest && this.isSlowest(slowest, slowest.roundTripNs)) this.slowestHandshake = slowest;
    this.fromClient.merge(other.fromClient);
    this.fromServer.merge(other.fromServer);
    if (other.http) {
      this.http ??= new HttpTally();
      this.http.merge(other.http);
    }
    if (other.first.frame < this.first.frame) this.first = other.first;
  }

  private addLatest(start: LateStart): void {
    const { latest } = this;
    const isLater =
      !latest ||
      start.delayNs > latest.delayNs ||
      (start.delayNs === latest.delayNs && start.frame < latest.frame);
    if (isLater) this.latest = start;
  }

  private addLongestSilence(attempt: SilentAttempt): void {
    const longest = this.longestSilence;
    const isLonger =
      !longest ||
      attempt.syns > longest.syns ||
      (attempt.syns === longest.syns && attempt.first.frame < longest.first.frame);
    if (isLonger) this.longestSilence = attempt;
  }

  private isSlowest({ frame }: FrameRef, roundTripNs: Nanoseconds): boolean {
    const slowest = this.slowestHandshake;
    return (
      !slowest ||
      roundTripNs > slowest.roundTripNs ||
      (roundTripNs === slowest.roundTripNs && frame < slowest.frame)
    );
  }

  private addUndecided(attempts: readonly SilentAttempt[]): void {
    if (attempts.length === 0) return;
    this.undecided = [...this.undecided, ...attempts]
      .sort((a, b) => b.first.frame - a.first.frame)
      .slice(0, UNDECIDED_KEPT);
  }
}
