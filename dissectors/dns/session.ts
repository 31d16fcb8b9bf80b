import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds, SegmentIndex } from '../../src/units.js';
import type { ResponseTimes } from './response-times.js';

/** A question to a server and what came of it; repeats with the same id from the same port are one question. */
export interface DnsQuestion {
  readonly client: string;
  readonly clientPort: number;
  readonly id: number;
  /** In lower case, with dots, escaped as in master files; cut after 64 bytes. Empty where the capture has none. */
  readonly name: string;
  readonly nameHash: number;
  readonly type: number;
  tries: number;
  readonly first: FrameRef;
  /** When it was asked again for the first time. */
  second: FrameRef | null;
  last: FrameRef;
  answer: FrameRef | null;
  /** The other one of two questions about a name (A and AAAA) that left one port within PAIR_NS. */
  mate: DnsQuestion | null;
  /** From the first try to the answer; NaN where unknown. */
  responseNs: Nanoseconds;
}

/** Of two questions at once one got its answer, the other only when it was asked again. */
export interface LostHalf {
  readonly lost: DnsQuestion;
  readonly answered: DnsQuestion;
}

/** What became of questions that left their port in pairs, and of those that did not. */
export interface PairedQuestions {
  readonly pairs: number;
  /** One of the two was answered only when it was asked again, a second or more later: how many, and the first ones. */
  readonly lostHalfCount: number;
  readonly lostHalves: readonly LostHalf[];
  /** Of the lost ones, those that were asked second. */
  readonly lostSeconds: number;
  /** Pairs of which both were asked again, although the server answered others at that time. */
  readonly bothLost: number;
  /** Questions that were asked again after the server had answered nobody: no part of the counts around. */
  readonly lostInOutage: number;
  readonly alone: number;
  readonly aloneRepeated: number;
}

export type FailureKind = 'server-failure' | 'refused' | 'no-such-name' | 'no-data';

/** Answers of one kind about one name and type. */
export interface DnsFailure {
  readonly kind: FailureKind;
  readonly name: string;
  readonly type: number;
  readonly client: string;
  count: number;
  readonly first: FrameRef;
  last: FrameRef;
}

/** What one client got of a server. */
export interface DnsClient {
  readonly address: string;
  questions: number;
  answered: number;
}

/**
 * A name server as seen by clients that ask it for recursion (RD set), in one tunnel stack and time segment. Multicast
 * and messages other than queries are left out.
 */
export interface DnsServer {
  readonly address: string;
  /** Tunnel stack (`flows.tunnelLayers`); 0: in no tunnel. */
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly questions: number;
  readonly answered: number;
  /** Questions that were sent more than once. */
  readonly repeated: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly firstAnswer: FrameRef | null;
  readonly lastAnswer: FrameRef | null;
  readonly responseTimes: ResponseTimes;
  /** Answered later than `slowThresholdNs`: how many, and of them the first and the slowest ones. */
  readonly slowCount: number;
  readonly slow: readonly DnsQuestion[];
  /** Answered later than VERY_SLOW_SECONDS. */
  readonly verySlowCount: number;
  readonly paired: PairedQuestions;
  /** Without answer for GIVEN_UP_NS: the first ones, and how many in all; and those that still wait. */
  readonly givenUp: readonly DnsQuestion[];
  readonly givenUpCount: number;
  readonly waiting: readonly DnsQuestion[];
  /** The first FAILURES_KEPT kinds of failure, by name, type and client. */
  readonly failures: readonly DnsFailure[];
  /** All failing answers by kind. */
  readonly failureCounts: Readonly<Record<FailureKind, number>>;
  /** Names that were answered with data; the first RESOLVED_KEPT. */
  readonly resolved: ReadonlySet<string>;
  /** When a client last got an answer to a question, by `answerKey`; the first ANSWERS_KEPT questions. */
  readonly lastAnswers: ReadonlyMap<string, FrameRef>;
  readonly clients: readonly DnsClient[];
}

export function answerKey(client: string, nameHash: number, type: number): string {
  return `${client} ${nameHash} ${type}`;
}
