import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { SNAPLEN, WHOLE_PACKETS_RECIPE } from '../../src/correlate/gates.js';
import { watchedSecondsAfter, watchedSecondsBetween } from '../../src/correlate/watched.js';
import type { Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import { confidenceUnderDrops } from '../../src/diagnose/silences.js';
import type { FrameRef } from '../../src/moment.js';
import type { Severity } from '../../src/report/report.js';
import { originText } from '../../src/side-files/origin.js';
import { secondsText } from '../../src/wording/durations.js';
import { scionLinks } from './correlator.js';
import { linkKeepalives } from './keepalives.js';
import { linkRole } from './link-roles.js';
import { directionSubject, directionText, endsOf, linkFilter, linkSubject } from './links.js';
import type { ControlTally, ScionDirection, ScionLink } from './session.js';
import topologies from './side-files/topology.js';
import type { ScionLinkType, ScionLink as TopologyLink } from './topology.js';

/** ControlSilence of beacons or registrations: the guide wants one at least every 5 to 10 minutes. */
export const SILENCE_WARNING_SECONDS = 300;
export const SILENCE_ERROR_SECONDS = 600;
/** Messages one way from which the other way knows what it owes. */
const COUNTERPART_MIN = 5;

export interface ControlKind {
  /** `path beacon`, `path registration`. */
  readonly name: string;
  tally(direction: ScionDirection): ControlTally;
  /** The kind that flows the other way between parent and child. */
  counterpart(direction: ScionDirection): ControlTally;
  /** False where the silence may follow from one of the other direction: then blame must not tell them apart by it. */
  readonly isDirected: boolean;
  /** Whether it is due from the neighbour, and from the own AS, where the topology says what the neighbour is. */
  isDue(linkTo: ScionLinkType, isFromNeighbour: boolean): boolean;
  /** What an absence from the start is worth, where the topology or the counterpart shows the role of the link. */
  readonly neverSeen: Severity;
}

/** Judges one kind of control message on every link of 2018 that is alive. */
export function* judgeControlSilence(evidence: Evidence, kind: ControlKind): Generator<Judgement> {
  const alive = new Set(linkKeepalives(evidence).map(({ link }) => link));
  for (const link of evidence.sessions(scionLinks)) {
    const seen = link.directions.some((one) => kind.tally(one).count > 0 || kind.counterpart(one).count > 0);
    if (seen || alive.has(link)) yield* judgeLink(evidence, link, kind);
  }
}

function* judgeLink({ quality, side }: Evidence, link: ScionLink, kind: ControlKind): Generator<Judgement> {
  const window = quality.window(link.segment);
  const seconds = window ? watchedSecondsBetween(quality, window.first, window.last) : 0;
  if (seconds < SILENCE_ERROR_SECONDS) {
    yield {
      result: 'insufficient-data',
      subject: linkSubject(quality, link),
      neededSeconds: SILENCE_ERROR_SECONDS,
      reason: `The capture lasts ${secondsText(seconds)}, and ${kind.name}s may be 5 to 10 minutes apart; capture for at least ${SILENCE_ERROR_SECONDS} s.`,
    };
    return;
  }
  const used = [0, 1].filter((index) => kind.tally(link.directions[index]).count > 0);
  for (const index of used) yield judgeSeen(quality, link, index, kind);
  const role = linkRole(link, side.of(topologies));
  const linkTo = role?.topologyLink.linkTo ?? null;
  if (role !== null && linkTo !== null && window) {
    const due = [0, 1].filter((index) => kind.isDue(linkTo, index === role.fromNeighbour));
    for (const index of due.filter((one) => !used.includes(one)))
      yield missingByTopology(quality, link, index, kind, role.topologyLink);
    if (used.length === 0 && due.length === 0)
      yield { result: 'healthy', subject: linkSubject(quality, link) };
    return;
  }
  if (used.length > 0) return;
  const owing = [0, 1].filter((index) => isOwing(link, index, kind));
  if (owing.length === 1 && window) {
    yield neverSeen(quality, link, owing[0], kind, window.first, window.last);
    return;
  }
  const isUnread = link.directions.some(({ unreadControl }) => unreadControl.count > 0);
  yield {
    result: 'insufficient-data',
    subject: linkSubject(quality, link),
    reason: isUnread
      ? `Control messages pass, but their contents cannot be read, so whether ${kind.name}s are among them is not known; ${WHOLE_PACKETS_RECIPE}`
      : `No ${kind.name} passes; whether this link should carry any depends on LinkTo in topology.json (a peering link does not).`,
    limitedBy: isUnread ? [SNAPLEN] : [],
  };
}

/** Between parent and child beacons go down and registrations go up; on a core link beacons go both ways. */
function isOwing(link: ScionLink, index: number, kind: ControlKind): boolean {
  const back = kind.counterpart(link.directions[1 - index]).count;
  const own = kind.counterpart(link.directions[index]).count;
  return back >= COUNTERPART_MIN && own === 0;
}

function judgeSeen(quality: CaptureQuality, link: ScionLink, index: number, kind: ControlKind): Judgement {
  const tally = kind.tally(link.directions[index]);
  const { first, last, gapFrom, gapTo } = tally;
  const subject = directionSubject(quality, link, index);
  if (first === null || last === null) return { result: 'healthy', subject };
  const quiet = watchedSecondsAfter(quality, last);
  if (quiet >= SILENCE_WARNING_SECONDS) {
    return problemOf(quality, link, index, kind, {
      severity: quiet >= SILENCE_ERROR_SECONDS ? 'error' : 'warning',
      seconds: quiet,
      from: last,
      to: null,
      words: `The last ${kind.name} passed ${secondsText(quiet)} before the end of the capture; ${tally.count} passed before.`,
    });
  }
  const seconds = gapFrom !== null && gapTo !== null ? watchedSecondsBetween(quality, gapFrom, gapTo) : 0;
  if (gapFrom !== null && seconds >= SILENCE_ERROR_SECONDS) {
    return problemOf(quality, link, index, kind, {
      severity: 'warning',
      seconds,
      from: gapFrom,
      to: gapTo,
      words: `For ${secondsText(seconds)} no ${kind.name} passed, then they resumed; ${tally.count} passed in all.`,
    });
  }
  return { result: 'healthy', subject };
}

/** The topology says what is due; without it the messages of the other direction must show it. */
function missingByTopology(
  quality: CaptureQuality,
  link: ScionLink,
  index: number,
  kind: ControlKind,
  { origin, linkTo, neighbour }: TopologyLink,
): Judgement {
  const own = link.directions[index];
  const subject = directionSubject(quality, link, index);
  if (own.unreadControl.count > 0) {
    return {
      result: 'insufficient-data',
      subject,
      reason: `Control messages pass, but their contents cannot be read, so whether ${kind.name}s are among them is not known; ${WHOLE_PACKETS_RECIPE}`,
      limitedBy: [SNAPLEN],
    };
  }
  const window = quality.window(link.segment);
  const [start, end] = [window?.first ?? null, window?.last ?? null];
  const seconds = start && end ? watchedSecondsBetween(quality, start, end) : 0;
  return problemOf(quality, link, index, kind, {
    severity: kind.neverSeen,
    seconds,
    from: null,
    to: null,
    ...(start ? { start } : {}),
    words:
      `In ${secondsText(seconds)} not one ${kind.name} passed, while the link is up; ${neighbour} is ${linkTo} of this AS ` +
      `(${originText(origin)}), so that one is due every few seconds.`,
  });
}

function neverSeen(
  quality: CaptureQuality,
  link: ScionLink,
  index: number,
  kind: ControlKind,
  start: FrameRef,
  end: FrameRef,
): Judgement {
  const seconds = watchedSecondsBetween(quality, start, end);
  return problemOf(quality, link, index, kind, {
    severity: kind.neverSeen,
    seconds,
    from: null,
    to: null,
    start: kind.counterpart(link.directions[1 - index]).first ?? start,
    words: `In ${secondsText(seconds)} not one ${kind.name} passed, although the messages of the other direction show that this link is one of parent and child.`,
  });
}

interface ControlSilence {
  readonly severity: Severity;
  readonly seconds: number;
  readonly from: FrameRef | null;
  readonly to: FrameRef | null;
  readonly start?: FrameRef;
  readonly words: string;
}

function problemOf(
  quality: CaptureQuality,
  link: ScionLink,
  index: number,
  kind: ControlKind,
  { severity, seconds, from, to, start, words }: ControlSilence,
): Judgement {
  const ends = endsOf(link, index);
  const back = kind.counterpart(link.directions[1 - index]);
  const own = link.directions[index];
  const end = to ?? quality.window(link.segment)?.last ?? from ?? start;
  const onset = from ?? start ?? { segment: link.segment, timeNs: Number.NaN };
  return {
    result: 'problem',
    subject: directionSubject(quality, link, index),
    severity,
    ...confidenceUnderDrops(quality, from === null ? 'low' : 'medium'),
    explanation: `${directionText(link, index)}: ${words}`,
    pair: [ends.from, ends.to],
    ...(kind.isDirected ? { direction: { from: ends.from, to: ends.to } } : {}),
    first: onset,
    last: end ?? onset,
    lastGood: from,
    ongoingAtEnd: to === null,
    counts: {
      silentSeconds: Math.round(seconds),
      seen: kind.tally(own).count,
      counterpart: back.count,
      packetsOfDirection: own.packets,
    },
    evidence: [
      ...(from ? [{ ...from, summary: `last ${kind.name} before the silence` }] : []),
      ...(to ? [{ ...to, summary: `first ${kind.name} after it` }] : []),
      ...(own.last ? [{ ...own.last, summary: 'last packet of the direction' }] : []),
      ...(back.last ? [{ ...back.last, summary: 'last control message of the other direction' }] : []),
    ],
    displayFilter: linkFilter(link),
  };
}
