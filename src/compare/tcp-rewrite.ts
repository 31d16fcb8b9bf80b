import { LEVEL_FULL } from '../observe/engine-tables.js';
import {
  identityKeys,
  identityWord,
  KEY_TCP_ACKNOWLEDGMENT,
  KEY_TCP_SEQUENCE,
} from '../observe/identity-digest.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import { TCP_ACK } from '../wire/transport.js';
import type { Channel } from './channel.js';
import { isRenumbered, type TcpRewrite } from './channel.js';
import type { ComparedPacket } from './compared-packet.js';
import type { Lane } from './lane-table.js';
import type { PacketMatch } from './packet-matches.js';
import type { Plan } from './plan.js';
import type { Side } from './side.js';

/** Initial sequence numbers further apart in time are those of different connections. */
const HANDSHAKE_NS = 3 * NS_PER_SECOND;

/** By pair of lanes, what payloads that were found on both sides say of the numbers around them. */
class ShiftVotes {
  private readonly votes = new Map<string, { sequence: number; acknowledgment: number; count: number }[]>();

  /** In the order of A's capture. */
  note({ laneA, laneB, shift }: PacketMatch): void {
    if (!shift) return;
    const key = `${laneA} ${laneB}`;
    const known = this.votes.get(key) ?? [];
    const same = known.find(
      ({ sequence, acknowledgment }) =>
        sequence === shift.sequence && acknowledgment === shift.acknowledgment,
    );
    if (same) same.count++;
    else known.push({ sequence: shift.sequence, acknowledgment: shift.acknowledgment, count: 1 });
    this.votes.set(key, known);
  }

  /** The first shift that two packets agree on, else the first; later ones are those of later connections. */
  of(laneA: Lane, laneB: Lane): { readonly sequence: number; readonly acknowledgment: number } | null {
    const known = this.votes.get(`${laneA} ${laneB}`) ?? [];
    return known.find(({ count }) => count > 1) ?? known[0] ?? null;
  }

  /** Of a channel, from its own packets or those of the other direction; null where nothing is known of it. */
  rewriteOf({ lanes: { a, b } }: Channel): TcpRewrite | null {
    const own = this.of(a, b);
    const back = this.of(a ^ 1, b ^ 1);
    if (!own && !back) return null;
    return {
      sequence: own?.sequence ?? back?.acknowledgment ?? null,
      acknowledgment: own?.acknowledgment ?? back?.sequence ?? null,
      isSure: true,
    };
  }
}

/**
 * Finds out which channels have their TCP headers rewritten. `matches` in the order of A's capture.
 * @param isShown whether a side has packets on a channel, by index
 * @param isComplete whether `matches` hold every packet that both sides show alike
 */
export function learnRewrites(
  channels: readonly Channel[],
  matches: readonly PacketMatch[],
  isShown: (channel: number, side: Side) => boolean,
  isComplete: boolean,
): void {
  const votes = new ShiftVotes();
  const asTheyLeft = new Set<Lane>();
  for (const match of matches) {
    if (match.shift) votes.note(match);
    else asTheyLeft.add(match.laneA);
  }
  const tcp = channels.filter(
    ({ protocol, lanes: { a, b } }) => protocol === PROTOCOL_TCP && a >= 0 && b >= 0,
  );
  for (const channel of tcp) channel.rewrite = votes.rewriteOf(channel);
  // Where one connection has its numbers rewritten, one of which nothing was found has so too.
  const isSure = tcp.some(isRenumbered);
  if (!isSure && !isComplete) return;
  for (const channel of tcp) {
    const { a } = channel.lanes;
    if (channel.rewrite === null && !asTheyLeft.has(a) && !asTheyLeft.has(a ^ 1))
      channel.rewrite = { sequence: null, acknowledgment: null, isSure };
  }
  // Behind a NAT, connections without data cannot be told from each other.
  const kept = new Set(tcp.filter(({ lanes: { a } }) => asTheyLeft.has(a)).map(({ direction }) => direction));
  for (const [index, channel] of channels.entries()) {
    const { protocol, lanes, direction } = channel;
    if (protocol !== PROTOCOL_TCP || lanes.a >= 0 || (!isSure && kept.has(direction))) continue;
    if (isShown(index, 'a') && isShown(index, 'b'))
      channel.rewrite = { sequence: null, acknowledgment: null, isSure: true };
  }
}

/** True where nothing tells by how much the numbers of a channel are rewritten. */
export function isUnknown({ rewrite }: Channel): boolean {
  if (rewrite === null) return false;
  return rewrite.isSure && rewrite.sequence === null;
}

/** Initial sequence numbers of a channel: the last one of each side, and whether it has met that of the other side. */
interface Handshake {
  readonly last: Record<Side, number | null>;
  /** On B's clock. */
  readonly timeNs: Record<Side, Nanoseconds>;
  readonly isNew: Record<Side, boolean>;
}

/** Puts packets whose header was rewritten into the numbers of the sender's side, while they are joined. */
export class TcpRenumbering {
  private readonly keys: Int32Array;
  private readonly handshakes = new Map<number, Handshake>();

  constructor(
    private readonly plan: Plan,
    seed: number,
  ) {
    this.keys = identityKeys(seed);
  }

  /** `level`: that of the packet's digest. */
  apply(packet: ComparedPacket, level: number, isSyn: boolean, isSender: boolean): void {
    const channel = this.plan.channels[packet.channel];
    const { rewrite, lanes } = channel;
    if (rewrite === null) return;
    if (isSyn && lanes.a >= 0) this.noteInitial(packet, channel, rewrite);
    const { options } = packet;
    packet.addToHeader(-options, level === LEVEL_FULL);
    if (isSender) return;
    const sign = packet.side === 'b' ? -1 : 1;
    const sequence = (packet.offset + sign * (rewrite.sequence ?? 0)) >>> 0;
    const acknowledges = (packet.tcpFlags & TCP_ACK) !== 0;
    const acknowledgment = acknowledges
      ? (packet.acknowledgment + sign * (rewrite.acknowledgment ?? 0)) >>> 0
      : packet.acknowledgment;
    const change =
      this.word(sequence, KEY_TCP_SEQUENCE) -
      this.word(packet.offset, KEY_TCP_SEQUENCE) +
      this.word(acknowledgment, KEY_TCP_ACKNOWLEDGMENT) -
      this.word(packet.acknowledgment, KEY_TCP_ACKNOWLEDGMENT);
    packet.addToHeader(change, level === LEVEL_FULL);
    packet.offset = sequence;
    packet.acknowledgment = acknowledgment;
  }

  /** A connection's first numbers, once both sides have shown them, hold until the next connection of the same ports. */
  private noteInitial(packet: ComparedPacket, channel: Channel, rewrite: TcpRewrite): void {
    const { side, offset } = packet;
    const known = this.handshakes.get(packet.channel) ?? newHandshake();
    this.handshakes.set(packet.channel, known);
    if (known.last[side] === offset) return;
    known.last[side] = offset;
    known.timeNs[side] = packet.timeNs;
    known.isNew[side] = true;
    const { a, b } = known.last;
    if (a === null || b === null || !known.isNew.a || !known.isNew.b) return;
    if (Math.abs(known.timeNs.a - known.timeNs.b) > HANDSHAKE_NS) return;
    known.isNew.a = false;
    known.isNew.b = false;
    rewrite.sequence = (b - a) | 0;
    const back = this.plan.channels[this.plan.channelOf.a.of(channel.lanes.a ^ 1)];
    if (back?.rewrite) back.rewrite.acknowledgment = rewrite.sequence;
  }

  private word(value: number, key: number): number {
    return identityWord(this.keys, value | 0, key);
  }
}

function newHandshake(): Handshake {
  return { last: { a: null, b: null }, timeNs: { a: 0, b: 0 }, isNew: { a: false, b: false } };
}
