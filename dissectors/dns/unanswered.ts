import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { secondsToPause } from '../../src/correlate/watched.js';
import type { FrameRef } from '../../src/moment.js';
import { answerKey, type DnsQuestion, type DnsServer } from './session.js';

/** A client gives up or asks anew after that long (resolv.conf: timeout 5). */
export const ANSWER_SECONDS = 5;
/** Asked as often as this, the answer is overdue sooner. */
export const TRIES_MIN = 3;
export const REPEATED_SECONDS = 2;

/** What a client wanted to know and did not get, over all its ports and tries. */
export interface Unanswered {
  readonly client: string;
  readonly name: string;
  readonly type: number;
  tries: number;
  readonly first: FrameRef;
  last: FrameRef;
}

export interface UnansweredCensus {
  readonly unanswered: readonly Unanswered[];
  /** Questions without answer to which the client got one later, by asking anew. */
  readonly recovered: number;
  /** The capture ends before their answer was due. */
  readonly undecided: number;
}

/** Sorts the questions without answer. */
export function unansweredOf(quality: CaptureQuality, server: DnsServer): UnansweredCensus {
  const groups = new Map<string, Unanswered>();
  let recovered = 0;
  let undecided = 0;
  for (const question of [...server.givenUp, ...server.waiting]) {
    const key = answerKey(question.client, question.nameHash, question.type);
    const answer = server.lastAnswers.get(key);
    if (answer && answer.frame > question.first.frame) recovered++;
    else if (!isOverdue(quality, question)) undecided++;
    else add(groups, key, question);
  }
  const unanswered = [...groups.values()].sort((a, b) => a.first.frame - b.first.frame);
  return { unanswered, recovered, undecided };
}

/**
 * Counted from the first try: that the client asks again shows that it waits in vain, and grants no more time. Where the
 * capture paused after that, the last try counts.
 */
function isOverdue(quality: CaptureQuality, { first, last, tries }: DnsQuestion): boolean {
  const needed = tries >= TRIES_MIN ? REPEATED_SECONDS : ANSWER_SECONDS;
  return secondsToPause(quality, first) >= needed || secondsToPause(quality, last) >= ANSWER_SECONDS;
}

function add(groups: Map<string, Unanswered>, key: string, question: DnsQuestion): void {
  const { client, name, type, tries, first, last } = question;
  const known = groups.get(key);
  if (!known) {
    groups.set(key, { client, name, type, tries, first, last });
    return;
  }
  known.tries += tries;
  if (last.frame > known.last.frame) known.last = last;
}
