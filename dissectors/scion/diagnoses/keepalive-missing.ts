import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { captureMayHideWayBack, oneSidedLimit, tooLittleAfter } from '../../../src/correlate/gates.js';
import type { KeepaliveStream } from '../../../src/correlate/periodic/session.js';
import { watchedSecondsAfter } from '../../../src/correlate/watched.js';
import { judgePausesAtBothEnds } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import {
  asleepWhileDue,
  confidenceUnderDrops,
  dueAfter,
  dueWhileCapturing,
} from '../../../src/diagnose/silences.js';
import { type Citation, type FrameRef, secondsBetween } from '../../../src/moment.js';
import type { Severity } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { lengthText } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';

import { DOWN_AFTER_MISSED, type LinkKeepalive, linkKeepalives, PERIOD_SECONDS } from '../keepalives.js';
import { withPings } from '../link-pings.js';
import { isOfTopology } from '../link-roles.js';
import { directionSubject, directionText, isCapturedOnTunnelInterface, linkFilter } from '../links.js';
import topologies from '../side-files/topology.js';
import type { ScionTopology } from '../topology.js';

const MISSING_SECONDS = 5;
/** Two directions that end within this time ended together. */
const TOGETHER_SECONDS = 2;

export default defineDiagnosis({
  id: 'scion.keepalive-missing',
  title: 'SCION keepalives missing in one direction',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'On a link of the 2018 generation no keepalive comes in one direction for at least 5 s, up to the end, while the other ' +
    'direction has one a second. A warning where both directions end and other traffic of the two hosts goes on; information ' +
    'where the direction was silent at first and its keepalives then began. Captures of ' +
    'both ends tell packets that were lost from a sender that sent none.',
  notWhen:
    'The capture goes on for less than 5 s after the last one; nothing at all comes from that host and the capture was not ' +
    'taken on the tunnel interface itself, so that it may show one direction only; the sender goes on from another port, or each ' +
    'direction has ports of its own.',
  causes: [
    'Missing from the attachment point: its border router is down, sends to another address or port, or the path back is cut',
    'Missing from this side: border router or beacon service not running, or the beacon service is not the master',
    'The two ends have topology files of different age (addresses or ports no longer agree)',
  ],
  nextSteps: [
    'On the silent side: ./scion.sh status, and logs/br*.log and logs/bs*.log; restart with ./scion.sh stop && ./scion.sh start',
    'Does ping reach the other overlay address through tun0? If so, the tunnel works and SCION does not',
    'Compare PublicOverlay and RemoteOverlay in topology.json with the addresses and ports here; after a change at the coordinator allow 15 minutes',
    'If your side sends and the attachment point does not, contact its operators with this capture',
  ],
  refutedBy: 'Keepalives of that direction in a capture taken at the other end at the same time',
  source:
    'SCIONLab guide ("one of these per second, per direction"); SCION 2018: interface keepalive 1 s, time-out 3 s',
  thresholds: {
    missing: [
      MISSING_SECONDS,
      's',
      'the receiver takes the interface down after 3 s; two more leave room for a loss at the edge',
    ],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'mismatch'],
  technology: 'scion',
  judgePair: (pair) => judgePausesAtBothEnds(pair, 'scion.keepalive-missing', 'scion', 'SCION'),

  diagnose(evidence) {
    const all = linkKeepalives(evidence);
    const context = { all, quality: evidence.quality, topologies: evidence.side.of(topologies) };
    return judgeEach(all, (one) => withPings(evidence, one.link, judge(one, context)));
  },
});

interface Context {
  readonly all: readonly LinkKeepalive[];
  readonly quality: CaptureQuality;
  readonly topologies: readonly ScionTopology[];
}

function judge(one: LinkKeepalive, context: Context): Judgement | null {
  if (one.stream !== null) return judgeStream(one, one.stream, context.all, context.quality);
  return one.reverseStream === null ? null : judgeSilence(one, one.reverseStream, context);
}

/** The direction has keepalives: do they last as long as those of the other one, and did they begin with them? */
function judgeStream(
  one: LinkKeepalive,
  stream: KeepaliveStream,
  all: readonly LinkKeepalive[],
  quality: CaptureQuality,
): Judgement | null {
  const { link, index, reverseStream } = one;
  const subject = directionSubject(quality, link, index);
  const quiet = watchedSecondsAfter(quality, stream.last);
  if (quiet < MISSING_SECONDS) {
    const isEarly =
      reverseStream !== null && secondsBetween(reverseStream.first, stream.first) >= MISSING_SECONDS;
    if (isEarly) return lateBeginning(one, stream, reverseStream, quality);
    if (quiet < DOWN_AFTER_MISSED * PERIOD_SECONDS) return { result: 'healthy', subject };
    return { result: 'insufficient-data', subject, ...tooShort(quality, stream.last) };
  }
  if (hasMoved(one, stream, all)) return { result: 'healthy', subject };
  const missed = Math.floor((quiet * NS_PER_SECOND) / stream.periodNs - 0.5);
  if (dueWhileCapturing(quality, stream.last, stream.periodNs, missed) < DOWN_AFTER_MISSED) {
    return insufficientData(subject, asleepWhileDue('end'));
  }
  if (reverseStream !== null && secondsBetween(stream.last, reverseStream.last) >= MISSING_SECONDS) {
    return problemOf(one, quality, {
      severity: 'error',
      first: dueAfter(stream.last, stream.periodNs),
      lastGood: stream.last,
      missed,
      words: `They end ${durationText(quiet * NS_PER_SECOND)} before the end of the capture, while the other direction goes on.`,
      evidence: [
        { ...stream.last, summary: 'last keepalive of the direction' },
        { ...reverseStream.last, summary: 'last keepalive of the other direction' },
      ],
    });
  }
  return judgeBothEnded(one, stream, missed, quality);
}

/** Both ended, or the other direction never had any: other traffic of the two hosts shows whether the link broke. */
function judgeBothEnded(
  one: LinkKeepalive,
  stream: KeepaliveStream,
  missed: number,
  quality: CaptureQuality,
): Judgement | null {
  const { link, index, direction, reverseStream } = one;
  const subject = directionSubject(quality, link, index);
  if (reverseStream !== null && isSecondToEnd(stream, reverseStream)) return null;
  const from = stream.last.timeNs + MISSING_SECONDS * NS_PER_SECOND;
  const pair = quality.traffic.between(direction.from, direction.to, link.stack);
  const goesOn = (last: FrameRef | null): boolean =>
    last !== null && last.segment === link.segment && last.timeNs >= from;
  if (!pair || !goesOn(pair.fromA.last) || !goesOn(pair.fromB.last)) {
    const reason =
      'The keepalives end, and the other traffic of the two hosts with them; a capture at the sender shows whether it went on sending.';
    return insufficientData(subject, reason);
  }
  return problemOf(one, quality, {
    severity: 'warning',
    first: dueAfter(stream.last, stream.periodNs),
    lastGood: stream.last,
    missed,
    words:
      'The keepalives of both directions end, while other traffic between the two hosts goes on both ways.',
    evidence: [{ ...stream.last, summary: 'last keepalive of the direction' }],
  });
}

/** Of two directions that end together the one that ended first speaks for both. */
function isSecondToEnd(stream: KeepaliveStream, reverse: KeepaliveStream): boolean {
  const apart = secondsBetween(reverse.last, stream.last);
  return apart > 0 && apart <= Math.max(TOGETHER_SECONDS, MISSING_SECONDS);
}

function lateBeginning(
  one: LinkKeepalive,
  stream: KeepaliveStream,
  reverse: KeepaliveStream,
  quality: CaptureQuality,
): Judgement {
  const seconds = secondsBetween(reverse.first, stream.first);
  return problemOf(one, quality, {
    severity: 'info',
    first: reverse.first,
    last: stream.first,
    missed: Math.floor(seconds / PERIOD_SECONDS),
    words: `They begin ${durationText(seconds * NS_PER_SECOND)} after those of the other direction, and go on to the end.`,
    evidence: [
      { ...reverse.first, summary: 'first keepalive of the other direction' },
      { ...stream.first, summary: 'first keepalive of the direction' },
    ],
  });
}

/** No keepalives at all in this direction, and a stream of them in the other one. */
function judgeSilence(
  one: LinkKeepalive,
  reverse: KeepaliveStream,
  { all, quality, topologies }: Context,
): Judgement {
  const { link, index, direction } = one;
  const subject = directionSubject(quality, link, index);
  const insufficient = (reason: string): Judgement => insufficientData(subject, reason);
  if (secondsBetween(reverse.first, reverse.last) < MISSING_SECONDS) {
    return { result: 'insufficient-data', subject, ...tooShort(quality, reverse.last) };
  }
  const { last } = direction;
  if (last && secondsBetween(last, reverse.last) < MISSING_SECONDS) {
    return insufficient(
      'Keepalives of this direction have only just begun, or come irregularly; capture for at least 30 s.',
    );
  }
  const half = otherHalf(one, all);
  if (half) {
    return insufficient(
      `The keepalives of this direction come on other ports (${directionText(half.link, half.index)}); compare the ports in topology.json of both ends.`,
    );
  }
  const isOnLink = isCapturedOnTunnelInterface(quality) || isOfTopology(link, topologies);
  if (!isOnLink && link.directions[index].packets === 0 && link.directions[1 - index].oneHopPackets > 0) {
    return insufficient(
      'These keepalives have a path of one hop and may be on their way from the beacon service to the border router; capture on the interface of the link itself.',
    );
  }
  const limit =
    oneSidedLimit(quality, direction.from, direction.to, link.stack) ??
    captureMayHideWayBack(quality, [direction.fromPort, direction.toPort], link.stack);
  if (limit) return insufficient(limit.reason);
  const pair = quality.traffic.between(direction.from, direction.to, link.stack);
  const heard = pair?.fromA.packets ?? 0;
  if (heard === 0 && !isOnLink) {
    return insufficient(
      `The capture holds nothing at all from ${direction.from} to ${direction.to}: it may show one direction only; capture on the tunnel interface (tcpdump -i tun0).`,
    );
  }
  return problemOf(one, quality, {
    severity: 'error',
    first: last ? dueAfter(last, reverse.periodNs) : reverse.first,
    lastGood: last,
    missed: Math.floor(secondsBetween(last ?? reverse.first, reverse.last) / PERIOD_SECONDS),
    words:
      `The other direction has ${reverse.packets} of them, ${lengthText(reverse)} each, one every ${durationText(reverse.periodNs)}; ` +
      (heard === 0 ? 'nothing at all comes back.' : `${heard} other packets come back, but no keepalives.`),
    evidence: [
      { ...reverse.first, summary: 'first keepalive of the other direction' },
      { ...reverse.last, summary: 'last keepalive of the other direction' },
      ...(last ? [{ ...last, summary: 'last keepalive of the direction' }] : []),
    ],
    isThin: heard === 0,
  });
}

/** The sender, or the receiver, goes on at another port: the coordinator assigned a new one. */
function hasMoved(one: LinkKeepalive, stream: KeepaliveStream, all: readonly LinkKeepalive[]): boolean {
  return all.some(
    (other) =>
      isSameWay(one, other) &&
      other.stream !== null &&
      other.stream.last.timeNs > stream.last.timeNs &&
      secondsBetween(stream.last, other.stream.first) > -DOWN_AFTER_MISSED * PERIOD_SECONDS,
  );
}

/** The keepalives of this direction come on other ports, where in turn those of the other direction are missing. */
function otherHalf(one: LinkKeepalive, all: readonly LinkKeepalive[]): LinkKeepalive | undefined {
  return all.find(
    (other) =>
      isSameWay(one, other) &&
      other.stream !== null &&
      (other.reverseStream === null ||
        secondsBetween(other.reverseStream.last, other.stream.last) >= MISSING_SECONDS),
  );
}

/** Another link between the same hosts, in the same direction. */
function isSameWay({ link, direction }: LinkKeepalive, other: LinkKeepalive): boolean {
  return (
    other.link !== link &&
    other.link.segment === link.segment &&
    other.link.stack === link.stack &&
    other.direction.from === direction.from &&
    other.direction.to === direction.to
  );
}

interface Finding {
  readonly severity: Severity;
  readonly first: { readonly segment: number; readonly timeNs: number };
  readonly last?: FrameRef;
  readonly lastGood?: FrameRef | null;
  readonly missed: number;
  readonly words: string;
  readonly evidence: readonly Citation[];
  /** Absence alone, in one capture. */
  readonly isThin?: boolean;
}

function problemOf(one: LinkKeepalive, quality: CaptureQuality, found: Finding): Judgement {
  const { link, index, direction, reverse, stream, reverseStream } = one;
  const end = quality.window(link.segment)?.last ?? reverseStream?.last ?? found.first;
  return {
    result: 'problem',
    subject: directionSubject(quality, link, index),
    severity: found.severity,
    ...confidenceUnderDrops(quality, found.isThin ? 'low' : 'medium'),
    explanation: `SCION keepalives ${directionText(link, index)} are missing. ${found.words}`,
    pair: [direction.from, direction.to],
    direction: { from: direction.from, to: direction.to },
    first: found.first,
    last: found.last ?? end,
    lastGood: found.lastGood ?? null,
    ongoingAtEnd: found.last === undefined,
    counts: {
      missed: found.missed,
      received: stream?.packets ?? direction.packets,
      reverseReceived: reverseStream?.packets ?? reverse.packets,
    },
    evidence: found.evidence,
    displayFilter: linkFilter(link),
  };
}

function tooShort(quality: CaptureQuality, after: FrameRef): { reason: string; neededSeconds: number } {
  const shortage = tooLittleAfter(quality, after, MISSING_SECONDS);
  return {
    reason: shortage?.reason ?? 'Too few keepalives to judge; capture for at least 30 s.',
    neededSeconds: MISSING_SECONDS,
  };
}
