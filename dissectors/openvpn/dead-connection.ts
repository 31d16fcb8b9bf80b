import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { type TcpService, tcpServices } from '../tcp/correlator.js';
import type { ServiceStuckSegment } from '../tcp/session.js';
import { isAbandoned } from '../tcp/shared/abandoned-segment.js';
import type { OpenvpnConversation, OpenvpnDirection } from './session.js';

/** A TCP connection that carries the tunnel, and a segment in it that one side repeated and nobody acknowledged. */
export interface DeadConnection {
  readonly live: OpenvpnDirection;
  readonly silent: OpenvpnDirection;
  readonly stuck: ServiceStuckSegment;
}

/** Null over UDP, and where the connection carries what it is given. */
export function deadConnectionOf(
  evidence: Evidence,
  conversation: OpenvpnConversation,
): DeadConnection | null {
  if (conversation.transport === 'udp') return null;
  const [low, high] = conversation.directions;
  for (const service of evidence.sessions(tcpServices)) {
    if (service.stack !== conversation.stack) continue;
    for (const [live, silent] of [
      [low, high],
      [high, low],
    ]) {
      const stuck = stuckFrom(service, live)?.find((one) => one.first.segment === conversation.segment);
      if (stuck) return { live, silent, stuck };
    }
  }
  return null;
}

/** Abandoned segments of the direction's sender in its connection; undefined where the service is another one's. */
function stuckFrom(
  { client, server, port, fromClient, fromServer }: TcpService,
  { from, to }: OpenvpnDirection,
): ServiceStuckSegment[] | undefined {
  const isClient = from.address === client && to.address === server && to.port === port;
  const isServer = from.address === server && to.address === client && from.port === port;
  if (!isClient && !isServer) return undefined;
  const { trouble } = isClient ? fromClient : fromServer;
  const clientPort = isClient ? from.port : to.port;
  return trouble?.stuck.filter((stuck) => stuck.clientPort === clientPort && isAbandoned(stuck));
}
