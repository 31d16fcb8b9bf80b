import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, type SegmentIndex, seconds } from '../../src/units.js';
import { PairLedger } from './pair-ledger.js';
import { ResponseTimes, slowThresholdNs, VERY_SLOW_SECONDS } from './response-times.js';
import {
  answerKey,
  type DnsClient,
  type DnsFailure,
  type DnsQuestion,
  type DnsServer,
  type FailureKind,
} from './session.js';

/** Bounds of one server. */
const SLOW_KEPT = 64;
const GIVEN_UP_KEPT = 128;
const FAILURES_KEPT = 128;
const RESOLVED_KEPT = 1024;
const ANSWERS_KEPT = 2048;
const CLIENTS_KEPT = 256;

/** A server while its messages come in. About 300 KiB at most. */
export class OpenServer {
  /** Its session is handed over: what follows belongs to a new one. */
  isClosed = false;
  questions = 0;
  answered = 0;
  repeated = 0;
  givenUpCount = 0;
  private slowCount = 0;
  private verySlowCount = 0;
  private readonly pairs = new PairLedger();
  private readonly thresholdNs: Nanoseconds;
  first: FrameRef | null = null;
  last: FrameRef | null = null;
  private firstAnswer: FrameRef | null = null;
  private lastAnswer: FrameRef | null = null;
  private readonly responseTimes = new ResponseTimes();
  private readonly slow: DnsQuestion[] = [];
  private readonly givenUp: DnsQuestion[] = [];
  private readonly failures = new Map<string, DnsFailure>();
  private readonly failureCounts: Record<FailureKind, number> = {
    'server-failure': 0,
    refused: 0,
    'no-such-name': 0,
    'no-data': 0,
  };
  private readonly resolved = new Set<string>();
  private readonly lastAnswers = new Map<string, FrameRef>();
  private readonly clients = new Map<string, DnsClient>();

  constructor(
    readonly address: string,
    readonly stack: number,
    readonly segment: SegmentIndex,
  ) {
    this.thresholdNs = slowThresholdNs(address);
  }

  /** Flows arrive one after the other, so neither end of the span need come last. */
  see(at: FrameRef): void {
    if (!this.first || at.frame < this.first.frame) this.first = at;
    if (!this.last || at.frame > this.last.frame) this.last = at;
  }

  ask(question: DnsQuestion): void {
    this.questions++;
    this.pairs.ask(question);
    const known = this.clientOf(question.client);
    if (known) known.questions++;
  }

  repeat(question: DnsQuestion): void {
    this.repeated++;
    this.pairs.repeat(question);
  }

  pairUp(earlier: DnsQuestion, later: DnsQuestion): void {
    this.pairs.pairUp(earlier, later);
  }

  answer(question: DnsQuestion, failure: FailureKind | null, hasData: boolean): void {
    const { client, nameHash, type, answer, responseNs, name } = question;
    if (!answer) return;
    this.answered++;
    const known = this.clientOf(client);
    if (known) known.answered++;
    if (!this.firstAnswer || answer.frame < this.firstAnswer.frame) this.firstAnswer = answer;
    if (!this.lastAnswer || answer.frame > this.lastAnswer.frame) this.lastAnswer = answer;
    this.responseTimes.add(responseNs);
    if (responseNs > this.thresholdNs) this.keepSlow(question);
    if (responseNs > seconds(VERY_SLOW_SECONDS)) this.verySlowCount++;
    this.pairs.answer(question);
    if (failure) this.fail(failure, question, answer);
    if (hasData && this.resolved.size < RESOLVED_KEPT) this.resolved.add(name);
    const key = answerKey(client, nameHash, type);
    const before = this.lastAnswers.get(key);
    if (before ? answer.frame > before.frame : this.lastAnswers.size < ANSWERS_KEPT) {
      this.lastAnswers.set(key, answer);
    }
  }

  giveUp(question: DnsQuestion): void {
    this.givenUpCount++;
    if (this.givenUp.length < GIVEN_UP_KEPT) this.givenUp.push(question);
  }

  describe(waiting: readonly DnsQuestion[], fallback: FrameRef): DnsServer {
    const { address, stack, segment, questions, answered, repeated, givenUpCount, slowCount } = this;
    return {
      address,
      stack,
      segment,
      questions,
      answered,
      repeated,
      first: this.first ?? fallback,
      last: this.last ?? fallback,
      firstAnswer: this.firstAnswer,
      lastAnswer: this.lastAnswer,
      responseTimes: this.responseTimes,
      slowCount,
      verySlowCount: this.verySlowCount,
      paired: this.pairs.describe(this.questions),
      slow: [...this.slow].sort((a, b) => a.first.frame - b.first.frame),
      givenUp: [...this.givenUp].sort((a, b) => a.first.frame - b.first.frame),
      givenUpCount,
      waiting: [...waiting].sort((a, b) => a.first.frame - b.first.frame),
      failures: [...this.failures.values()].sort((a, b) => a.first.frame - b.first.frame),
      failureCounts: { ...this.failureCounts },
      resolved: this.resolved,
      lastAnswers: this.lastAnswers,
      clients: [...this.clients.values()],
    };
  }

  private clientOf(address: string): DnsClient | null {
    const known = this.clients.get(address);
    if (known) return known;
    if (this.clients.size >= CLIENTS_KEPT) return null;
    const client = { address, questions: 0, answered: 0 };
    this.clients.set(address, client);
    return client;
  }

  /** Half of the places are for the first ones, the other half for the slowest. */
  private keepSlow(question: DnsQuestion): void {
    const { slow } = this;
    this.slowCount++;
    if (slow.length < SLOW_KEPT) {
      slow.push(question);
      return;
    }
    let fastest = SLOW_KEPT / 2;
    for (let at = fastest + 1; at < SLOW_KEPT; at++) {
      if (slow[at].responseNs < slow[fastest].responseNs) fastest = at;
    }
    if (slow[fastest].responseNs < question.responseNs) slow[fastest] = question;
  }

  private fail(kind: FailureKind, { name, type, client }: DnsQuestion, at: FrameRef): void {
    this.failureCounts[kind]++;
    const key = `${kind} ${client} ${type} ${name}`;
    const known = this.failures.get(key);
    if (known) {
      known.count++;
      if (at.frame > known.last.frame) known.last = at;
    } else if (this.failures.size < FAILURES_KEPT) {
      this.failures.set(key, { kind, name, type, client, count: 1, first: at, last: at });
    }
  }
}
