import { groupBy } from '../../src/correlate/group-by.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import { bgpConnections, bgpConversations } from './correlator.js';
import { PORT_BGP } from './layout.js';
import { codeText } from './names.js';
import type {
  BgpConnection,
  BgpConversation,
  BgpNotification,
  BgpSpeaker,
  ConnectionKey,
  TransportSide,
} from './session.js';

/** A connection, or an attempt at one, with what was said over it. */
export interface PeerConnection {
  readonly client: TransportSide;
  readonly server: TransportSide;
  readonly transport: BgpConnection;
  /** Null where no message is in the capture. */
  readonly conversation: BgpConversation | null;
  /** When both sides had confirmed; null: never in the capture. */
  readonly established: FrameRef | null;
  /** True where the OPENs are not in the capture, so that it was established before. */
  readonly isFromMiddle: boolean;
  readonly end: ConnectionEnd | null;
}

/** How a connection ended: whatever came first. */
export interface ConnectionEnd extends FrameRef {
  readonly by: string;
  readonly words: string;
  readonly notification: BgpNotification | null;
}

/** Two BGP speakers and all that they tried with each other, in order of time. */
export interface Peering {
  readonly a: string;
  readonly b: string;
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly connections: readonly PeerConnection[];
}

/** The diagnoses of one run ask for the same peerings. */
const peeringsOfRun = new WeakMap<readonly BgpConnection[], readonly Peering[]>();

/** Every pair of hosts with a connection to port 179, in order of first frame. */
export function bgpPeerings(evidence: Evidence): readonly Peering[] {
  const transports = evidence.sessions(bgpConnections);
  const known = peeringsOfRun.get(transports);
  if (known) return known;
  const conversations = groupBy(evidence.sessions(bgpConversations), keyText);
  const byPair = new Map<string, Peering & { readonly connections: PeerConnection[] }>();
  for (const transport of transports) {
    const { low, high, stack, segment } = transport;
    const key = `${segment} ${stack} ${low} ${high}`;
    let peering = byPair.get(key);
    if (!peering) {
      peering = { a: low, b: high, stack, segment, connections: [] };
      byPair.set(key, peering);
    }
    peering.connections.push(connectionOf(transport, conversations));
  }
  const peerings = [...byPair.values()];
  peeringsOfRun.set(transports, peerings);
  return peerings;
}

function keyText({ segment, stack, low, lowPort, high, highPort }: ConnectionKey): string {
  return `${segment} ${stack} ${low} ${lowPort} ${high} ${highPort}`;
}

function connectionOf(
  transport: BgpConnection,
  conversations: ReadonlyMap<string, readonly BgpConversation[]>,
): PeerConnection {
  const conversation =
    conversations
      .get(keyText(transport))
      ?.find(({ first }) => first.frame >= transport.first.frame && first.frame <= transport.last.frame) ??
    null;
  const [low, high] = transport.sides;
  const isLowClient =
    low.syn !== null ||
    high.synAck !== null ||
    (high.syn === null && low.synAck === null && high.port === PORT_BGP);
  return {
    client: isLowClient ? low : high,
    server: isLowClient ? high : low,
    transport,
    conversation,
    established: conversation ? establishedAt(conversation) : null,
    isFromMiddle: low.syn === null && high.syn === null && low.synAck === null && high.synAck === null,
    end: endOf(transport, conversation),
  };
}

/** Both sides sent KEEPALIVE or UPDATE; of a one-sided capture, one side twice (RFC 4271, section 8.2.2). */
function establishedAt({ speakers }: BgpConversation): FrameRef | null {
  const [low, high] = speakers;
  if (low.confirmed && high.confirmed) {
    return low.confirmed.frame > high.confirmed.frame ? low.confirmed : high.confirmed;
  }
  const only = low.messages === 0 ? high : high.messages === 0 ? low : null;
  return only && only.keepalives + only.updates >= 2 ? only.confirmed : null;
}

function endOf(transport: BgpConnection, conversation: BgpConversation | null): ConnectionEnd | null {
  const ends: ConnectionEnd[] = transport.sides.flatMap(({ address, rst, fin }) => [
    ...(rst ? [{ ...rst, by: address, words: 'RST', notification: null }] : []),
    ...(fin ? [{ ...fin, by: address, words: 'FIN', notification: null }] : []),
  ]);
  for (const { address, notifications } of conversation?.speakers ?? []) {
    for (const notification of notifications.slice(0, 1)) {
      const { frame, timeNs, segment, code, subcode } = notification;
      const words = `NOTIFICATION ${codeText(code, subcode)}`;
      ends.push({ frame, timeNs, segment, by: address, words, notification });
    }
  }
  return ends.sort((a, b) => a.frame - b.frame)[0] ?? null;
}

/** Hold time in force in seconds: the smaller one of both OPENs (RFC 4271, section 4.2); null: no OPEN in the capture. */
export function holdSeconds({ conversation }: PeerConnection): number | null {
  const times = (conversation?.speakers ?? []).flatMap(({ open }) => (open ? [open.holdTime] : []));
  return times.length === 0 ? null : Math.min(...times);
}

/** Usual time between KEEPALIVEs of a side in nanoseconds; NaN from fewer than 3 of them. */
export function keepaliveNs({ keepaliveIntervalsNs }: BgpSpeaker): number {
  const count = keepaliveIntervalsNs.length;
  return count < 3 ? Number.NaN : keepaliveIntervalsNs[count >> 1];
}

export function speakerOf({ conversation }: PeerConnection, address: string): BgpSpeaker | null {
  return conversation?.speakers.find((one) => one.address === address) ?? null;
}

/** Every NOTIFICATION of a peering with its sender, in order. */
export function notificationsOf({ connections }: Peering): {
  readonly from: BgpSpeaker;
  readonly connection: PeerConnection;
  readonly notification: BgpNotification;
}[] {
  return connections
    .flatMap((connection) =>
      (connection.conversation?.speakers ?? []).flatMap((from) =>
        from.notifications.map((notification) => ({ from, connection, notification })),
      ),
    )
    .sort((a, b) => a.notification.frame - b.notification.frame);
}
