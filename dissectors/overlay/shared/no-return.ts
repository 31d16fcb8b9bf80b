import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { tooShortAfter } from '../../../src/correlate/gates.js';
import {
  type CarriedTunnel,
  carriedBetweenEnds,
  isMirror,
  unseenAnswers,
} from '../../../src/diagnose/carried-tunnel.js';
import {
  type CarriedKind,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { StatedThreshold } from '../../../src/diagnose/diagnosis-metadata.js';
import type { Citation, FrameRef, Moment } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import { secondsText } from '../../../src/wording/durations.js';
import {
  type InnerRequests,
  innerRequests,
  isLasting,
  LASTING_THRESHOLDS,
  SYN_ANSWER_SECONDS,
  silenceOf,
  type UnansweredStretch,
} from './inner-requests.js';

/** Inner conversations that must fail before a tunnel is to blame that never worked in the capture. */
const CONVERSATIONS_MIN = 2;

export const NO_RETURN_THRESHOLDS: Readonly<Record<string, StatedThreshold>> = {
  ...LASTING_THRESHOLDS,
  conversations: [
    CONVERSATIONS_MIN,
    'inner conversations',
    'one that never worked may be a host that is down or a policy, unless nothing at all comes back',
  ],
};

/** Judges every tunnel of a kind: requests leave one end, and nothing that would answer them comes from the other. */
export function* judgeNoReturn(evidence: Evidence, kind: CarriedKind): Generator<Judgement> {
  for (const tunnel of carriedBetweenEnds(evidence, kind)) {
    if (!isMirror(tunnel)) yield* judge(evidence, kind, tunnel);
  }
}

function* judge(evidence: Evidence, kind: CarriedKind, tunnel: CarriedTunnel): Generator<Judgement> {
  const requests = innerRequests(evidence, tunnel, kind.mayAnswerAround === true);
  let isHealthy = false;
  for (const direction of [0, 1]) {
    const ofDirection = requests.filter(({ outerDirection }) => outerDirection === direction);
    const judgement = judgeDirection(evidence.quality, kind, tunnel, direction, ofDirection);
    if (judgement) {
      yield judgement;
      return;
    }
    isHealthy ||= ofDirection.some(({ answered }) => answered > 0);
  }
  if (isHealthy) yield { result: 'healthy', subject: tunnel.subject };
  else if (requests.some(({ unanswered }) => unanswered > 0)) {
    yield insufficientData(
      tunnel.subject,
      `Inner requests between ${tunnel.low} and ${tunnel.high} stay unanswered while ${kind.name} comes from both, too few to tell the tunnel from the targets; capture while you ping two inner hosts.`,
    );
  } else if (tunnel.directions.some(({ packets }) => packets > 0)) {
    yield insufficientData(
      tunnel.subject,
      `No inner request between ${tunnel.low} and ${tunnel.high} that capan knows how to match with an answer; capture while you ping through the tunnel.`,
    );
  }
}

/** Null where nothing is wrong in that direction. */
function judgeDirection(
  quality: CaptureQuality,
  kind: CarriedKind,
  tunnel: CarriedTunnel,
  direction: number,
  requests: readonly InnerRequests[],
): Judgement | null {
  const back = tunnel.directions[1 - direction].last;
  const afterBack = requests.filter(({ first }) => first !== null && (back === null || isAfter(first, back)));
  const silent = silenceOf(afterBack);
  if (silent && isLasting(silent)) {
    const workedBefore = silent.requests.some(({ to }) =>
      requests.some((other) => other.to === to && other.answered > 0),
    );
    const isAlone = !workedBefore && silent.requests.length < CONVERSATIONS_MIN;
    // Not even an ICMP error of the other end's network comes through a tunnel that carries nothing at all.
    if (isAlone && (back !== null || kind.mayAnswerAround === true)) return tooFew(tunnel, silent);
    return (
      limited(quality, tunnel, direction, silent) ??
      problemOf(kind, tunnel, { direction, silence: silent, back, workedBefore })
    );
  }
  const wholly = silenceOf(requests);
  const targets = new Set(wholly?.requests.map(({ to }) => to));
  if (!wholly || !isLasting(wholly) || targets.size < CONVERSATIONS_MIN) return null;
  if (requests.some(({ answered }) => answered > 0)) return null;
  return (
    limited(quality, tunnel, direction, wholly) ??
    problemOf(kind, tunnel, { direction, silence: wholly, back: null, workedBefore: false })
  );
}

function tooFew(tunnel: CarriedTunnel, { requests: [only] }: UnansweredStretch): Judgement {
  return insufficientData(
    tunnel.subject,
    `One inner conversation alone (${only.words} from ${only.from} to ${only.to}) is unanswered, and never worked in this capture: that may be the target as well as the tunnel; capture while you ping two inner hosts.`,
  );
}

function limited(
  quality: CaptureQuality,
  tunnel: CarriedTunnel,
  direction: number,
  silence: UnansweredStretch,
): Judgement | null {
  const { from: low, to: high } = tunnel.directions[direction];
  const { outerStack } = tunnel;
  const limit =
    unseenAnswers(quality, { low, high, outerStack }, silence.requests) ??
    tooShortAfter(quality, silence.first, SYN_ANSWER_SECONDS);
  return limit && insufficientData(tunnel.subject, limit);
}

interface NoReturn {
  readonly direction: number;
  readonly silence: UnansweredStretch;
  /** The last packet that came the other way, before the requests. */
  readonly back: FrameRef | null;
  readonly workedBefore: boolean;
}

/** Attempts to reach one host alone, which never answered, may as well be a host that is down. */
function isThin(
  { mayAnswerAround }: CarriedKind,
  { silence: { requests }, workedBefore }: NoReturn,
): boolean {
  const isOneTarget = new Set(requests.map(({ to }) => to)).size === 1;
  const isOneConversation = requests.length === 1;
  return (
    (mayAnswerAround === true || isOneConversation) &&
    !workedBefore &&
    isOneTarget &&
    requests.every(({ words }) => words !== 'ping')
  );
}

function problemOf(kind: CarriedKind, { subject, directions }: CarriedTunnel, noReturn: NoReturn): Problem {
  const { name, filter } = kind;
  const { direction, silence, back, workedBefore } = noReturn;
  const { from, to, packets: sent } = directions[direction];
  const { packets: returned } = directions[1 - direction];
  const { unanswered, requests, first, last, seconds } = silence;
  const hosts = requests
    .slice(0, 3)
    .map((one) => `${one.words} from ${one.from} to ${one.to}`)
    .join(', ');
  const reverse =
    back === null
      ? returned === 0
        ? `The capture holds no ${name} packet from ${to} at all.`
        : `${name} packets of ${to} do come, but none of them answers.`
      : `The last ${name} packet from ${to} came before the first of them${workedBefore ? '; until then the tunnel worked' : ''}.`;
  return {
    result: 'problem',
    subject,
    ...(isThin(kind, noReturn) ? { severity: 'warning' } : {}),
    confidence: workedBefore ? 'medium' : 'low',
    explanation:
      `${from} sends through ${name} to ${to}, but ${plural(unanswered, 'inner request')} over ${secondsText(seconds)} ` +
      `(${hosts}) got no answer. ${reverse}`,
    pair: [from, to],
    direction: { from, to },
    where: 'unknown',
    first,
    last,
    lastGood: back,
    ongoingAtEnd: true,
    counts: { unanswered, conversations: requests.length, sentPackets: sent, returnedPackets: returned },
    evidence: citationsOf(name, silence, back, to),
    displayFilter: filter(from, to),
    packetClass: kind.kind,
  };
}

const CITED_CONVERSATIONS_MAX = 4;

function citationsOf(
  name: string,
  { requests }: UnansweredStretch,
  back: FrameRef | null,
  peer: string,
): Citation[] {
  const citations: Citation[] = [];
  if (back) citations.push({ ...back, summary: `last ${name} packet from ${peer}` });
  for (const { words, from, to, first, last, unanswered } of requests.slice(0, CITED_CONVERSATIONS_MAX)) {
    if (!first || !last) continue;
    citations.push({ ...first, summary: `${words} from ${from} to ${to}, no answer` });
    if (last.frame !== first.frame) {
      citations.push({ ...last, summary: `${words} from ${from} to ${to}, last of ${unanswered}` });
    }
  }
  return citations.sort((a, b) => a.frame - b.frame);
}

/** Order of two moments of one segment; false where a time is unknown. */
function isAfter(a: Moment, b: Moment): boolean {
  return a.segment === b.segment && a.timeNs > b.timeNs;
}
