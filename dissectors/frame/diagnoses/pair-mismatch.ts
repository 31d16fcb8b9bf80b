import type { Comparison } from '../../../src/compare/comparison.js';
import type { SamePoint } from '../../../src/compare/plan.js';
import { otherSide, SIDES, type Side } from '../../../src/compare/side.js';
import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { definePairDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { bestOf, type FrameRef, isNonEmpty } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { secondsText } from '../../../src/wording/durations.js';

const MATCHES_MIN = 3;
/** Share of encrypted packets above which a capture shows the outside of a tunnel. */
const OUTSIDE_SHARE = 0.5;

export default definePairDiagnosis({
  id: 'capture.pair-mismatch',
  title: 'The two captures are not those of two ends of a path',
  severity: 'error',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule:
    'Fewer than 3 packets of one capture are found in the other, ARP included, and no pair of hosts is in both. Or at least ' +
    '10 are found, 95 % of them at the same moment (1 us) and with the same TTL, in both directions; of packets of one ' +
    'direction alone only where all times are equal.',
  notWhen:
    'Both captures show the same pair of hosts, whatever was lost between them, or one shows ESP and the other does not: ' +
    'then the packets of both may be the same ones, and nothing but their number can be compared.',
  causes: [
    'The captures were taken at different times',
    'One was taken on the wrong interface, or of another tunnel',
    'One shows the inside of an encrypted tunnel other than ESP and the other its outside: they cannot be matched without the keys',
    'A proxy between the two ends takes up every connection anew',
  ],
  nextSteps: [
    'Capture at both ends at the same time, on the interfaces that carry the tunnel: tcpdump -i eth0 -s 0 -w a.pcap host PEER and not port 22',
    'Compare inside with inside or outside with outside of an encrypted tunnel',
  ],
  refutedBy: 'Packets that are in both captures, and later at one end than at the other',
  source: 'openswan guide: run tcpdump on both gateways at the same time',
  thresholds: {
    matches: [MATCHES_MIN, 'packets', 'one or two may be equal by chance'],
    outsideShare: [
      OUTSIDE_SHARE * 100,
      '%',
      'a capture of which most packets are ESP shows the outside of a tunnel',
    ],
  },
  fault: 'capture',
  *judgePair({ comparison }) {
    const { samePoint } = comparison.plan;
    yield samePoint ? ofOnePoint(comparison, samePoint) : judge(comparison);
  },
});

function ofOnePoint({ edges, qualities }: Comparison, { packets, others }: SamePoint): Judgement {
  const { a, b } = edges;
  const subject = { kind: 'capture' };
  if (!a || !b) return { result: 'healthy', subject };
  const [framesOfA, framesOfB] = [qualities.a.frames, qualities.b.frames];
  const isSameFile = framesOfA === framesOfB && others === 0;
  return {
    result: 'problem',
    subject,
    title: isSameFile ? 'A and B are the same capture' : 'A and B show one point of the path',
    confidence: 'high',
    explanation:
      `${packets} of ${packets + others} packets that are in both captures are there at the same moment and with the same TTL, ` +
      `whichever way they go: nothing lies between A (${framesOfA} frames) and B (${framesOfB} frames), so that ` +
      'what is lost on the path cannot be told.',
    where: 'unknown',
    first: a.first,
    last: a.last,
    ongoingAtEnd: true,
    counts: { framesOfA, framesOfB, matched: packets },
    evidence: [
      { ...a.first, summary: 'first frame of A' },
      { ...b.first, summary: 'first frame of B' },
    ],
    displayFilter: 'frame',
    causes: [
      'The same file was given twice, or one is a part of the other',
      'Both were captured on one host (tcpdump -i any and -i eth0), or at two taps of one link',
    ],
    nextSteps: [
      'Give the capture of the other end as B: capan compare a.pcap b.pcap',
      'Without one, analyse this end alone: capan analyze a.pcap',
    ],
  };
}

function judge(comparison: Comparison): Judgement {
  const subject = { kind: 'capture' };
  const { plan, edges, qualities } = comparison;
  if (plan.sampleMatches >= MATCHES_MIN || plan.commonPairs > 0) return { result: 'healthy', subject };
  const { a, b } = edges;
  if (!a || !b || qualities.a.frames === 0 || qualities.b.frames === 0) {
    return insufficientData(subject, 'One of the captures holds no packets; capture again at both ends.');
  }
  const outside = outsideOf(plan.encrypted);
  if (outside !== null) {
    const inside = otherSide(outside);
    return insufficientData(
      subject,
      `${name(outside)} shows ESP and ${name(inside)} packets in the clear (${qualities.a.frames} frames of A, ` +
        `${qualities.b.frames} of B): encrypted packets are not comparable with their content. ` +
        'Capture inside the tunnel at both ends, or outside at both: tcpdump -s 0 -w FILE esp or udp port 4500 or udp port 500.',
    );
  }
  const overlap = overlapSeconds(qualities.a, qualities.b);
  const words =
    overlap === null
      ? 'their clocks do not compare'
      : overlap > 0
        ? `they overlap by ${secondsText(overlap)} by their own clocks`
        : `by their own clocks ${secondsText(-overlap)} lie between them`;
  const cite = (ref: FrameRef, summary: string) => ({ ...ref, summary });
  return {
    result: 'problem',
    subject,
    title: 'The two captures have nothing in common',
    confidence: 'high',
    explanation:
      `Of ${qualities.a.frames} frames of A and ${qualities.b.frames} of B, ${plan.sampleMatches} are the same packet, ` +
      `and no two hosts talk to each other in both; ${words}.`,
    where: 'unknown',
    first: a.first,
    last: a.last,
    ongoingAtEnd: true,
    counts: { framesOfA: qualities.a.frames, framesOfB: qualities.b.frames, matched: plan.sampleMatches },
    evidence: [cite(a.first, 'first frame of A'), cite(b.first, 'first frame of B')],
    displayFilter: 'frame',
  };
}

/** The side that shows the outside of an encrypted tunnel, where the other one does not. */
function outsideOf(encrypted: Comparison['plan']['encrypted']): Side | null {
  const [side, ...others] = SIDES.filter((one) => encrypted[one] > OUTSIDE_SHARE);
  return side === undefined || others.length > 0 ? null : side;
}

function name(side: Side): string {
  return side.toUpperCase();
}

/** How long both captures ran, by their own clocks; negative: the time between them. Null where one has no date. */
function overlapSeconds(a: CaptureQuality, b: CaptureQuality): number | null {
  const spans = [a, b].map(({ captures }) => {
    const firsts = captures.flatMap(({ firstTimeNs, clock }) =>
      firstTimeNs === null || clock === 'relative' ? [] : [firstTimeNs],
    );
    const lasts = captures.flatMap(({ lastTimeNs, clock }) =>
      lastTimeNs === null || clock === 'relative' ? [] : [lastTimeNs],
    );
    return isNonEmpty(firsts) && isNonEmpty(lasts)
      ? { first: bestOf(firsts, (a, b) => a < b), last: bestOf(lasts, (a, b) => a > b) }
      : null;
  });
  const [first, second] = spans;
  if (!first || !second) return null;
  const from = first.first > second.first ? first.first : second.first;
  const to = first.last < second.last ? first.last : second.last;
  return Number(to - from) / NS_PER_SECOND;
}
