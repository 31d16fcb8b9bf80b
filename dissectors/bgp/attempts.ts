import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { type Limit, oneSidedLimit } from '../../src/correlate/gates.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import { seconds } from '../../src/units.js';
import { icmpErrors } from '../icmp/correlator.js';
import { scannersAmong } from '../tcp/shared/failed-attempts.js';
import { serverEndpoints } from '../tcp/shared/server-endpoint.js';
import type { PeerConnection, Peering } from './peerings.js';

const PROTOCOL_TCP = 6;
/** Both sides open a connection when they start, and one of the two is given up (RFC 4271, section 6.8). */
const COLLISION_SECONDS = 10;

/** Attempts at a connection that came to nothing for the same reason, of one peering. */
export interface FailedAttempts {
  readonly connections: readonly PeerConnection[];
  readonly clients: readonly string[];
  readonly first: FrameRef;
  /** Last frame of the last attempt. */
  readonly last: FrameRef;
  readonly syns: number;
}

/** A SYN that nobody answers, in whatever way. */
export function isUnanswered({ client, server }: PeerConnection): boolean {
  const { syn, lastSegment } = client;
  // A client that goes on after its SYN was answered, wherever the answer went.
  return syn !== null && server.lastSegment === null && lastSegment?.frame === syn.last.frame;
}

/**
 * The SYN-ACK came when the client had asked again in vain and given up: it answers with RST (RFC 9293, section 3.5.2).
 * That is no life of a session.
 */
export function isAnsweredTooLate({ client, server }: PeerConnection): boolean {
  const { syn, rst } = client;
  const { synAck } = server;
  if (syn === null || syn.count < 2 || synAck === null || rst === null) return false;
  if (client.dataSegments + server.dataSegments > 0 || server.rst !== null || server.fin !== null)
    return false;
  return synAck.frame > syn.last.frame && rst.frame > synAck.frame;
}

/** RST instead of SYN-ACK; or accepted, and closed by the server before it sent a message. */
export function isRefused({ client, server }: PeerConnection): boolean {
  const closed = earlier(server.rst, server.fin);
  if (client.syn === null || closed === null || server.dataSegments > 0) return false;
  const given = earlier(client.rst, client.fin);
  return given === null || given.frame > closed.frame;
}

/** Attempts of one kind, without those beside a session that stands, or that another connection was preferred to. */
export function failedAttempts(
  peering: Peering,
  accepts: (connection: PeerConnection) => boolean,
): FailedAttempts | null {
  const connections = peering.connections.filter((one) => accepts(one) && !isBesideSession(peering, one));
  const [opening] = connections;
  if (!opening) return null;
  const { first } = opening.transport;
  return {
    connections,
    clients: [...new Set(connections.map(({ client }) => client.address))],
    first,
    last: connections.reduce(
      (last, { transport }) => (transport.last.frame > last.frame ? transport.last : last),
      first,
    ),
    syns: connections.reduce((sum, { client }) => sum + (client.syn?.count ?? 0), 0),
  };
}

function isBesideSession({ connections }: Peering, { transport }: PeerConnection): boolean {
  return connections.some(({ established, isFromMiddle, end, transport: other }) => {
    if (established === null || other === transport) return false;
    const from = isFromMiddle ? other.first : established;
    const isOver = end !== null && end.frame < transport.first.frame;
    return !isOver && from.timeNs - transport.first.timeNs <= seconds(COLLISION_SECONDS);
  });
}

/** Hosts that try many endpoints in a short time: theirs are no BGP sessions. */
export function scanningHosts(evidence: Evidence): ReadonlySet<string> {
  const endpoints = serverEndpoints(evidence);
  const silent = scannersAmong(endpoints, ({ unanswered }) => unanswered.first);
  const refused = scannersAmong(endpoints, (service) => service.refused.first);
  return new Set([...silent.keys(), ...refused.keys()]);
}

/** Whether an ICMP error answered one of the attempts: that is reported by its own id. */
export function isRejectedByIcmp(evidence: Evidence, { connections }: FailedAttempts): boolean {
  return evidence
    .sessions(icmpErrors)
    .some(
      ({ quoted, stack }) =>
        quoted !== null &&
        quoted.protocol === PROTOCOL_TCP &&
        connections.some(
          ({ client, server, transport }) =>
            transport.stack === stack &&
            client.address === quoted.source &&
            server.address === quoted.destination &&
            client.port === quoted.sourcePort &&
            server.port === quoted.destinationPort,
        ),
    );
}

/** Why answers may be missing through the capture's fault. */
export function hiddenAnswers(quality: CaptureQuality, { a, b, stack }: Peering): Limit | null {
  return oneSidedLimit(quality, a, b, stack);
}

function earlier(a: FrameRef | null, b: FrameRef | null): FrameRef | null {
  if (a === null || b === null) return a ?? b;
  return a.frame <= b.frame ? a : b;
}
