import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import { defineDiagnosis, type Problem } from '../../../src/diagnose/diagnosis.js';
import { relevanceOfPair, severityFor } from '../../../src/diagnose/severity-policy.js';
import type { Severity } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { PROTOCOL_TCP } from '../../../src/wire/ip.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { type TcpConnection, tcpConnections } from '../../tcp/correlator.js';
import { icmpErrors } from '../icmp-errors.js';
import { IGNORED_REPORTS_MIN, isIgnoredBySender } from '../mtu-reports.js';
import {
  citationsOf,
  type ErrorPair,
  errorFilter,
  errorPairs,
  type QuotingError,
  unusableErrors,
} from '../shared/error-pairs.js';

/** A sender that obeys sends smaller packets within this time. */
const OBEY_SECONDS = 2;
/** A flow that still goes on shows it within this time. */
const STALL_SECONDS = 3;

export default defineDiagnosis({
  id: 'mtu.frag-needed',
  title: 'Path reports a smaller MTU',
  severity: 'error',
  subject: 'pair',
  layer: 'fragments',
  priority: 1,
  rule:
    'ICMP "fragmentation needed" (3/4) or ICMPv6 "packet too big" quotes a packet of the pair. Information where the ' +
    'sender obeys (path MTU discovery at work); warning where the quoted flow sends nothing more; error where the ' +
    'reports go on for too large packets of the same flow and the pair are the ends of a tunnel.',
  notWhen: 'The quoted source is not the receiver of the error.',
  causes: [
    'A link on the path has a smaller MTU than the sender assumes (PPPoE, another tunnel, a cloud network)',
    'The overhead of the tunnel is not subtracted from the MTU of what goes into it',
    'The sender does not receive or does not heed the reports (see mtu.ptb-ignored)',
  ],
  nextSteps: [
    'Lower the MTU of the tunnel interface (and of the hosts behind it) to the reported one less the overhead of the tunnel',
    'Clamp the MSS of TCP: iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
    'Find the limit: ping -M do -s SIZE DESTINATION from the source, and ip route get DESTINATION for the cached MTU',
  ],
  refutedBy: 'Packets larger than the reported MTU are answered afterwards.',
  source: 'RFC 1191, RFC 8201, RFC 4443 section 3.2; openswan guide, path MTU issues',
  thresholds: {
    obeySeconds: [OBEY_SECONDS, 's', 'a round trip and the packets under way'],
    stallSeconds: [STALL_SECONDS, 's', 'TCP repeats a lost segment sooner than that'],
    ignoredReports: [IGNORED_REPORTS_MIN, 'errors', 'packets under way cause one or two more reports'],
  },
  fault: 'mtu',
  explicitSignal: true,
  *diagnose(evidence) {
    const { quality } = evidence;
    const reports = evidence.sessions(icmpErrors).filter(({ meaning }) => meaning === 'packet-too-big');
    const closed = closedConnections(evidence.sessions(tcpConnections));
    for (const pair of errorPairs(reports)) yield problemOf(quality, pair, closed);
    yield* unusableErrors(quality, reports);
  },
});

function problemOf(quality: CaptureQuality, pair: ErrorPair, closed: ReadonlySet<string>): Problem {
  const { source, destination, stack, errors, count, first, last, reporters } = pair;
  const mtu = smallestMtu(errors);
  const ignored = errors.filter(isIgnoredBySender);
  const stalled = errors.filter((error) => stalls(quality, error, closed));
  const largest = Math.max(...errors.map(({ largestQuotedLength }) => largestQuotedLength));
  const outcome =
    ignored.length > 0
      ? 'The sender goes on with packets that are too large.'
      : stalled.length > 0
        ? `Of the quoted flows ${stalled.length} sent nothing more after the report.`
        : 'Nothing shows that packets are lost for long: this is how path MTU discovery works.';
  return {
    result: 'problem',
    subject: pairSubject(quality, pair),
    severity: severityFor(relevanceOfPair(quality, source, destination, stack), severityOf(ignored, stalled)),
    confidence: 'high',
    explanation:
      `${reporters.slice(0, 3).join(', ')} reported ${count === 1 ? 'once' : `${count} times`} that packets from ${source} ` +
      `to ${destination}${insideWords(quality, stack)}, of up to ${largest} bytes, do not fit ` +
      `${mtu > 0 ? `an MTU of ${mtu} bytes` : 'a link whose MTU it does not name'}. ${outcome}`,
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'path',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: ignored.length > 0 || stalled.length > 0,
    counts: {
      reports: count,
      flows: errors.length,
      mtu,
      largestBytes: largest,
      ignoredReports: errors.reduce((sum, { ignoredCount }) => sum + ignoredCount, 0),
    },
    evidence: citationsOf(pair),
    displayFilter: errorFilter(pair),
  };
}

function severityOf(ignored: readonly QuotingError[], stalled: readonly QuotingError[]): Severity {
  if (ignored.length > 0) return 'error';
  return stalled.length > 0 ? 'warning' : 'info';
}

function smallestMtu(errors: readonly QuotingError[]): number {
  const known = errors.map((error) => error.smallestMtu).filter((mtu) => mtu > 0);
  return known.length > 0 ? Math.min(...known) : 0;
}

/**
 * The quoted flow (UDP or TCP) ends with the report although the capture goes on. Not where TCP got its data through in
 * smaller pieces: the other side acknowledged what was sent last, or both closed the connection. What a peer sends over UDP
 * acknowledges nothing. Of ICMP, every packet is a flow.
 */
function stalls(
  quality: CaptureQuality,
  { first, quoted, stack }: QuotingError,
  closed: ReadonlySet<string>,
): boolean {
  if (quoted.sourcePort === 0 || secondsToPause(quality, first) < STALL_SECONDS) return false;
  const { source, destination, protocol, sourcePort, destinationPort } = quoted;
  const flow = quality.traffic
    .between(source, destination, stack)
    ?.conversations.find(
      (one) => one.protocol === protocol && one.portOfA === sourcePort && one.portOfB === destinationPort,
    );
  const sent = flow?.fromA.last;
  if (sent?.segment !== first.segment || sent.timeNs - first.timeNs >= NS_PER_SECOND) return false;
  if (protocol !== PROTOCOL_TCP) return true;
  const answered = flow?.fromB.last;
  const isAcknowledged =
    answered?.segment === sent.segment &&
    answered.frame > sent.frame &&
    answered.timeNs - sent.timeNs < NS_PER_SECOND;
  return !isAcknowledged && !closed.has(endsKey(stack, source, sourcePort, destination, destinationPort));
}

/** Those that both ends closed, in either order of the ends: nothing was left to send. */
function closedConnections(connections: readonly TcpConnection[]): Set<string> {
  const closed = new Set<string>();
  for (const { a, b, stack } of connections) {
    if (!a.sentFin || !b.sentFin) continue;
    closed.add(endsKey(stack, a.address, a.port, b.address, b.port));
    closed.add(endsKey(stack, b.address, b.port, a.address, a.port));
  }
  return closed;
}

function endsKey(stack: number, from: string, fromPort: number, to: string, toPort: number): string {
  return `${stack} ${from} ${fromPort} ${to} ${toPort}`;
}
