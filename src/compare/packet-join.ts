import { IDENTITY_FRAGMENT, IDENTITY_LEVEL_MASK, LEVEL_NONE } from '../observe/engine-tables.js';
import type { Nanoseconds } from '../units.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import { TCP_SYN } from '../wire/transport.js';
import { Acknowledgments } from './acknowledgments.js';
import { Buckets, ringWith, ringWithout } from './buckets.js';
import type { Channel } from './channel.js';
import type { ClockModel } from './clock.js';
import { type Bucket, type ComparedPacket, SparePackets } from './compared-packet.js';
import type { Running } from './comparison.js';
import { DirectionState, isSegment, RECEIVED_WAIT_NS, WAIT_NS } from './direction-state.js';
import type { Collectors } from './flow-pairs.js';
import { InnerSegments } from './inner-segments.js';
import type { Plan } from './plan.js';
import { Cursor, Waiting } from './record-cursor.js';
import { rejoin } from './recut.js';
import { TcpRenumbering } from './tcp-rewrite.js';

/** Packets that wait at one time, of both sides; beyond it the oldest are settled early. */
const WAITING_MAX = 1 << 20;
/** Equal packets that are looked through for the one that fits best. */
const CANDIDATES_MAX = 64;

/** Where settled packets go. */
export interface JoinResults {
  /** A packet of the sender that arrived: `partner` is set, or `arrivedNs` where it was cut otherwise. */
  delivered(packet: ComparedPacket, delayNs: Nanoseconds): void;
  /**
   * A packet of the sender that was not found; in the order in which they were sent. `isEarly`: there was no room to wait
   * for it as long as packets take.
   */
  missing(packet: ComparedPacket, state: DirectionState, isEarly: boolean): void;
  /** A packet that the receiver's capture holds, in the order of arrival; `isEarly` as above. */
  received(packet: ComparedPacket, isDuplicate: boolean, isEarly: boolean): void;
  /** A packet of which too little was captured to compare it. */
  cut(packet: ComparedPacket): void;
  /** A packet whose delay is certain. */
  sample(sender: ComparedPacket, receiver: ComparedPacket): void;
  /** True where a packet that was delivered is still referred to, though it is not marked as held. */
  holds(sender: ComparedPacket): boolean;
}

/**
 * Finds every packet of one side on the other: a merge of both sides in corrected time, with the packets of some
 * seconds in memory. Equal packets (retransmissions, heartbeats) are told apart by their identification, else by the
 * usual delay.
 */
export class PacketJoin {
  readonly states: readonly DirectionState[];
  private readonly acknowledgments: Acknowledgments;
  private readonly inner: InnerSegments;
  private readonly buckets = new Buckets();
  private readonly spare = new SparePackets();
  private readonly sent = new Waiting();
  private readonly received = new Waiting();
  private readonly ordinals: Uint32Array;
  private readonly renumbering: TcpRenumbering;
  private readonly retransmissions = new Map<number, ComparedPacket[]>();
  /** By channel: the end of the highest TCP segment sent, or NaN. */
  private readonly highestSent: Float64Array;
  private nowNs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly collectors: Collectors,
    private readonly plan: Plan,
    private readonly clock: ClockModel,
    private readonly results: JoinResults,
    private readonly running?: Running,
    private readonly waitingMax: number = WAITING_MAX,
  ) {
    this.states = plan.directions.map(() => new DirectionState());
    this.ordinals = new Uint32Array(plan.channels.length);
    this.highestSent = new Float64Array(plan.channels.length).fill(Number.NaN);
    this.acknowledgments = new Acknowledgments(plan);
    this.inner = new InnerSegments(collectors);
    this.renumbering = new TcpRenumbering(plan, collectors.a.seed);
  }

  run(): void {
    const { collectors, plan, running } = this;
    const a = new Cursor('a', collectors, plan, running?.lastBlocks, running?.sinceNs.a);
    const b = new Cursor('b', collectors, plan, running?.lastBlocks, running?.sinceNs.b);
    let timeA = this.commonTime(a);
    let timeB = this.commonTime(b);
    while (!a.isAtEnd || !b.isAtEnd) {
      if (timeA <= timeB) {
        this.take(a, timeA);
        timeA = this.commonTime(a);
      } else {
        this.take(b, timeB);
        timeB = this.commonTime(b);
      }
    }
    // Whether a packet at the end is lost depends on what was sent after it, however that arrived.
    for (const packet of this.sent.all()) this.look(packet);
    this.settle(Number.POSITIVE_INFINITY);
  }

  /** On B's clock, of the record at which the cursor stands. */
  private commonTime({ isAtEnd, side, timeNs }: Cursor): Nanoseconds {
    if (isAtEnd) return Number.POSITIVE_INFINITY;
    return side === 'a' ? timeNs + this.clock.offsetAt(timeNs) : timeNs;
  }

  /** True where the receiver acknowledged bytes of TCP that its own capture lacks in whatever segment. */
  wasAcknowledged(packet: ComparedPacket): boolean {
    const channel = this.plan.channels[packet.channel];
    if (this.inner.wasAcknowledged(packet)) return true;
    if (channel.protocol !== PROTOCOL_TCP || packet.length === 0 || packet.isRepeated) return false;
    if (!this.acknowledgments.reach(packet, channel)) return false;
    const { segments } = this.states[channel.direction];
    const again = this.retransmissions.get(packet.channel) ?? [];
    return !segments.holdAll(
      packet,
      again.filter(({ partner }) => partner !== null),
    );
  }

  /** Remembers segments that were sent again, as long as the first ones may still be looked for. */
  private noteSegment(packet: ComparedPacket): void {
    if (packet.length === 0) return;
    const end = packet.offset + packet.length;
    const highest = this.highestSent[packet.channel];
    if (Number.isNaN(highest) || ((end - highest) | 0) > 0) this.highestSent[packet.channel] = end;
    if (Number.isNaN(highest) || ((packet.offset - highest) | 0) >= 0) return;
    packet.isHeld = true;
    packet.isRepeated = this.acknowledgments.reach(packet, this.plan.channels[packet.channel]);
    const known = this.retransmissions.get(packet.channel) ?? [];
    const recent = known.filter(({ timeNs }) => timeNs > this.nowNs - 2 * WAIT_NS);
    this.retransmissions.set(packet.channel, [...recent, packet]);
  }

  private take(cursor: Cursor, timeNs: Nanoseconds): void {
    const channelIndex = cursor.channel;
    const channel = this.plan.channels[channelIndex];
    const { block, record } = cursor;
    const { level } = channel;
    const packet = this.spare.take();
    packet.read(cursor.side, channelIndex, block, record, level, timeNs, cursor.timeNs);
    const { inner } = cursor;
    const isSender = this.plan.directions[channel.direction].sender === packet.side;
    if (inner !== null) this.inner.note(packet, inner, isSender);
    cursor.advance();
    if (timeNs > this.nowNs) this.nowNs = timeNs;
    this.settle(this.nowNs);
    if ((packet.flags & IDENTITY_LEVEL_MASK) === LEVEL_NONE || channel.level === LEVEL_NONE) {
      this.results.cut(packet);
      this.spare.put(packet);
      return;
    }
    if (channel.rewrite !== null && (packet.flags & IDENTITY_FRAGMENT) === 0)
      this.renumbering.apply(packet, channel.level, (packet.tcpFlags & TCP_SYN) !== 0, isSender);
    if (channel.protocol === PROTOCOL_TCP) this.acknowledgments.note(packet, channel, isSender);
    if (isSender) this.takeSent(packet, this.states[channel.direction], channel);
    else this.takeReceived(packet, this.states[channel.direction], channel);
  }

  private takeSent(packet: ComparedPacket, state: DirectionState, channel: Channel): void {
    packet.ordinal = this.ordinals[packet.channel]++;
    if (channel.protocol === PROTOCOL_TCP) this.noteSegment(packet);
    this.sent.push(packet);
    if ((packet.flags & IDENTITY_FRAGMENT) !== 0) {
      packet.isHeld = true;
      state.datagrams.noteSent(packet);
    }
    const bucket = this.bucketOf(packet, channel);
    bucket.sentCount++;
    const receiver = choose(bucket.received, packet.timeNs + (state.typicalNs || 0), packet.identification);
    if (receiver === null) {
      bucket.sent = ringWith(bucket.sent, packet);
      return;
    }
    bucket.received = ringWithout(bucket.received, receiver);
    this.match(packet, receiver, state, bucket);
    state.settle(receiver);
  }

  private takeReceived(packet: ComparedPacket, state: DirectionState, channel: Channel): void {
    this.received.push(packet);
    if ((packet.flags & IDENTITY_FRAGMENT) !== 0) {
      packet.isHeld = true;
      state.datagrams.noteReceived(packet);
    }
    const bucket = this.bucketOf(packet, channel);
    const sender = choose(bucket.sent, packet.timeNs - (state.typicalNs || 0), packet.identification);
    if (sender === null) {
      bucket.received = ringWith(bucket.received, packet);
      state.wait(packet, channel);
      return;
    }
    bucket.sent = ringWithout(bucket.sent, sender);
    this.match(sender, packet, state, bucket);
  }

  private match(
    sender: ComparedPacket,
    receiver: ComparedPacket,
    state: DirectionState,
    bucket: Bucket,
  ): void {
    sender.partner = receiver;
    receiver.partner = sender;
    bucket.matched++;
    const isCertain = bucket.sentCount === 1 && bucket.matched === 1;
    state.noteDelay(receiver.timeNs - sender.timeNs, isCertain);
    if (sender.timeNs > state.lastArrivedSentNs) state.lastArrivedSentNs = sender.timeNs;
    if (isCertain) this.results.sample(sender, receiver);
  }

  private bucketOf(packet: ComparedPacket, channel: Channel): Bucket {
    const { keepsIdentification } = this.plan.directions[channel.direction];
    const bucket = this.buckets.findOrAdd(packet, keepsIdentification ? packet.identification : 0);
    bucket.alive++;
    packet.bucket = bucket;
    return bucket;
  }

  private settle(nowNs: Nanoseconds): void {
    const { sent, received } = this;
    while (sent.length > 0) {
      const isEarly = !(sent.firstNs < nowNs - WAIT_NS);
      if (isEarly && !this.isCrowded()) break;
      const packet = sent.first;
      sent.shift();
      if (packet !== null) this.settleSent(packet, isEarly);
    }
    while (received.length > 0) {
      const isEarly = !(received.firstNs < nowNs - RECEIVED_WAIT_NS);
      if (isEarly && !this.isCrowded()) break;
      const packet = received.first;
      received.shift();
      if (packet !== null) this.settleReceived(packet, isEarly);
    }
  }

  private isCrowded(): boolean {
    return this.sent.length + this.received.length > this.waitingMax;
  }

  private settleSent(packet: ComparedPacket, isEarly: boolean): void {
    const channel = this.plan.channels[packet.channel];
    const state = this.states[channel.direction];
    this.look(packet);
    const arrivedNs = packet.partner?.timeNs ?? packet.arrivedNs;
    if (Number.isNaN(arrivedNs)) this.results.missing(packet, state, isEarly);
    else this.results.delivered(packet, arrivedNs - packet.timeNs);
    if ((packet.flags & IDENTITY_FRAGMENT) !== 0) state.datagrams.forgetSent(packet);
    this.release(packet);
    if (packet.partner !== null) this.reuse(packet, packet.partner);
  }

  /** Looks for a packet that did not arrive as it left. */
  private look(packet: ComparedPacket): void {
    if (!packet.isOpen) return;
    const channel = this.plan.channels[packet.channel];
    const state = this.states[channel.direction];
    const again = isSegment(packet, channel) ? (this.retransmissions.get(packet.channel) ?? []) : [];
    const later = again.filter(({ timeNs, isOpen }) => isOpen && timeNs > packet.timeNs);
    const direction = this.plan.directions[channel.direction];
    const isFound = rejoin(packet, channel, direction, state, this.nowNs, later);
    if (isFound && packet.timeNs > state.lastArrivedSentNs) state.lastArrivedSentNs = packet.timeNs;
  }

  private settleReceived(packet: ComparedPacket, isEarly: boolean): void {
    const { bucket } = packet;
    const isDuplicate = packet.isOpen && bucket !== null && bucket.matched > 0 && isDistinct(packet, bucket);
    this.results.received(packet, isDuplicate, isEarly);
    this.release(packet);
    const channel = this.plan.channels[packet.channel];
    const { datagrams, open, segments } = this.states[channel.direction];
    if (packet.isIndexed) {
      open.remove(packet, channel.protocol);
      if (isSegment(packet, channel)) segments.remove(packet);
    }
    if ((packet.flags & IDENTITY_FRAGMENT) !== 0) datagrams.forgetReceived(packet);
    if (packet.partner !== null) this.reuse(packet.partner, packet);
  }

  private release(packet: ComparedPacket): void {
    packet.isSettled = true;
    const { bucket } = packet;
    if (!bucket) return;
    packet.bucket = null;
    bucket.alive--;
    if (packet.partner === null) {
      bucket.sent = ringWithout(bucket.sent, packet);
      bucket.received = ringWithout(bucket.received, packet);
    }
    if (bucket.alive === 0) this.buckets.delete(bucket);
  }

  /** Where both of a pair are settled and nothing was odd about them. */
  private reuse(sender: ComparedPacket, receiver: ComparedPacket): void {
    if (!sender.isSettled || !receiver.isSettled || sender.isHeld || receiver.isHeld) return;
    if (sender.change !== 'none' || receiver.change !== 'none' || receiver.partner !== sender) return;
    if (sender.partner !== receiver || this.results.holds(sender)) return;
    this.spare.put(sender);
    this.spare.put(receiver);
  }
}

/** Content that comes again and again tells a duplicate only by its identification. */
function isDistinct(packet: ComparedPacket, bucket: Bucket): boolean {
  return bucket.sentCount === 1 || packet.identification !== 0;
}

/** Of equal packets the one with the same identification, else the one nearest to the time expected. */
function choose(
  ring: ComparedPacket | null,
  expectedNs: Nanoseconds,
  identification: number,
): ComparedPacket | null {
  if (ring === null) return null;
  let best: ComparedPacket | null = null;
  let least = Number.POSITIVE_INFINITY;
  let candidate = ring.nextEqual;
  for (let count = 0; candidate !== null && count < CANDIDATES_MAX; count++) {
    const distance = Math.abs(candidate.timeNs - expectedNs);
    const penalty = candidate.identification === identification ? 0 : WAIT_NS;
    if (distance <= WAIT_NS && distance + penalty < least) {
      best = candidate;
      least = distance + penalty;
    }
    candidate = candidate === ring ? null : candidate.nextEqual;
  }
  return best;
}
