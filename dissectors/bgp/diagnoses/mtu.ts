import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { cite } from '../../../src/wording/citations.js';
import { durationText } from '../../../src/wording/durations.js';
import { tcpServices } from '../../tcp/correlator.js';
import type { ServiceMissingData, ServiceStuckSegment, TcpService } from '../../tcp/session.js';
import { isMissingForSize } from '../../tcp/shared/size-limits.js';
import { PORT_BGP } from '../layout.js';
import { citationsInOrder, establishedAfter, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, type PeerConnection, type Peering } from '../peerings.js';
import type { TransportSide } from '../session.js';

const REPEATS_MIN = 3;
const LARGE_BYTES_MIN = 500;

export default defineDiagnosis({
  id: 'bgp.mtu',
  title: 'BGP updates too large for the path',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 3,
  rule:
    'In an established session a segment of at least 500 bytes, larger than any that was acknowledged before, is repeated at least 3 times without ' +
    'progress, while the other side is still heard; or at least 500 bytes never appear, the other side goes on asking for them for 3 s, and only smaller ' +
    'segments pass. Everything behind it waits, KEEPALIVEs too, until the hold timer expires.',
  notWhen:
    'The receiver’s window is closed. The segment is acknowledged in the end. Segments of its size passed before.',
  causes: [
    'The path carries less than the maximum segment size that both sides agreed on, and ICMP packet too big does not come through',
    'A tunnel on the path takes bytes for its headers',
    'Jumbo frames are configured on one side only',
  ],
  nextSteps: [
    'ping -M do -s 1472 NEIGHBOR, then smaller, until it is answered: that is the path MTU less 28',
    'Let ICMP type 3 code 4 (ICMPv6 type 2) pass on the way',
    'Clamp the maximum segment size: ip tcp adjust-mss, neighbor ADDRESS tcp-mss, or path MTU discovery on the session',
  ],
  refutedBy: 'A larger segment of the same direction that was acknowledged.',
  source: 'RFC 4271, section 6.5; RFC 2923; RFC 4821',
  thresholds: {
    repeats: [REPEATS_MIN, 'repetitions', 'TCP makes up for single losses'],
    bytes: [LARGE_BYTES_MIN, 'bytes', 'every path carries 576 bytes'],
  },
  fault: 'large-packets-lost',
  consequenceOf: ['path-loss', 'mtu', 'large-packets-lost'],
  technology: 'bgp',
  diagnose: (evidence) => judgeEach(bgpPeerings(evidence), (peering) => judge(evidence, peering)),
});

interface StuckUpdate {
  readonly segment: ServiceStuckSegment;
  readonly connection: PeerConnection;
  readonly sender: TransportSide;
  readonly receiver: TransportSide;
}

function judge(evidence: Evidence, peering: Peering): Judgement | null {
  if (peering.connections.every(({ established }) => established === null)) return null;
  const stuck = stuckUpdates(evidence, peering).sort((a, b) => a.segment.first.frame - b.segment.first.frame);
  if (stuck.length > 0) return problemOf(evidence, peering, stuck);
  const missing = missingUpdates(evidence, peering).sort((a, b) => a.data.first.frame - b.data.first.frame);
  if (missing.length > 0) return problemOfMissing(evidence, peering, missing);
  return { result: 'healthy', subject: peeringSubject(evidence.quality, peering) };
}

function stuckUpdates(evidence: Evidence, peering: Peering): StuckUpdate[] {
  return servicesOf(evidence, peering).flatMap(({ client, fromClient, fromServer }) => [
    ...(fromClient.trouble?.stuck ?? []).flatMap(
      (segment) => stuckUpdate(peering, client, segment, true) ?? [],
    ),
    ...(fromServer.trouble?.stuck ?? []).flatMap(
      (segment) => stuckUpdate(peering, client, segment, false) ?? [],
    ),
  ]);
}

function servicesOf(evidence: Evidence, peering: Peering): TcpService[] {
  return evidence
    .sessions(tcpServices)
    .filter(
      ({ client, server, port, stack }) =>
        port === PORT_BGP &&
        stack === peering.stack &&
        [client, server].every((one) => one === peering.a || one === peering.b),
    );
}

/** The session in which it happened; null: none was established then. */
function connectionAt(
  { connections }: Peering,
  client: string,
  { clientPort, first }: Pick<ServiceStuckSegment, 'clientPort' | 'first'>,
): PeerConnection | null {
  const connection = connections.find(
    (one) =>
      one.client.address === client &&
      one.client.port === clientPort &&
      one.transport.first.frame <= first.frame &&
      one.transport.last.frame >= first.frame,
  );
  return connection?.established && connection.established.frame <= first.frame ? connection : null;
}

function stuckUpdate(
  peering: Peering,
  client: string,
  segment: ServiceStuckSegment,
  isFromClient: boolean,
): StuckUpdate | null {
  const { length, largestEver, repeats, isRecovered, first } = segment;
  if (isRecovered || repeats < REPEATS_MIN || length < LARGE_BYTES_MIN || length <= largestEver) return null;
  const connection = connectionAt(peering, client, segment);
  if (!connection) return null;
  const [sender, receiver] = isFromClient
    ? [connection.client, connection.server]
    : [connection.server, connection.client];
  const isHeard = receiver.lastSegment !== null && receiver.lastSegment.frame > first.frame;
  return isHeard ? { segment, connection, sender, receiver } : null;
}

interface MissingUpdate {
  readonly data: ServiceMissingData;
  readonly connection: PeerConnection;
  readonly sender: TransportSide;
  readonly receiver: TransportSide;
}

function missingUpdates(evidence: Evidence, peering: Peering): MissingUpdate[] {
  return servicesOf(evidence, peering).flatMap(({ client, fromClient, fromServer }) => {
    const found = (isFromClient: boolean): MissingUpdate[] => {
      const [from, to] = isFromClient ? [fromClient, fromServer] : [fromServer, fromClient];
      return (from.trouble?.missing ?? []).flatMap((data) => {
        if (!isMissingForSize(data, to.mssMax)) return [];
        const connection = connectionAt(peering, client, data);
        if (!connection) return [];
        const [sender, receiver] = isFromClient
          ? [connection.client, connection.server]
          : [connection.server, connection.client];
        const isHeard = sender.lastSegment !== null && sender.lastSegment.frame > data.first.frame;
        return isHeard ? [{ data, connection, sender, receiver }] : [];
      });
    };
    return [...found(true), ...found(false)];
  });
}

function problemOfMissing(
  { quality }: Evidence,
  peering: Peering,
  missing: readonly MissingUpdate[],
): Problem {
  const [{ data, sender, receiver, connection }] = missing;
  const last = missing[missing.length - 1].data;
  const recovered = establishedAfter(peering, last.last);
  const { end } = connection;
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    confidence: 'medium',
    explanation:
      `${data.bytes} bytes of ${sender.address} never appear in the capture: ${receiver.address} goes on asking for them for ` +
      `${durationText(data.last.timeNs - data.first.timeNs)}, while segments of up to ${data.largestSeen} bytes pass and ${sender.address} is ` +
      `heard. The large ones are lost before this point: on the way, or ${sender.address} itself refuses to send them.` +
      (end ? ` The session then ended by ${end.words} of ${end.by}.` : ''),
    direction: { from: sender.address, to: receiver.address },
    where: 'unknown',
    first: momentOf(data.first),
    last: momentOf(recovered?.established ?? last.last),
    ongoingAtEnd: recovered === null,
    counts: {
      segments: missing.length,
      repeats: missing.reduce((sum, one) => sum + one.data.waits, 0),
      bytes: data.bytes,
      largestAcknowledged: data.largestSeen,
    },
    evidence: citationsInOrder([
      ...missing
        .slice(0, 4)
        .flatMap((one) => [
          cite(one.data.first, `${one.receiver.address} asks for ${one.data.bytes} missing bytes`),
          cite(one.data.last, `it still does, for the ${one.data.waits}th time`),
        ]),
      ...(end ? [cite(end, `${end.words} of ${end.by}`)] : []),
    ]),
  };
}

function problemOf({ quality }: Evidence, peering: Peering, stuck: readonly StuckUpdate[]): Problem {
  const [{ segment, sender, receiver, connection }] = stuck;
  const last = stuck[stuck.length - 1].segment;
  const recovered = establishedAfter(peering, last.last);
  const end = connection.end;
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    confidence: 'medium',
    explanation:
      `${sender.address} repeated a segment of ${segment.length} bytes ${segment.repeats} times within ` +
      `${durationText(segment.last.timeNs - segment.first.timeNs)} without progress; nothing larger than ${segment.largestEver} bytes ` +
      `was acknowledged before, and ${receiver.address} is heard meanwhile.` +
      (end ? ` The session then ended by ${end.words} of ${end.by}.` : ''),
    direction: { from: sender.address, to: receiver.address },
    where: 'path',
    first: momentOf(segment.first),
    last: momentOf(recovered?.established ?? last.last),
    ongoingAtEnd: recovered === null,
    counts: {
      segments: stuck.length,
      repeats: stuck.reduce((sum, one) => sum + one.segment.repeats, 0),
      bytes: segment.length,
      largestAcknowledged: segment.largestEver,
    },
    evidence: citationsInOrder([
      ...stuck
        .slice(0, 4)
        .flatMap((one) => [
          cite(one.segment.first, `first repetition of ${one.segment.length} bytes of ${one.sender.address}`),
          cite(one.segment.last, `repetition ${one.segment.repeats} of it`),
        ]),
      ...(end ? [cite(end, `${end.words} of ${end.by}`)] : []),
    ]),
  };
}
