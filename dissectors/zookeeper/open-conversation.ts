import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import type { HealthAnswer, HealthCheck, PingSilence, ZookeeperConversation } from './session.js';

/** Bounds of one conversation. */
const CHECKS_KEPT = 16;
const REFUSALS_KEPT = 8;

type Open<T> = { -readonly [Name in keyof T]: T[Name] };

/** A conversation while its messages come in. */
export class OpenConversation {
  last: FrameRef;
  private readonly checks: Open<HealthCheck>[] = [];
  private checkCount = 0;
  private waiting: Open<HealthCheck> | null = null;
  private otherWords = 0;
  private timeoutMs = 0;
  private connects = 0;
  private readonly refused: FrameRef[] = [];
  private readonly expired: FrameRef[] = [];
  private pings = 0;
  private pingReplies = 0;
  private silentSince: FrameRef | null = null;
  private silentPings = 0;
  private longest: PingSilence | null = null;

  constructor(
    readonly client: string,
    readonly clientPort: number,
    readonly server: string,
    readonly stack: number,
    readonly segment: SegmentIndex,
    readonly first: FrameRef,
  ) {
    this.last = first;
  }

  askHealth(at: FrameRef): void {
    this.checkCount++;
    this.waiting = { at, answer: null, answered: null };
    if (this.checks.length < CHECKS_KEPT) this.checks.push(this.waiting);
  }

  askOther(): void {
    this.otherWords++;
    this.waiting = null;
  }

  /** Text of the server: the answer to the last word. */
  answerText(at: FrameRef, answer: HealthAnswer): void {
    if (!this.waiting) return;
    this.waiting.answer = answer;
    this.waiting.answered = at;
    this.waiting = null;
  }

  /** A new connection with the same ports: what was open has ended. */
  connect(): void {
    this.connects++;
    this.timeoutMs = 0;
    this.silentSince = null;
    this.silentPings = 0;
  }

  connected(at: FrameRef, timeoutMs: number, isRefused: boolean): void {
    this.timeoutMs = timeoutMs;
    if (isRefused && this.refused.length < REFUSALS_KEPT) this.refused.push(at);
  }

  expire(at: FrameRef): void {
    if (this.expired.length < REFUSALS_KEPT) this.expired.push(at);
  }

  ping(at: FrameRef): void {
    this.pings++;
    this.silentSince ??= at;
    this.silentPings++;
  }

  answerPing(at: FrameRef): void {
    this.pingReplies++;
    const from = this.silentSince;
    if (from) {
      const lastedNs = at.timeNs - from.timeNs;
      if (lastedNs > (this.longest?.lastedNs ?? 0)) {
        this.longest = { from, until: at, pings: this.silentPings, lastedNs };
      }
    }
    this.silentSince = null;
    this.silentPings = 0;
  }

  /** The client ends the session. */
  close(): void {
    this.silentSince = null;
    this.silentPings = 0;
  }

  describe(): ZookeeperConversation {
    const { client, clientPort, server, stack, segment, first, last, silentSince } = this;
    return {
      client,
      clientPort,
      server,
      stack,
      segment,
      first,
      last,
      checks: this.checks.map((check) => ({ ...check })),
      checkCount: this.checkCount,
      otherWords: this.otherWords,
      timeoutMs: this.timeoutMs,
      connects: this.connects,
      refused: [...this.refused],
      expired: [...this.expired],
      pings: this.pings,
      pingReplies: this.pingReplies,
      longestSilence: this.longest,
      openSilence: silentSince
        ? { from: silentSince, until: null, pings: this.silentPings, lastedNs: Number.NaN }
        : null,
    };
  }
}
