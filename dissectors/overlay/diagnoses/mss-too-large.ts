import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { byStack } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import {
  earliestOf,
  type FrameRef,
  isNonEmpty,
  latestOf,
  mapped,
  mostBy,
  type NonEmpty,
} from '../../../src/moment.js';
import { cite, inOrder } from '../../../src/wording/citations.js';
import { type TcpConnection, type TcpDirection, tcpConnections } from '../../tcp/correlator.js';
import {
  type Carrier,
  carrierSubject,
  carriersOf,
  carrierWords,
  filterOf,
  isLossy,
} from '../shared/carriers.js';

const HEADERS_V4 = 40;
const HEADERS_V6 = 60;
/** What Ethernet carries everywhere. */
const MTU_USUAL = 1500;

export default defineDiagnosis({
  id: 'overlay.mss-too-large',
  title: 'TCP MSS ignores the tunnel overhead',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'fragments',
  priority: 1,
  rule:
    'A TCP SYN inside a tunnel (VXLAN, Geneve, GRE, IP in IP) announces a segment size that, with headers and the overhead of the tunnel, ' +
    'exceeds what the underlay is seen to carry: packets of that length are fragmented, or a router reports a smaller MTU. ' +
    'Information while no fragment is missing in the capture, warning where some are.',
  notWhen: 'Nothing shows what the underlay carries: it may have jumbo frames.',
  causes: [
    'The inner hosts have the MTU of the underlay, so they announce the MSS of a plain Ethernet (1460)',
    'The MSS is not clamped where the traffic enters the tunnel',
  ],
  nextSteps: [
    'Lower the inner MTU by the overhead of the tunnel (50 bytes for VXLAN over IPv4): the MSS follows',
    'Or clamp: iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
  ],
  refutedBy: 'Full-size segments of such a connection that pass unfragmented.',
  source: 'RFC 9293, section 3.7.1; RFC 7348, section 4.3; MidoNet and openswan guides, MTU',
  thresholds: {
    usualMtu: [MTU_USUAL, 'bytes', 'what Ethernet carries without any agreement'],
  },
  fault: 'mtu',
  consequenceOfIds: ['overlay.mtu-exceeded'],
  *diagnose(evidence) {
    const connections = byStack(evidence.sessions(tcpConnections));
    for (const carrier of carriersOf(evidence)) {
      const announced = announcedTo(carrier, connections.get(carrier.stack) ?? []);
      if (isNonEmpty(announced)) yield judge(evidence.quality, carrier, announced);
    }
  },
});

/** The SYN of one side: it limits what the other side sends. */
interface Announced {
  readonly receiver: TcpDirection;
  readonly sender: TcpDirection;
  /** Outer length of a full segment, in bytes. */
  readonly outerLength: number;
  readonly at: FrameRef;
}

/** Of the connections in the carrier's tunnel: announcements that bound the segments of the carrier's direction. */
function announcedTo(
  { stack, overhead, direction }: Carrier,
  connections: readonly TcpConnection[],
): Announced[] {
  if (stack <= 0 || overhead === 0) return [];
  return connections.flatMap((connection) => {
    if (connection.segment !== direction.first?.segment) return [];
    const at = { segment: connection.segment, frame: connection.firstFrame, timeNs: connection.firstNs };
    return [
      [connection.a, connection.b],
      [connection.b, connection.a],
    ].flatMap(([receiver, sender]) => {
      if (receiver.maximumSegmentSize === 0 || sender.payloadBytes === 0) return [];
      const headers = receiver.address.includes(':') ? HEADERS_V6 : HEADERS_V4;
      return { receiver, sender, outerLength: receiver.maximumSegmentSize + headers + overhead, at };
    });
  });
}

function judge(quality: CaptureQuality, carrier: Carrier, announced: NonEmpty<Announced>): Judgement {
  const { direction, reportedMtu } = carrier;
  const subject = carrierSubject(carrier);
  const { fragmented } = direction;
  const isTooLarge = ({ outerLength }: Announced): boolean =>
    (fragmented !== null && outerLength >= fragmented.smallestOuter) ||
    (reportedMtu > 0 && outerLength > reportedMtu);
  const tooLarge = announced.filter(isTooLarge);
  const largest = mostBy(announced, ({ outerLength }) => outerLength);
  if (!isNonEmpty(tooLarge)) {
    const passed = fragmented ? MTU_USUAL : Math.max(MTU_USUAL, direction.largestOuter);
    if (largest.outerLength <= passed || fragmented || reportedMtu > 0) return { result: 'healthy', subject };
    return insufficientData(
      subject,
      `${carrierWords(carrier)}: an MSS of ${largest.receiver.maximumSegmentSize} makes outer packets of ${largest.outerLength} bytes; whether the underlay carries them, no packet of that length shows; look at its MTU with ip -d link, or capture a bulk transfer.`,
    );
  }
  const worst = mostBy(tooLarge, ({ outerLength }) => outerLength);
  const first = earliestOf(mapped(tooLarge, ({ at }) => at));
  const last = latestOf(mapped(tooLarge, ({ at }) => at));
  const lossy = isLossy(carrier);
  const limit =
    reportedMtu > 0
      ? `a router reports an MTU of ${reportedMtu}`
      : `packets from ${fragmented?.smallestOuter ?? 0} bytes on are fragmented`;
  return {
    result: 'problem',
    subject,
    severity: lossy ? 'warning' : 'info',
    confidence: 'high',
    explanation:
      `${carrierWords(carrier)}: ${worst.receiver.address} announces an MSS of ${worst.receiver.maximumSegmentSize}, so full segments of ` +
      `${worst.sender.address} make outer packets of ${worst.outerLength} bytes, but ${limit}. ${tooLarge.length} connections are concerned.`,
    pair: [carrier.low, carrier.high],
    direction: { from: direction.from, to: direction.to },
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: lossy,
    counts: {
      connections: tooLarge.length,
      mss: worst.receiver.maximumSegmentSize,
      outerLength: worst.outerLength,
      overhead: carrier.overhead,
      reportedMtu,
      fragmented: fragmented?.packets ?? 0,
    },
    evidence: inOrder(
      tooLarge
        .slice(0, 5)
        .map(({ at, receiver }) =>
          cite(at, `opening of a connection, MSS ${receiver.maximumSegmentSize} from ${receiver.address}`),
        ),
    ),
    displayFilter: filterOf(quality, carrier),
  };
}
