import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import { hostGroup } from '../../../src/correlate/host-groups.js';
import { isOnLink } from '../../../src/correlate/mirrors.js';
import { PERIODS_MIN } from '../../../src/correlate/periodic/cadence.js';
import type { Conversation } from '../../../src/correlate/traffic.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import { confidenceUnderDrops } from '../../../src/diagnose/silences.js';
import type { Moment } from '../../../src/moment.js';
import { lengthText } from '../../../src/wording/counts.js';
import { udpFlowFilter } from '../../../src/wording/display-filters.js';
import { durationText } from '../../../src/wording/durations.js';
import { directionText, type Keepalive, keepalivesOf, pairTraffic, streamSubject } from '../streams.js';

/** Packets each way that make other traffic of the pair two-way. */
const OTHER_PACKETS_MIN = 3;
/** Hosts in the capture up to which a stream between two of them is what the capture was taken for. */
const FOCUS_HOSTS_MAX = 6;
const PROTOCOL_UDP = 17;

export default defineDiagnosis({
  id: 'keepalive.one-way',
  lines: 'suffice',
  title: 'Keepalives in one direction only',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A keepalive stream of at least 20 periods, nothing at all back on its flow, and meanwhile other traffic of the ' +
    'two hosts passes both ways. Error where the capture was taken for these hosts (at most 6 hosts in it) or they ' +
    'talk inside a tunnel, information in a capture of many hosts, where it is more likely a report that nobody answers.',
  notWhen:
    'The capture provably lacks a direction; no other traffic of the two hosts passes both ways; the other side ' +
    'sends one-way UDP of its own on other ports, which may be the counterpart.',
  causes: [
    "The peer's process is not running, or sends to another address or port",
    'A firewall or NAT on the way drops the direction that is missing',
    'The stream is one-way by nature (metrics, a heartbeat to a collector)',
  ],
  nextSteps: [
    'On the silent host: ss -lunp shows whether the process listens on the port; is it configured with the address and port that the keepalives come from?',
    'On the silent host: tcpdump -n -i any udp port PORT shows whether the keepalives arrive and whether its own leave',
    'If its own leave, capture on both hosts at once and see whether what leaves one arrives at the other',
  ],
  ruledOut: {
    'lost-on-path': ["The peer's process is not running", 'The stream is one-way by nature'],
    'worked-before': ['The stream is one-way by nature'],
  },
  refutedBy:
    'Keepalives of the silent side in a capture taken at that host that also arrive at the other one',
  source: 'SCIONLab guide (one packet per second, per direction)',
  thresholds: {
    periods: [PERIODS_MIN, 'periods', 'fewer may look periodic by chance'],
    otherPackets: [OTHER_PACKETS_MIN, 'packets', 'each way, to show that the two hosts reach each other'],
    focusHosts: [
      FOCUS_HOSTS_MAX,
      'hosts',
      'the two hosts, their routers, and what the capturing host does beside',
    ],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'unreachable', 'policy'],
  consequenceOfIds: ['scion.endpoint-mismatch', 'scion.tun-address-mismatch'],

  diagnose: (evidence) =>
    judgeEach(keepalivesOf(evidence), (keepalive) => judge(keepalive, evidence.quality)),
});

function judge(keepalive: Keepalive, quality: CaptureQuality): Judgement | null {
  const { direction, reverse, stream, link } = keepalive;
  const subject = streamSubject(quality, keepalive);
  if (reverse.packets > 0) return { result: 'healthy', subject };
  if (stream.intervals < PERIODS_MIN) return null;
  const limit = oneSidedLimit(quality, direction.from, direction.to, link.stack);
  if (limit) return insufficientData(subject, limit);
  const others = pairTraffic(quality, keepalive)?.conversations ?? [];
  const twoWay = others.find((one) => isTwoWayDuring(one, stream.first, stream.last));
  if (twoWay && !others.some(isCounterpart)) return problemOf(keepalive, twoWay, quality);
  const reason = twoWay
    ? `${direction.to} sends UDP on other ports, which may be the counterpart; the configuration of the two hosts says whether it is.`
    : 'No other traffic of the two hosts passes both ways, so nothing says that answers are due; capture with a ping between them.';
  return insufficientData(subject, reason);
}

function isTwoWayDuring({ fromA, fromB }: Conversation, first: Moment, last: Moment): boolean {
  const overlaps = (from: Moment | null, to: Moment | null): boolean =>
    from !== null &&
    to !== null &&
    from.segment <= last.segment &&
    to.segment >= first.segment &&
    !(from.segment === last.segment && from.timeNs > last.timeNs) &&
    !(to.segment === first.segment && to.timeNs < first.timeNs);
  return (
    Math.min(fromA.packets, fromB.packets) >= OTHER_PACKETS_MIN &&
    overlaps(fromA.first, fromA.last) &&
    overlaps(fromB.first, fromB.last)
  );
}

/** UDP that only the silent side sends. */
function isCounterpart({ protocol, fromA, fromB }: Conversation): boolean {
  return protocol === PROTOCOL_UDP && fromA.packets === 0 && fromB.packets > 0;
}

function problemOf(keepalive: Keepalive, twoWay: Conversation, quality: CaptureQuality): Judgement {
  const { direction, stream, link } = keepalive;
  const isFocus = !isOnLink(quality, link.stack) || talksToFew(quality, direction.from, link.stack);
  return {
    result: 'problem',
    subject: streamSubject(quality, keepalive),
    severity: isFocus ? 'error' : 'info',
    ...confidenceUnderDrops(quality, 'low'),
    explanation:
      `${directionText(direction)} carries a keepalive of ${lengthText(stream)} every ${durationText(stream.periodNs)}, ` +
      `${stream.packets} in all, and nothing comes back on that flow, although other traffic between the two hosts ` +
      `passes both ways (${twoWay.fromA.packets} packets there, ${twoWay.fromB.packets} back).`,
    pair: [direction.from, direction.to],
    direction: { from: direction.to, to: direction.from },
    first: stream.first,
    last: stream.last,
    ongoingAtEnd: quality.secondsToEnd(stream.last) * 1e9 < 2 * stream.periodNs,
    counts: {
      sent: stream.packets,
      received: 0,
      otherThere: twoWay.fromA.packets,
      otherBack: twoWay.fromB.packets,
      periodMilliseconds: Math.round(stream.periodNs / 1e6),
    },
    evidence: [
      { ...stream.first, summary: 'first keepalive without a counterpart' },
      { ...stream.last, summary: 'last keepalive without a counterpart' },
    ],
    displayFilter: udpFlowFilter(direction),
    packetClass: 'keepalive',
  };
}

/** The hosts that have to do with this one are few: the capture was taken for them. */
function talksToFew(quality: CaptureQuality, host: string, stack: number): boolean {
  const hosts = new Set<string>();
  for (const { a, b } of hostGroup(quality, host, stack).pairs) {
    hosts.add(a).add(b);
    if (hosts.size > FOCUS_HOSTS_MAX) return false;
  }
  return true;
}
