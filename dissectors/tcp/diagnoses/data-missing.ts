import { dropLimit } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import { defineDiagnosis, type Evidence, type Problem } from '../../../src/diagnose/diagnosis.js';
import { severityOfFlow } from '../../../src/diagnose/severity-policy.js';
import { earliestOf, isNonEmpty, latestOf, type NonEmpty } from '../../../src/moment.js';
import { durationText } from '../../../src/wording/durations.js';
import { type Direction, insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { tcpConnections, tcpServices } from '../correlator.js';
import type { ServiceMissingData, TcpService } from '../session.js';
import { segmentFilter } from '../shared/server-endpoint.js';
import {
  isMissingForLong,
  isMissingForSize,
  MISSING_SECONDS_MIN,
  MISSING_WAITS_MIN,
} from '../shared/size-limits.js';

const CONNECTIONS_MIN = 3;
/** What a stalled transfer brings with it. */
const OF_STALLED = ['tcp.', 'app.', 'latency.', 'bgp.'];

export default defineDiagnosis({
  id: 'tcp.data-missing',
  title: 'Part of the data never arrives',
  severity: 'warning',
  subject: 'pair',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  rule:
    `In at least ${CONNECTIONS_MIN} connections of a service data is left out, its receiver goes on asking for it for ${MISSING_SECONDS_MIN} s ` +
    `(${MISSING_WAITS_MIN} acknowledgments up to it and no further), and it has not come when the connection or the capture ends; or the numbers of the ` +
    `sender go on behind data of which nothing comes in the next ${MISSING_SECONDS_MIN} s either, and no acknowledgment of the pair shows that the capture lost anything. Warning inside a tunnel, or where the hosts ` +
    'talk little else, and nothing else is wrong; information otherwise.',
  notWhen:
    'Only what is larger than anything that passes is missing (then mtu.blackhole). The receiver acknowledges it after all: then the capture lost it, not the network.',
  causes: [
    'Packets of a certain size, content or queue are dropped on the way, and so is every repetition: a link or tunnel with a smaller MTU behind a host that puts segments together (GRO), an inspecting firewall, a faulty link of a bundle',
    'The sender gives up repeating, or its repetitions take another way',
  ],
  nextSteps: [
    'Capture at the sender at the same time and compare both (capan compare A B): does it send the data again, and how large are the packets?',
    'Repeat with offloading off, so that the capture shows the packets of the wire: ethtool -K DEV gro off tso off gso off',
    'ping -M do -s SIZE PEER with rising SIZE; interface counters on the way: ip -s -s link, nstat -az | grep -iE "drop|csum"',
  ],
  refutedBy: 'The data in a capture nearer to the receiver.',
  source:
    'RFC 9293, section 3.10.7.4 (an acknowledgment names the first byte that is missing); RFC 5681, section 3.2',
  thresholds: {
    connections: [CONNECTIONS_MIN, 'connections', 'one or two may have been given up for another reason'],
    seconds: [MISSING_SECONDS_MIN, 's', 'TCP repeats a lost segment four times meanwhile'],
    waits: [MISSING_WAITS_MIN, 'acknowledgments', 'the receiver says so again and again'],
  },
  fault: 'delay',
  consequenceOf: [
    'path-loss',
    'addressing',
    'unreachable',
    'mtu',
    'fragments',
    'large-packets-lost',
    'tunnel-one-way',
    'tunnel-loss',
  ],
  *diagnose(evidence) {
    for (const service of evidence.sessions(tcpServices)) {
      const { client, server, stack, fromClient, fromServer } = service;
      const there = { source: client, destination: server, stack };
      const back = { source: server, destination: client, stack };
      for (const [direction, side, maximumSegment] of [
        [there, fromClient, fromServer.mssMax],
        [back, fromServer, fromClient.mssMax],
      ] as const) {
        const missing = side.trouble?.missing.filter((one) =>
          one.waits === 0
            ? side.dataSegments > 0 && isNeverClaimed(evidence, direction, one)
            : isMissingForLong(one) && !isMissingForSize(one, maximumSegment),
        );
        if (missing && missing.length >= CONNECTIONS_MIN && isNonEmpty(missing))
          yield problemOf(evidence, service, direction, missing);
      }
    }
  },
});

/**
 * The sender's own number stands behind the data, and the receiver never acknowledges any of it: where the capture
 * had lost it, the receiver would have.
 */
function isNeverClaimed(
  evidence: Evidence,
  { source, destination, stack }: Direction,
  one: ServiceMissingData,
): boolean {
  const { quality } = evidence;
  if (secondsToPause(quality, one.first) < MISSING_SECONDS_MIN || dropLimit(quality)) return false;
  return evidence
    .sessions(tcpConnections)
    .every(
      ({ a, b, stack: at }) =>
        a.uncapturedAcks + b.uncapturedAcks === 0 ||
        at !== stack ||
        ![a.address, b.address].every((address) => address === source || address === destination),
    );
}

function problemOf(
  evidence: Evidence,
  service: TcpService,
  direction: Direction,
  missing: NonEmpty<ServiceMissingData>,
): Problem {
  const { quality } = evidence;
  const { source, destination, stack } = direction;
  const [worst, ...others] = missing;
  const first = earliestOf([worst.first, ...others.map((one) => one.first)]);
  const last = latestOf([worst.last, ...others.map((one) => one.last)]);
  const endpoint = { ...service, services: [service] };
  return {
    result: 'problem',
    subject: pairSubject(quality, direction),
    severity: severityOfFlow(evidence, { host: service.server, stack }, OF_STALLED),
    confidence: 'medium',
    explanation:
      `In ${missing.length} connections data that ${source} sent to ${destination}${insideWords(quality, stack)} never comes: in the first ` +
      `${worst.bytes} bytes, ${wordsOf(worst, direction)}. What was sent before and behind them arrives, so they are lost before this point, and so is whatever repeats them.`,
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'unknown',
    first,
    last,
    ongoingAtEnd: true,
    counts: {
      connections: missing.length,
      missingBytes: missing.reduce((sum, { bytes }) => sum + bytes, 0),
      waits: missing.reduce((sum, { waits }) => sum + waits, 0),
    },
    evidence: missing
      .slice(0, 4)
      .flatMap((one) =>
        one.waits === 0
          ? [
              {
                ...one.first,
                summary: `the number of ${source} stands ${one.bytes} bytes behind what came of it`,
              },
            ]
          : [
              { ...one.first, summary: `${destination} asks for ${one.bytes} bytes that were left out` },
              { ...one.last, summary: `it still does, for the ${one.waits}th time` },
            ],
      )
      .sort((a, b) => a.frame - b.frame),
    displayFilter: segmentFilter(quality, endpoint, service.client, 'tcp'),
  };
}

function wordsOf({ waits, first, last }: ServiceMissingData, { source, destination }: Direction): string {
  return waits === 0
    ? `behind which a later segment of ${source} stands, and of which ${destination} never acknowledges any`
    : `for which ${destination} goes on asking for ${durationText(last.timeNs - first.timeNs)} (${waits} acknowledgments up to them and no further)`;
}
