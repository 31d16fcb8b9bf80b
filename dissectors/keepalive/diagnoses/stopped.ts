import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { tooLittleAfter } from '../../../src/correlate/gates.js';
import { PERIODS_MIN } from '../../../src/correlate/periodic/cadence.js';
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
  isStoodIn,
} from '../../../src/diagnose/silences.js';
import type { Citation, Moment } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { lengthText } from '../../../src/wording/counts.js';
import { udpFlowFilter } from '../../../src/wording/display-filters.js';
import { durationText } from '../../../src/wording/durations.js';
import {
  directionText,
  type Keepalive,
  keepalivesOf,
  PERIODS_MIN_BOTH_WAYS,
  streamSubject,
} from '../streams.js';

const MISSED_MIN = 3;
/** A keepalive may come late by half a period before it counts as missed. */
const GRACE_PERIODS = 0.5;
/** Packets of the other direction that show that it goes on. */
const REVERSE_PACKETS_MIN = 3;
/** Both directions that end within so many periods were ended together. */
const TOGETHER_PERIODS = 2;
const PROTOCOL_UDP = 17;

export default defineDiagnosis({
  id: 'keepalive.stopped',
  lines: 'suffice',
  title: 'Periodic keepalive stopped',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A keepalive stream (as in keepalive.gap) ends: at least 3 are missing up to the end of the capture, while the ' +
    'other direction of the flow, or other traffic of the two hosts, goes on. Information where both directions end ' +
    'within two periods: the session was closed rather than broken. Captures of ' +
    'both ends tell packets that were lost from a sender that sent none.',
  notWhen:
    'Everything between the two hosts ends with it; the sender goes on from or to another port; the capture ends too early; the whole capture is silent; other ' +
    'traffic stands in for a keepalive that only an idle timer sends.',
  causes: [
    'The process that sends the keepalives stopped, crashed or was restarted with another configuration',
    'A firewall, NAT or route on the way drops this direction for good',
    'The sending host lost the interface or the address that it sends from',
    'The session was shut down on purpose',
  ],
  nextSteps: [
    'On the sender: is the process running, and what does its log say at that time (SCIONLab: scion.sh status, then logs/)',
    'On the sender: tcpdump -n -i any udp port PORT shows whether keepalives still leave it',
    'If they leave it, capture on both hosts at once and see whether what leaves one arrives at the other',
  ],
  ruledOut: {
    'lost-on-path': ['The process that sends', 'The sending host lost', 'The session was shut down'],
    arrives: ['A firewall, NAT or route'],
  },
  refutedBy: 'Keepalives after that moment in a capture taken at the receiver',
  source: 'SCIONLab guide (one packet per second and direction; down after three periods)',
  thresholds: {
    missed: [MISSED_MIN, 'keepalives', 'after three misses receivers take a link down'],
    periods: [PERIODS_MIN, 'periods', 'fewer may look periodic by chance'],
    periodsBothWays: [
      PERIODS_MIN_BOTH_WAYS,
      'periods',
      'two directions of one flow with the same period are no chance',
    ],
    reversePackets: [
      REVERSE_PACKETS_MIN,
      'packets',
      'one or two may have been on the way when the stream ended',
    ],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'tunnel-one-way'],
  consequenceOfIds: ['keepalive.one-way'],
  judgePair: (pair) => judgePausesAtBothEnds(pair, 'keepalive.stopped', 'keepalive', 'plain UDP'),

  diagnose: (evidence) =>
    judgeEach(keepalivesOf(evidence), (keepalive) => judge(keepalive, evidence.quality)),
});

/** What goes on after the stream has ended. */
interface Survivor {
  readonly words: string;
  readonly isSameFlow: boolean;
}

function judge(keepalive: Keepalive, quality: CaptureQuality): Judgement | null {
  const { stream } = keepalive;
  const subject = streamSubject(quality, keepalive);
  const quiet = (watchedSecondsAfter(quality, stream.last) * NS_PER_SECOND) / stream.periodNs;
  if (quiet < 1 + GRACE_PERIODS) return { result: 'healthy', subject };
  const needed = (MISSED_MIN + GRACE_PERIODS) * stream.periodNs;
  const shortage = tooLittleAfter(quality, stream.last, needed / NS_PER_SECOND);
  if (shortage) {
    return insufficientData(subject, shortage);
  }
  if (hasMoved(keepalive, quality)) return { result: 'healthy', subject };
  const missed = Math.floor(quiet - GRACE_PERIODS);
  const survivor = survivorOf(keepalive, quality);
  if (survivor === null || isStoodIn(stream, stream.ownAfter, 0, missed)) {
    const reason =
      survivor === null
        ? 'The stream ends, and all other traffic of the two hosts with it; a capture at the sender shows whether it went on sending.'
        : 'After the last keepalive its sender sends other packets of the flow, which may stand in for it; capture for longer, until the flow is idle.';
    return insufficientData(subject, reason);
  }
  const due = dueWhileCapturing(quality, stream.last, stream.periodNs, missed);
  if (due < MISSED_MIN) {
    return insufficientData(subject, asleepWhileDue('host'));
  }
  // One finding for two streams that end together: that of the one that ended first.
  if (endedTogether(keepalive) && !endedFirst(keepalive)) return null;
  return problemOf(keepalive, survivor, missed, quality);
}

/** The sender goes on from another port, or to another one (a restart, a NAT that assigned a new port). */
function hasMoved({ direction, stream, link }: Keepalive, quality: CaptureQuality): boolean {
  const { from, to, fromPort, toPort } = direction;
  const others = quality.traffic.between(from, to, link.stack)?.conversations ?? [];
  return others.some(
    ({ protocol, portOfA, portOfB, fromA }) =>
      protocol === PROTOCOL_UDP &&
      (portOfA === fromPort) !== (portOfB === toPort) &&
      fromA.packets >= MISSED_MIN &&
      fromA.first?.segment === link.segment &&
      fromA.first.timeNs > stream.last.timeNs - stream.periodNs,
  );
}

function survivorOf(
  { direction, reverse, stream, link }: Keepalive,
  quality: CaptureQuality,
): Survivor | null {
  const from = stream.last.timeNs + MISSED_MIN * stream.periodNs;
  const goesOn = (last: Moment | null): boolean =>
    last !== null && last.segment === link.segment && last.timeNs >= from;
  if (stream.reverseAfter >= REVERSE_PACKETS_MIN && goesOn(reverse.last)) {
    return { words: `${stream.reverseAfter} packets of the other direction follow`, isSameFlow: true };
  }
  if (stream.ownAfter >= REVERSE_PACKETS_MIN && goesOn(direction.last)) {
    return { words: 'its sender goes on with other packets of the same flow', isSameFlow: true };
  }
  const pair = quality.traffic.between(direction.from, direction.to, link.stack);
  const others = pair?.conversations.filter(
    ({ portOfA, portOfB }) => portOfA !== direction.fromPort || portOfB !== direction.toPort,
  );
  const other = others?.find(({ fromA, fromB }) => goesOn(fromA.last) && goesOn(fromB.last));
  return other ? { words: 'other traffic between the two hosts goes on both ways', isSameFlow: false } : null;
}

function endedTogether({ stream, reverseStream }: Keepalive): boolean {
  if (reverseStream === null) return false;
  const apart = Math.abs(stream.last.timeNs - reverseStream.last.timeNs);
  return apart <= TOGETHER_PERIODS * Math.max(stream.periodNs, reverseStream.periodNs);
}

function endedFirst({ stream, reverseStream }: Keepalive): boolean {
  return reverseStream === null || stream.last.timeNs <= reverseStream.last.timeNs;
}

function problemOf(
  keepalive: Keepalive,
  survivor: Survivor,
  missed: number,
  quality: CaptureQuality,
): Judgement {
  const { direction, stream, link } = keepalive;
  const isTogether = endedTogether(keepalive);
  const end = quality.window(link.segment)?.last ?? stream.last;
  const both = isTogether ? 'The keepalives of both directions end together' : 'They end';
  return {
    result: 'problem',
    subject: streamSubject(quality, keepalive),
    severity: isTogether ? 'info' : 'warning',
    ...confidenceUnderDrops(quality, survivor.isSameFlow && !isTogether ? 'medium' : 'low'),
    explanation:
      `${directionText(direction)} carries a keepalive of ${lengthText(stream)} every ${durationText(stream.periodNs)}. ` +
      `${both} ${durationText(end.timeNs - stream.last.timeNs)} before the end of the capture, ${missed} are missing, and ${survivor.words}.`,
    pair: [direction.from, direction.to],
    direction: { from: direction.from, to: direction.to },
    first: dueAfter(stream.last, stream.periodNs),
    last: end,
    lastGood: stream.last,
    ongoingAtEnd: true,
    counts: {
      missed,
      received: stream.packets,
      reverseAfterwards: stream.reverseAfter,
      otherOfSenderAfterwards: stream.ownAfter,
      periodMilliseconds: Math.round(stream.periodNs / 1e6),
    },
    evidence: cite(keepalive),
    displayFilter: udpFlowFilter(direction),
    packetClass: 'keepalive',
  };
}

function cite({ stream, reverse, direction }: Keepalive): Citation[] {
  const citations: Citation[] = [
    { ...stream.first, summary: 'first keepalive of the stream' },
    { ...stream.last, summary: 'last keepalive of the stream' },
  ];
  if (stream.reverseAfter > 0 && reverse.last) {
    citations.push({ ...reverse.last, summary: 'last datagram of the other direction' });
  }
  if (stream.ownAfter > 0 && direction.last) {
    citations.push({ ...direction.last, summary: 'last other datagram of the sender' });
  }
  return citations;
}
