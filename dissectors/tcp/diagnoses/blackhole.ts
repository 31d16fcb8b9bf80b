import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import { isOnLink } from '../../../src/correlate/mirrors.js';
import { isBefore } from '../../../src/correlate/traffic.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { relevanceOfPair, severityFor, severityOfFlow } from '../../../src/diagnose/severity-policy.js';
import { confidenceUnderDrops } from '../../../src/diagnose/silences.js';
import type { Moment } from '../../../src/moment.js';
import type { Severity } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { carrierFilter, pairFilter } from '../../../src/wording/display-filters.js';
import { durationText } from '../../../src/wording/durations.js';
import { type Direction, directionKey, insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { echoStreams, icmpErrors } from '../../icmp/correlator.js';
import { echoFilter, echoPairs } from '../../icmp/shared/echo-pairs.js';
import { type SizeLimit, sizeLimitOf } from '../../icmp/shared/echo-sizes.js';
import { tcpServices } from '../correlator.js';
import { judgePathLimits } from '../path-limits.js';
import type { ServiceMissingData, ServiceStuckSegment, TcpService } from '../session.js';
import { segmentFilter } from '../shared/server-endpoint.js';
import {
  isBlackHoleSize,
  isMissingForSize,
  MISSING_SECONDS_MIN,
  MISSING_WAITS_MIN,
} from '../shared/size-limits.js';

const REPEATS_MIN = 3;
const SECONDS_MIN = 0.5;

export default defineDiagnosis({
  id: 'mtu.blackhole',
  // Without -v the first fragment of a datagram has a line like that of a whole packet.
  lines: 'mislead',
  title: 'Large packets silently disappear',
  severity: 'error',
  subject: 'pair',
  layer: 'fragments',
  priority: 1,
  judgesLast: true,
  rule:
    'A TCP segment of 500 bytes or more, larger than any of its direction that was acknowledged, is repeated at least 3 ' +
    'times over 0.5 s without progress, or gets through only after the sender has cut it, while a smaller packet of the ' +
    'same direction was delivered; or data of 500 bytes or more ' +
    'never appears, its receiver goes on asking for it for 3 s (3 acknowledgments up to it and no further), and only smaller segments of the ' +
    'direction are seen; or of the pings of a pair all up to a size are answered and none above it. No router ' +
    'reports a smaller MTU. With captures of both ends: at least 5 packets of a direction are lost, all of them larger ' +
    'than any that arrives meanwhile, while smaller ones of the same service arrive. Error between the ends of a tunnel; warning where the hosts talk little else, or inside a tunnel where ' +
    'nothing else is wrong; information otherwise.',
  notWhen:
    'The window of the receiver is closed. A segment of that size was acknowledged. ICMP reports the MTU (then ' +
    'mtu.frag-needed). The acknowledgments pass elsewhere. The large pings were sent as fragments.',
  causes: [
    'A link or tunnel on the path has a smaller MTU, and the ICMP reports about it are filtered',
    'The overhead of a tunnel was not taken off the MTU of the hosts that use it',
    'A tunnel end drops what does not fit without a report',
  ],
  nextSteps: [
    'Find the limit from the sender: ping -M do -s SIZE PEER with rising SIZE; MTU = SIZE + 28 (IPv6: + 48)',
    'Let ICMP 3/4 (ICMPv6 type 2) through, or clamp the MSS: iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
    'Set the MTU of the inner interfaces to that of the underlay less the overhead of the tunnel (VXLAN over IPv4: 50 bytes)',
  ],
  refutedBy: 'A packet of that size that arrives in a capture at the receiver.',
  source: 'RFC 1191; RFC 2923, section 2.1; RFC 8201; openswan guide (path MTU), MidoNet guide (MTU)',
  thresholds: {
    repeats: [REPEATS_MIN, 'repeats', 'by timer, 3 repeats in a row are no chance loss'],
    missingSeconds: [MISSING_SECONDS_MIN, 's', 'TCP repeats a lost segment four times meanwhile'],
    missingWaits: [MISSING_WAITS_MIN, 'acknowledgments', 'the receiver says so again and again'],
    seconds: [SECONDS_MIN, 's', 'a burst of loss is shorter'],
  },
  fault: 'large-packets-lost',
  consequenceOf: ['path-loss', 'fragments', 'mtu', 'large-packets-lost'],
  judgePair: judgePathLimits,
  *diagnose(evidence) {
    const judged = new Set<string>();
    const { suspected, healthy } = segmentLimits(evidence);
    for (const [key, judgement] of suspected) {
      if (!judged.has(key)) yield judgement;
      judged.add(key);
    }
    for (const direction of healthy) {
      const key = directionKey(direction);
      if (judged.has(key)) continue;
      judged.add(key);
      yield { result: 'healthy', subject: pairSubject(evidence.quality, direction) };
    }
    for (const [key, judgement] of echoLimits(evidence)) {
      if (!judged.has(key)) yield judgement;
      judged.add(key);
    }
  },
});

type Keyed = readonly [string, Judgement];

/** What stands out in one direction, of all services between the two: a peer that calls back is the same path. */
interface Suspected {
  readonly direction: Direction;
  readonly services: [TcpService, ...TcpService[]];
  readonly stuck: ServiceStuckSegment[];
  readonly missing: ServiceMissingData[];
}

/** By direction: what was judged, and the many in which nothing is stuck. */
function segmentLimits(evidence: Evidence): { suspected: readonly Keyed[]; healthy: readonly Direction[] } {
  const suspected = new Map<string, Suspected>();
  const healthy: Direction[] = [];
  for (const service of evidence.sessions(tcpServices)) {
    const { client, server, stack, fromClient, fromServer } = service;
    const there = { source: client, destination: server, stack };
    const back = { source: server, destination: client, stack };
    for (const [direction, side, mss] of [
      [there, fromClient, fromServer.mssMax],
      [back, fromServer, fromClient.mssMax],
    ] as const) {
      if (side.dataSegments === 0) continue;
      const stuck = side.trouble?.stuck.filter((one) => isBlackHole(one, mss)) ?? [];
      const missing = side.trouble?.missing.filter((one) => isMissingForSize(one, mss)) ?? [];
      if (stuck.length + missing.length === 0 || isReported(evidence, direction)) {
        healthy.push(direction);
        continue;
      }
      const known = suspected.get(directionKey(direction));
      known?.services.push(service);
      known?.stuck.push(...stuck);
      known?.missing.push(...missing);
      if (!known)
        suspected.set(directionKey(direction), {
          direction,
          services: [service],
          stuck: [...stuck],
          missing: [...missing],
        });
    }
  }
  return { suspected: [...suspected].map(([key, one]) => [key, judgeSuspected(evidence, one)]), healthy };
}

function judgeSuspected(evidence: Evidence, suspected: Suspected): Judgement {
  const { stuck, missing } = suspected;
  stuck.sort((a, b) => b.repeats - a.repeats || a.first.frame - b.first.frame);
  missing.sort((a, b) => b.waits - a.waits || a.first.frame - b.first.frame);
  return stuck.length > 0 ? judgeSegments(evidence, suspected) : judgeMissing(evidence, suspected);
}

function filterOf(
  quality: CaptureQuality,
  { services, direction }: Suspected,
  condition: 'tcp' | 'tcp.len > 0',
): string {
  const [{ server, port, client, stack }, ...others] = services;
  if (others.every((one) => one.server === server && one.port === port))
    return segmentFilter(quality, { server, port, stack }, client, condition);
  const { source, destination } = direction;
  return carrierFilter(quality, stack) ?? `${pairFilter(source, destination)} && ${condition}`;
}

/** A segment that offload made larger than what the receiver takes leaves in pieces of that size. */
function isBlackHole(stuck: ServiceStuckSegment, receiverMss: number): boolean {
  const { first, last, repeats, isRecovered, newestLength } = stuck;
  const length = Math.min(stuck.length, receiverMss === 0 ? 1460 : receiverMss);
  const lasted = first.segment === last.segment ? last.timeNs - first.timeNs : 0;
  if (repeats < REPEATS_MIN || !(lasted >= SECONDS_MIN * NS_PER_SECOND)) return false;
  if (isRecovered)
    return newestLength < length && isBlackHoleSize({ ...stuck, length, largestEver: newestLength });
  return isBlackHoleSize({ ...stuck, length });
}

function judgeSegments(evidence: Evidence, suspected: Suspected): Judgement {
  const { quality } = evidence;
  const { direction, stuck } = suspected;
  const subject = pairSubject(quality, direction);
  const [worst] = stuck;
  const oneSided = oneSidedLimit(quality, direction.source, direction.destination, direction.stack);
  if (oneSided) return insufficientData(subject, oneSided);
  const heard = quality.traffic.between(direction.source, direction.destination, direction.stack)?.fromB.last;
  const isAlive = worst.isRecovered || (heard != null && isBefore(worst.first, heard));
  if (!isAlive) {
    return insufficientData(
      subject,
      `${direction.destination} was not heard any more after ${direction.source} began to repeat ${worst.length} bytes, so it ` +
        'may be down as well; ping it with small and large packets meanwhile, or capture at its end.',
    );
  }
  return segmentProblem(evidence, suspected);
}

function segmentProblem(evidence: Evidence, suspected: Suspected): Problem {
  const { quality } = evidence;
  const { direction, services, stuck } = suspected;
  const { source, destination, stack } = direction;
  const [worst] = stuck;
  const first = stuck.reduce((a, { first }) => (first.frame < a.frame ? first : a), worst.first);
  const last = stuck.reduce((a, { last }) => (last.frame > a.frame ? last : a), worst.last);
  const smallest = Math.min(...stuck.map(({ length }) => length));
  const repeats = stuck.reduce((sum, one) => sum + one.repeats, 0);
  const delivered = Math.max(...stuck.map((one) => (one.isRecovered ? one.newestLength : one.largestEver)));
  return {
    result: 'problem',
    subject: pairSubject(quality, direction),
    severity: severityOfStall(evidence, direction, services[0]),
    ...confidenceUnderDrops(
      quality,
      !worst.isRecovered && worst.largestAcknowledged === 0 ? 'low' : 'medium',
    ),
    explanation:
      `${source} sent segments of ${smallest} bytes and more to ${destination}${insideWords(quality, stack)} up to ` +
      `${worst.repeats + 1} times over ${durationText(worst.last.timeNs - worst.first.timeNs)} without acknowledgment; the ` +
      `largest that was acknowledged has ${delivered} bytes. ` +
      (worst.isRecovered ? 'It got through only after it was cut. ' : '') +
      'No ICMP message about the MTU is in the capture.',
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'path',
    first: { segment: first.segment, timeNs: first.timeNs },
    last: { segment: last.segment, timeNs: last.timeNs },
    ongoingAtEnd: stuck.some(({ isRecovered }) => !isRecovered),
    counts: {
      repeats,
      segments: stuck.length,
      smallestLostBytes: smallest,
      largestDeliveredBytes: delivered,
    },
    evidence: stuck
      .slice(0, 4)
      .flatMap((one) => [
        { ...one.first, summary: `${one.length} bytes for the second time` },
        { ...one.last, summary: `the same for the ${one.repeats + 1}th time` },
      ])
      .sort((a, b) => a.frame - b.frame),
    displayFilter: filterOf(quality, suspected, 'tcp.len > 0'),
  };
}

/** The receiver's view, and that of a capture behind the place where the segments are lost. */
function judgeMissing(evidence: Evidence, suspected: Suspected): Judgement {
  const { quality } = evidence;
  const { direction, services, missing } = suspected;
  const { source, destination, stack } = direction;
  const subject = pairSubject(quality, direction);
  const [worst] = missing;
  const heard = quality.traffic.between(source, destination, stack)?.fromA.last;
  const isAlive = heard?.segment === worst.first.segment && isLater(heard, worst.first);
  if (!isAlive) {
    return insufficientData(
      subject,
      `${worst.bytes} bytes of ${source} are missing, but it was not heard any more for ${MISSING_SECONDS_MIN} s after that, so it ` +
        'may be down; ping it with small and large packets meanwhile, or capture at its end.',
    );
  }
  const first = missing.reduce((a, one) => (one.first.frame < a.frame ? one.first : a), worst.first);
  const last = missing.reduce((a, one) => (one.last.frame > a.frame ? one.last : a), worst.last);
  const waits = missing.reduce((sum, one) => sum + one.waits, 0);
  const largest = Math.max(...missing.map(({ largestSeen }) => largestSeen));
  return {
    result: 'problem',
    subject,
    severity: severityOfStall(evidence, direction, services[0]),
    ...confidenceUnderDrops(quality, 'medium'),
    explanation:
      `${worst.bytes} bytes that ${source} sent to ${destination}${insideWords(quality, stack)} never appear in the capture, and ` +
      `${destination} goes on asking for them for ${durationText(worst.last.timeNs - worst.first.timeNs)} (${worst.waits} acknowledgments up to ` +
      `them and no further), while segments of up to ${largest} bytes pass. The large ones are lost before this point: on the way, or ` +
      `${source} itself refuses to send them. No ICMP message about the MTU is in the capture.`,
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'unknown',
    first: { segment: first.segment, timeNs: first.timeNs },
    last: { segment: last.segment, timeNs: last.timeNs },
    ongoingAtEnd: true,
    counts: {
      repeats: waits,
      segments: missing.length,
      smallestLostBytes: Math.min(...missing.map(({ bytes }) => bytes)),
      largestDeliveredBytes: largest,
    },
    evidence: missing
      .slice(0, 4)
      .flatMap((one) => [
        { ...one.first, summary: `${destination} asks for the ${one.bytes} bytes that are missing` },
        { ...one.last, summary: `it still does, for the ${one.waits}th time` },
      ])
      .sort((a, b) => a.frame - b.frame),
    displayFilter: filterOf(quality, suspected, 'tcp'),
  };
}

function isLater(heard: Moment, since: Moment): boolean {
  return heard.timeNs - since.timeNs >= MISSING_SECONDS_MIN * NS_PER_SECOND;
}

/** What goes wrong together with a stalled connection, or because of it. */
const OF_STALLED = ['tcp.', 'app.', 'latency.', 'bgp.'];

function severityOfStall(
  evidence: Evidence,
  { source, destination, stack }: Direction,
  service: TcpService,
): Severity {
  if (!isOnLink(evidence.quality, stack))
    return severityOfFlow(evidence, { host: service.server, stack }, OF_STALLED);
  return severityFor(relevanceOfPair(evidence.quality, source, destination, stack), 'error');
}

/** A router said what fits: then the sender knows, and `mtu.frag-needed` speaks. */
function isReported({ sessions }: Evidence, { source, destination }: Direction): boolean {
  return sessions(icmpErrors).some(
    ({ meaning, quoted }) =>
      meaning === 'packet-too-big' && quoted?.source === source && quoted.destination === destination,
  );
}

function echoLimits(evidence: Evidence): Keyed[] {
  const { quality } = evidence;
  return echoPairs(quality, evidence.sessions(echoStreams), evidence.sessions(icmpErrors)).flatMap((pair) => {
    const limit = sizeLimitOf(quality, pair);
    if (!limit || limit.unanswered.isFragmented || isReported(evidence, pair)) return [];
    if (oneSidedLimit(quality, pair.source, pair.destination, pair.stack)) return [];
    return [[directionKey(pair), echoProblem(evidence, pair, limit, echoFilter(quality, pair))] as const];
  });
}

function echoProblem(
  { quality }: Evidence,
  direction: Direction & { readonly isFailingAtEnd: boolean },
  limit: SizeLimit,
  displayFilter: string,
): Problem {
  const { source, destination, stack } = direction;
  const { answered, unanswered, firstUnanswered, lastUnanswered, lastAnswered } = limit;
  return {
    result: 'problem',
    subject: pairSubject(quality, direction),
    severity: severityFor(relevanceOfPair(quality, source, destination, stack), 'error'),
    confidence: limit.isProvenAlive ? 'medium' : 'low',
    explanation:
      `Pings of ${source} to ${destination}${insideWords(quality, stack)} with up to ${answered.bytes} bytes of ICMP are ` +
      `answered, none of the ${limit.unansweredCount} with ${unanswered.bytes} bytes or more is, and no ICMP message about ` +
      'the MTU is in the capture. Request or reply may be what is too large.',
    pair: [source, destination],
    where: 'path',
    first: { segment: firstUnanswered.segment, timeNs: firstUnanswered.timeNs },
    last: { segment: lastUnanswered.segment, timeNs: lastUnanswered.timeNs },
    lastGood: lastAnswered,
    ongoingAtEnd: direction.isFailingAtEnd,
    counts: {
      repeats: limit.unansweredCount,
      segments: 0,
      smallestLostBytes: unanswered.bytes,
      largestDeliveredBytes: answered.bytes,
    },
    evidence: [
      { ...lastAnswered, summary: `ping of ${answered.bytes} bytes or less, answered` },
      { ...firstUnanswered, summary: `ping of ${unanswered.bytes} bytes or more, no reply` },
      { ...lastUnanswered, summary: 'the last such ping' },
    ].sort((a, b) => a.frame - b.frame),
    displayFilter,
  };
}
