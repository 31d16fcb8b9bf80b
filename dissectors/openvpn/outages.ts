import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { oneSidedLimit } from '../../src/correlate/gates.js';
import { watchedNsBetween, watchedSecondsBetween } from '../../src/correlate/watched.js';
import { secondsBetween } from '../../src/moment.js';
import type { Confidence, Severity } from '../../src/report/report.js';
import { successorOf } from './peers.js';
import type { OneWayRun, OpenvpnConversation, OpenvpnDirection, Pause } from './session.js';

/*
 * Silence of one direction while the other goes on: what makes it a fault. Data may go one way for good reasons (logs,
 * video); a ping of the silent side that is overdue, an answer that used to come, or a client that starts over may not.
 */

/** Pings of the silent side that must be missing. */
export const PINGS_MISSED_MIN = 3;
/** Share of packets that used to be answered within a second, from which answers are expected. */
const ANSWERED_SHARE = 0.5;
const ANSWERED_MIN = 5;
/** One-way data from the start of a session, before it is more than a remark. */
const NEVER_SECONDS = 60;
/** A restart this soon after the run is its consequence: the longest ping-restart in use. */
const RESTART_SECONDS = 240;

export interface Outage {
  readonly run: OneWayRun;
  readonly live: OpenvpnDirection;
  readonly silent: OpenvpnDirection;
  readonly severity: Severity;
  readonly confidence: Confidence;
  readonly why: 'pings-missing' | 'restarted' | 'answers-stopped' | 'never' | 'client-gone';
}

/** One-way runs that are not the habit of the tunnel. */
export function outagesOf(
  conversation: OpenvpnConversation,
  all: readonly OpenvpnConversation[],
  quality: CaptureQuality,
): Outage[] {
  const successor = successorOf(conversation, all);
  return conversation.runs
    .filter(({ first }) => !successor || successor.first.frame > first.frame)
    .map((run) => outageOf(conversation, run, all, quality))
    .filter((outage) => outage !== null);
}

/** A stretch that is too short for a fault, of packets that the other side used to answer at once; null where there is none. */
export function unansweredBriefly({ briefRun, directions }: OpenvpnConversation): OneWayRun | null {
  if (briefRun === null) return null;
  const live = directions[briefRun.way];
  const silent = directions[1 - briefRun.way];
  return silent.dataPackets > 0 && expectsAnswers(live, briefRun) ? briefRun : null;
}

function outageOf(
  conversation: OpenvpnConversation,
  run: OneWayRun,
  all: readonly OpenvpnConversation[],
  quality: CaptureQuality,
): Outage | null {
  const live = conversation.directions[run.way];
  const silent = conversation.directions[1 - run.way];
  const seconds = watchedSecondsBetween(quality, run.lastBack ?? run.first, run.last);
  const base = { run, live, silent };
  const restarted = restartAfter(conversation, run, all);
  const isClientSilent = conversation.clientWay !== null && conversation.clientWay !== run.way;
  if (isClientSilent && run.nextBack === null && (restarted || hasPingsAlone(run))) {
    return { ...base, severity: 'info', confidence: 'medium', why: 'client-gone' };
  }
  if (isOverdue(silent, seconds)) {
    return { ...base, severity: 'error', confidence: 'medium', why: 'pings-missing' };
  }
  if (restarted) return { ...base, severity: 'error', confidence: 'medium', why: 'restarted' };
  if (silent.dataPackets > 0 && expectsAnswers(live, run)) {
    return { ...base, severity: 'error', confidence: 'medium', why: 'answers-stopped' };
  }
  if (run.lastBack !== null || run.nextBack !== null) return null;
  const isSeenBothWays =
    silent.packets > 0 && !oneSidedLimit(quality, live.from.address, live.to.address, conversation.stack);
  if (!isSeenBothWays || hasPingsAlone(run)) return null;
  const hasHandshake = conversation.handshakes.some(({ kind }) => kind === 'hard');
  const isLong = hasHandshake && seconds >= NEVER_SECONDS;
  return { ...base, severity: isLong ? 'warning' : 'info', confidence: 'low', why: 'never' };
}

/** True where the side pings when it has nothing to say, and it has said nothing for three periods. */
function isOverdue({ pingPeriodNs }: OpenvpnDirection, seconds: number): boolean {
  return seconds * 1e9 > PINGS_MISSED_MIN * pingPeriodNs;
}

/** Nobody waits for answers: what is no ping are the last packets before it went quiet. */
function hasPingsAlone({ packets, pings }: OneWayRun): boolean {
  return packets - pings < ANSWERED_MIN;
}

/** More than half of what the live side sends used to be answered at once. */
function expectsAnswers(live: OpenvpnDirection, run: OneWayRun): boolean {
  const others = live.dataPackets - run.packets;
  return live.answered >= ANSWERED_MIN && live.answered >= ANSWERED_SHARE * others && !hasPingsAlone(run);
}

/** The client starts over after the run, in this conversation or from another port. */
function restartAfter(
  conversation: OpenvpnConversation,
  { last, nextBack }: OneWayRun,
  all: readonly OpenvpnConversation[],
): boolean {
  if (nextBack !== null) return false;
  const [a, b] = conversation.directions;
  return all
    .filter(
      ({ stack, directions }) =>
        stack === conversation.stack &&
        directions.every(({ from }) => from.address === a.from.address || from.address === b.from.address),
    )
    .some(({ handshakes }) =>
      handshakes.some(({ kind, first }) => {
        const seconds = secondsBetween(last, first);
        return kind === 'hard' && first.frame > last.frame && seconds <= RESTART_SECONDS;
      }),
    );
}

/** A pause in which pings were due and the other side went on. */
export function overduePauses(
  conversation: OpenvpnConversation,
  way: 0 | 1,
  all: readonly OpenvpnConversation[],
  quality: CaptureQuality,
): Pause[] {
  const direction = conversation.directions[way];
  const successor = successorOf(conversation, all);
  return direction.pauses.filter(
    ({ lengthNs, reverse, before, endedBy }) =>
      watchedNsBetween(quality, before, { ...before, timeNs: before.timeNs + lengthNs }) >
        PINGS_MISSED_MIN * direction.pingPeriodNs &&
      reverse >= REVERSE_MIN &&
      !(successor && endedBy === 'end' && successor.last.frame > before.frame),
  );
}

/** Packets of the other side that show that capture and peer were awake. */
const REVERSE_MIN = 2;
