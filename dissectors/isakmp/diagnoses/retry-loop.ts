import { captureMayHide, type Limit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  thresholdsOf,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { seconds } from '../../../src/units.js';
import { PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import { secondsText } from '../../../src/wording/durations.js';
import { EXCHANGE_MAIN, EXCHANGE_V1_INFORMATIONAL, EXCHANGE_V2_INFORMATIONAL } from '../layout.js';
import { directionOf, sessionFilter } from '../pair-judgement.js';
import { establishedAfter, hasEspAfter, type IkePair, ikePairs } from '../pair-sessions.js';
import { lastAuthAnswer, mainModeStep } from '../progress.js';
import type { IkeSession } from '../session.js';

const COOKIES_MIN = 3;
const WINDOW_SECONDS = 600;
const ENCAPSULATED = { protocol: 17, port: PORT_NAT_TRAVERSAL };

const ID = 'ike.retry-loop';

export default defineDiagnosis({
  id: ID,
  title: 'IKE starts over and over',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'At least three new initiator cookies within 10 minutes between the same two hosts, none of which reached the third ' +
    'response of main mode, an IKE_AUTH answer, or ESP.',
  notWhen:
    'The attempts succeed: fast rekeying opens many IKE SAs and is healthy; a capture filter hides port 4500, where they ' +
    'may have gone on; the peer answered, and the next message of the initiator, which must come, is not in the capture.',
  causes: ['The reason for which each attempt fails; see the other findings about this pair'],
  nextSteps: [
    'Look at the stage that every attempt reaches: it tells which finding applies',
    'Read the logs of both sides for one of the attempts',
  ],
  refutedBy: 'One of the attempts led to an IKE SA, by the log of either side.',
  source: 'Openswan guide (keying retries); RFC 2408 section 5.1, RFC 7296 section 2.4',
  thresholds: {
    cookies: [COOKIES_MIN, 'attempts', 'one failure may be chance, two a collision', 'adjustable'],
    windowSeconds: [
      WINDOW_SECONDS,
      's',
      'openswan starts over every 40 to 70 s, others sooner',
      'adjustable',
    ],
  },
  fault: 'tunnel-down',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused', 'fragments', 'key-exchange'],
  technology: 'ipsec',
  *diagnose(evidence) {
    const limits = thresholdsOf(evidence, ID, { cookies: COOKIES_MIN, windowSeconds: WINDOW_SECONDS });
    for (const pair of ikePairs(evidence)) {
      const opened = pair.sessions.filter(({ startSeen }) => startSeen);
      if (opened.length === 0) continue;
      const failed = longestLoop(
        opened.filter((session) => isFailed(evidence, session)),
        limits.windowSeconds,
      );
      const hidden = failed.some(mayHaveMoved)
        ? captureMayHide(evidence.quality, ENCAPSULATED, pair.initiator, pair.stack)
        : null;
      const isCutOff = failed.length - failed.filter(isLeftAlone).length < limits.cookies;
      if (failed.length < limits.cookies) yield { result: 'healthy', subject: pair.subject };
      else if (hidden) yield insufficientData(pair.subject, hidden);
      else if (isCutOff) yield insufficientData(pair.subject, continuationMissing(pair, failed));
      else yield problemOf(evidence, pair, failed);
    }
  },
});

/** The first exchanges worked, and what follows may travel on port 4500. */
function mayHaveMoved({ messageCount }: IkeSession): boolean {
  return messageCount.responder > 0;
}

/**
 * The peer answered, no error, and the initiator sent nothing more: it has to go on (RFC 7296, section 1.2; RFC 2409,
 * section 5), so that its next message is not in the capture, or its own log alone says why there is none.
 */
function isLeftAlone({ lastFrom: { initiator, responder }, notifies, exchanges }: IkeSession): boolean {
  if (!initiator || !responder || initiator.frame > responder.frame) return false;
  // An encrypted one may be a refusal.
  if (exchanges.some(({ exchangeType, from }) => from === 'responder' && isInformational(exchangeType)))
    return false;
  return !notifies.some(({ from, frame }) => from === 'responder' && frame >= initiator.frame);
}

function isInformational(exchangeType: number): boolean {
  return exchangeType === EXCHANGE_V1_INFORMATIONAL || exchangeType === EXCHANGE_V2_INFORMATIONAL;
}

function continuationMissing({ initiator, responder }: IkePair, failed: readonly IkeSession[]): Limit {
  return {
    id: 'capture.filter',
    reason:
      `${initiator} opened IKE towards ${responder} ${failed.length} times, and the capture ends each attempt with an answer ` +
      `of ${responder}: what ${initiator} has to send next is not in it. Capture UDP 500 and 4500 of both addresses, or read ` +
      `the log of ${initiator}.`,
  };
}

function isFailed(evidence: Evidence, session: IkeSession): boolean {
  return (
    session.established === null &&
    lastAuthAnswer(session) === null &&
    !hasEspAfter(evidence, session, session.first.frame)
  );
}

/** The largest number of sessions whose beginnings lie within the window of each other, one time segment only. */
function longestLoop(sessions: readonly IkeSession[], windowSeconds: number): readonly IkeSession[] {
  let longest: readonly IkeSession[] = [];
  let start = 0;
  for (let end = 0; end < sessions.length; end++) {
    while (!isWithinWindow(sessions[start].first, sessions[end].first, windowSeconds)) start++;
    if (end + 1 - start > longest.length) longest = sessions.slice(start, end + 1);
  }
  return longest;
}

function isWithinWindow(a: FrameRef, b: FrameRef, windowSeconds: number): boolean {
  return a === b || (a.segment === b.segment && b.timeNs - a.timeNs <= seconds(windowSeconds));
}

function problemOf(evidence: Evidence, pair: IkePair, failed: readonly IkeSession[]) {
  const first = failed[0].first;
  const last = failed[failed.length - 1].last;
  const stages = [...new Set(failed.map(stageReached))];
  const span = (failed[failed.length - 1].first.timeNs - first.timeNs) / 1e9;
  return {
    result: 'problem',
    subject: pair.subject,
    confidence: 'medium',
    explanation:
      `${pair.initiator} opened IKE towards ${pair.responder} ${failed.length} times within ${secondsText(span)}, each time ` +
      `with a new cookie, and got no further than ${stages.join(' or ')}.`,
    pair: [pair.initiator, pair.responder],
    direction: directionOf(pair),
    first,
    last,
    ongoingAtEnd: establishedAfter(evidence, pair, last.frame) === null,
    counts: { attempts: failed.length },
    evidence: failed.map((session) => ({
      ...session.first,
      summary: `attempt with cookie ${session.initiatorSpi}, reaches ${stageReached(session)}`,
    })),
    displayFilter: sessionFilter(pair, failed),
    packetClass: 'ike',
  } as const;
}

function stageReached(session: IkeSession): string {
  if (session.messageCount.responder === 0) return 'its first message';
  if (session.version === 2) return session.exchanges.length > 1 ? 'IKE_AUTH' : 'IKE_SA_INIT';
  const main = session.exchanges.find(({ exchangeType }) => exchangeType === EXCHANGE_MAIN);
  if (!main) return 'aggressive mode';
  const step = main.messages.reduce((highest, message) => Math.max(highest, mainModeStep(message)), 1);
  const side = main.messages.some(
    (message) => message.from === 'responder' && mainModeStep(message) === step,
  );
  return `M${side ? 'R' : 'I'}${step}`;
}
