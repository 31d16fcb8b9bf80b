import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { captureMayHide, oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  type InsufficientData,
  type Judgement,
  thresholdOf,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef, Moment } from '../../../src/moment.js';
import { originText } from '../../../src/side-files/origin.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { hostFilter } from '../../../src/wording/display-filters.js';
import { secondsText } from '../../../src/wording/durations.js';
import { type Expectation, expectationsOf } from '../expectation.js';
import { type SeenTraffic, seenTraffic } from '../seen-traffic.js';

const ID = 'expect.no-traffic';
const WINDOW_SECONDS = 10;

export default defineDiagnosis({
  id: ID,
  title: 'Expected traffic never appears',
  severity: 'warning',
  subject: 'flow',
  layer: 'underlay',
  priority: 2,
  rule:
    'The configuration (--config, expect) names packets, or both directions of a tunnel, and the capture has not one of them, ' +
    'although it lasts at least 10 s and has other packets of the host that should send them (where only the receiver is named: packets to it).',
  notWhen:
    'The capture has nothing of that host, or nothing but one direction; a capture filter hides the packets; flows were aggregated for want of room.',
  causes: [
    'The packets are lost or blocked before the capture point: the fault lies upstream of it',
    'The sender does not send: the service is down, or it is configured with another port or address',
    'The expectation is out of date',
  ],
  nextSteps: [
    'Capture one hop nearer to the sender, and see whether the packets are there',
    'On the sender: ss -nap, ip route get RECEIVER, and its firewall',
    'Cloud Foundry: without packets on the port of a container the fault is upstream of the cell (ssh_proxy, router, load balancer)',
  ],
  refutedBy: 'The expected packets in a capture at the same point at a time when they are known to be sent.',
  source: 'Cloud Foundry guide, debugging cf ssh (is there traffic on the port?)',
  thresholds: {
    window: [
      WINDOW_SECONDS,
      's',
      'shorter captures may fall between two packets; set it above the period of what is expected',
      'adjustable',
    ],
  },
  fault: 'silence',
  *diagnose(evidence) {
    const expectations = expectationsOf(evidence);
    if (expectations.length === 0) return;
    const seen = seenTraffic(evidence.quality, expectations);
    for (const [index, expectation] of expectations.entries())
      yield judge(evidence, expectation, seen[index]);
  },
});

function judge(evidence: Evidence, expectation: Expectation, { expected, other }: SeenTraffic): Judgement {
  const { name, from, to, words, origin } = expectation;
  const subject = {
    kind: 'flow',
    ...(name === null ? {} : { name }),
    ...(from === null ? {} : { from }),
    ...(to === null ? {} : { to }),
    expected: words,
  };
  if (expected.packets > 0) return { result: 'healthy', subject };
  const reason = limitOf(evidence, expectation, other.packets);
  if (reason !== null) return { result: 'insufficient-data', subject, ...reason };
  const { first, last } = captureSpan(evidence.quality, other);
  const ways = `${from === null ? '' : ` from ${from}`}${to === null ? '' : ` to ${to}`}`;
  const seenHost = from === null ? `to ${to}` : `from ${from}`;
  return {
    result: 'problem',
    subject,
    confidence: 'medium',
    explanation:
      `${originText(origin)} expects ${words}${ways}${name === null ? '' : ` (${name})`}; the capture has no such packet, ` +
      `and ${other.packets} others ${seenHost}.`,
    ...(isAddress(from) && isAddress(to) ? { pair: [from, to] as const, direction: { from, to } } : {}),
    where: 'unknown',
    first,
    last,
    ongoingAtEnd: true,
    counts: { expected: 0, others: other.packets },
    evidence: citations(other.first, other.last, seenHost),
    // tshark compares networks as well as addresses.
    displayFilter: hostFilter(from ?? to ?? ''),
  };
}

/** Why the absence proves nothing; null where it does. */
function limitOf(
  evidence: Evidence,
  { from, to, classes, words }: Expectation,
  others: number,
): Pick<InsufficientData, 'reason' | 'limitedBy' | 'neededSeconds'> | null {
  const { quality } = evidence;
  const host = from ?? to;
  if (others === 0) {
    return {
      reason: `The capture has no packet ${from === null ? 'to' : 'from'} ${host} at all; capture where ${words} of that host passes.`,
    };
  }
  const neededSeconds = thresholdOf(evidence, ID, 'window', WINDOW_SECONDS);
  const seconds = longestSeconds(quality);
  if (!(seconds >= neededSeconds)) {
    return {
      reason: `The capture lasts ${secondsText(seconds)}; capture for at least ${neededSeconds} s.`,
      neededSeconds,
    };
  }
  if (quality.flows.evicted.flows > 0) {
    return {
      reason: `${quality.flows.evicted.flows} flows were counted in sum only; capture less at a time.`,
    };
  }
  const oneSided = isAddress(from) && isAddress(to) ? oneSidedLimit(quality, from, to) : null;
  const hidden = classes
    .flatMap(({ protocol, ports }) =>
      ports.length === 0 ? [{ protocol }] : ports.map((port) => ({ protocol, port })),
    )
    .map((packet) => captureMayHide(quality, packet, isAddress(from) ? from : null));
  const filter = hidden.every((limit) => limit !== null) ? hidden[0] : null;
  const limit = oneSided ?? filter;
  return limit === null ? null : { reason: limit.reason, limitedBy: [limit.id] };
}

function longestSeconds(quality: CaptureQuality): number {
  return quality.segments.reduce((longest, _, segment) => {
    const window = quality.window(segment);
    const seconds = window === null ? 0 : (window.last.timeNs - window.first.timeNs) / NS_PER_SECOND;
    return seconds > longest ? seconds : longest;
  }, 0);
}

function captureSpan(
  quality: CaptureQuality,
  { first, last }: SeenTraffic['other'],
): { readonly first: Moment; readonly last: Moment } {
  const start = quality.window(first?.segment ?? 0)?.first ?? first;
  const end = quality.window(last?.segment ?? 0)?.last ?? last;
  const unknown = { segment: 0, timeNs: Number.NaN };
  return { first: momentOf(start ?? unknown), last: momentOf(end ?? unknown) };
}

function citations(first: FrameRef | null, last: FrameRef | null, host: string) {
  return [
    ...(first ? [{ ...first, summary: `another packet ${host}: the capture sees that host` }] : []),
    ...(last ? [{ ...last, summary: `another packet ${host}, the last one` }] : []),
  ];
}

function isAddress(text: string | null): text is string {
  return text !== null && !text.includes('/');
}
