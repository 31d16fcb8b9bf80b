import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { groupBy } from '../../src/correlate/group-by.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import type { Subject } from '../../src/report/report.js';
import { type Nanoseconds, NS_PER_SECOND } from '../../src/units.js';
import { addressFamily, pairFilter } from '../../src/wording/display-filters.js';
import { secondsText } from '../../src/wording/durations.js';
import { socketText } from '../../src/wording/endpoints.js';
import { subjectInside } from '../../src/wording/subjects.js';
import { openvpnConversations } from './correlator.js';
import type { Handshake, OpenvpnConversation, OpenvpnDirection, Way } from './session.js';

/** Conversations of one client address with one server socket, in order of first frame. */
export interface OpenvpnPeers {
  readonly client: string;
  readonly server: string;
  readonly serverPort: number;
  /** False where neither a hard reset nor a port tells the roles. */
  readonly rolesKnown: boolean;
  readonly stack: number;
  readonly conversations: readonly OpenvpnConversation[];
  readonly subject: Subject;
}

/** A handshake from a hard reset on, with the conversation that holds it. */
export interface Attempt {
  readonly conversation: OpenvpnConversation;
  readonly handshake: Handshake;
  readonly clientWay: Way;
}

const peersOfRun = new WeakMap<Evidence, readonly OpenvpnPeers[]>();

/** Conversations by client address and server socket; the diagnoses of one run ask for the same ones. */
export function openvpnPeers(evidence: Evidence): readonly OpenvpnPeers[] {
  const known = peersOfRun.get(evidence);
  if (known) return known;
  const groups = groupBy(evidence.sessions(openvpnConversations), (conversation) => {
    const { from, to } = fromClient(conversation);
    return `${conversation.stack} ${from.address} ${to.address} ${to.port}`;
  });
  const peers = [...groups.values()].map((conversations) => peersOf(conversations, evidence.quality));
  peersOfRun.set(evidence, peers);
  return peers;
}

function peersOf(conversations: readonly OpenvpnConversation[], quality: CaptureQuality): OpenvpnPeers {
  const [first] = conversations;
  const { from, to } = fromClient(first);
  return {
    client: from.address,
    server: to.address,
    serverPort: to.port,
    rolesKnown: conversations.some(({ clientWay }) => clientWay !== null),
    stack: first.stack,
    conversations,
    subject: subjectOf('session', first, quality, [from.address, to.address]),
  };
}

/** The tunnel or session of a conversation, as a subject. */
export function subjectOf(
  kind: 'session' | 'tunnel',
  { stack }: OpenvpnConversation,
  quality: CaptureQuality,
  endpoints: readonly [string, string],
): Subject {
  return subjectInside(quality, stack, { kind, protocol: 'openvpn', endpoints });
}

/** Subject of one direction: with both sockets, since several clients may share an address. */
export function directionSubject(
  conversation: OpenvpnConversation,
  { from, to }: OpenvpnDirection,
  quality: CaptureQuality,
): Subject {
  const client = fromClient(conversation);
  return {
    ...subjectOf('tunnel', conversation, quality, [client.from.address, client.to.address]),
    from: socketText(from),
    to: socketText(to),
  };
}

export function fromClient({ directions, clientWay }: OpenvpnConversation): OpenvpnDirection {
  return directions[clientWay ?? 0];
}

export function fromServer({ directions, clientWay }: OpenvpnConversation): OpenvpnDirection {
  return directions[clientWay === null ? 1 : 1 - clientWay];
}

/** Hard resets of the client, in order. */
export function attemptsOf({ conversations }: OpenvpnPeers): Attempt[] {
  return conversations
    .flatMap((conversation) =>
      conversation.handshakes.map((handshake) => ({
        conversation,
        handshake,
        clientWay: conversation.clientWay ?? (0 as Way),
      })),
    )
    .filter(({ handshake }) => handshake.kind === 'hard')
    .sort((a, b) => a.handshake.first.frame - b.handshake.first.frame);
}

/** Whether anything of the server came in that handshake. */
export function isAnswered({ handshake, clientWay }: Attempt): boolean {
  const serverWay = 1 - clientWay;
  return (
    handshake.serverResets !== null ||
    handshake.lastControl[serverWay] !== null ||
    handshake.firstData[serverWay] !== null
  );
}

/** First data packet of the server in a conversation of the pair after that frame: the tunnel worked then. */
export function dataAfter({ conversations }: OpenvpnPeers, frame: number): FrameRef | null {
  let first: FrameRef | null = null;
  for (const conversation of conversations) {
    for (const { firstData } of conversation.handshakes) {
      if (!firstData[0] || !firstData[1]) continue;
      const later = firstData[0].frame > firstData[1].frame ? firstData[0] : firstData[1];
      if (later.frame > frame && (!first || later.frame < first.frame)) first = later;
    }
  }
  return first;
}

/** The conversation that goes on with the same keys from another socket of the client, or null. */
export function successorOf(
  conversation: OpenvpnConversation,
  all: readonly OpenvpnConversation[],
): OpenvpnConversation | null {
  return all.find((other) => continues(conversation, other)) ?? null;
}

/** Numbers that the client may have used while neither socket was seen. */
const MOVED_STEP_MAX = 1000;

function continues(old: OpenvpnConversation, later: OpenvpnConversation): boolean {
  if (later === old || later.stack !== old.stack || later.segment !== old.segment) return false;
  if (later.transport !== 'udp' || later.first.frame <= old.first.frame) return false;
  if (later.handshakes.some(({ kind }) => kind === 'hard')) return false;
  for (const way of [0, 1]) {
    for (const laterWay of [0, 1]) {
      const before = old.directions[way];
      const after = later.directions[laterWay];
      const isSameServer =
        before.to.address === after.to.address &&
        before.to.port === after.to.port &&
        !(before.from.address === after.from.address && before.from.port === after.from.port);
      if (!isSameServer || !before.lastPacketId || !after.firstPacketId) continue;
      const step = after.firstPacketId.packetId - before.lastPacketId.packetId;
      const isSamePeer = after.peerIds.some((peerId) => before.peerIds.includes(peerId));
      const isSameKey = after.firstPacketId.keyId === before.lastPacketId.keyId;
      if (isSameKey && isSamePeer && step > 0 && step <= MOVED_STEP_MAX) return true;
    }
  }
  return false;
}

export function periodText(periodNs: Nanoseconds): string {
  return secondsText(periodNs / NS_PER_SECOND);
}

/** Packets of the conversations, by addresses and ports; fragments that carry no ports too, where asked for. */
export function conversationFilter(
  conversations: readonly OpenvpnConversation[],
  withFragments = false,
): string {
  const filters = new Set(conversations.map((conversation) => filterOf(conversation, withFragments)));
  return [...filters].join(' || ');
}

function filterOf(conversation: OpenvpnConversation, withFragments: boolean): string {
  const { from, to } = fromClient(conversation);
  const pair = pairFilter(from.address, to.address);
  const port = `${conversation.transport}.port == ${to.port}`;
  if (!withFragments) return `(${pair} && ${port})`;
  const fragment =
    addressFamily(from.address) === 'ip' ? 'ip.flags.mf == 1 || ip.frag_offset > 0' : 'ipv6.fraghdr';
  return `(${pair} && (${port} || ${fragment}))`;
}

/** Where the frames of a direction were captured, by their direction marks or the operator's word. */
export function isCapturedAtSender(
  { from, inbound, outbound }: OpenvpnDirection,
  quality: CaptureQuality,
): boolean {
  return quality.local.includes(from.address) || (outbound > 0 && inbound === 0);
}

export function isCapturedAtReceiver(
  { to, inbound, outbound }: OpenvpnDirection,
  quality: CaptureQuality,
): boolean {
  return quality.local.includes(to.address) || (inbound > 0 && outbound === 0);
}
