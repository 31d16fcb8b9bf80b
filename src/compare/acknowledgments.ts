import { TCP_ACK, TCP_SYN } from '../wire/transport.js';
import type { Channel } from './channel.js';
import type { ComparedPacket } from './compared-packet.js';
import type { Plan } from './plan.js';
import { otherSide, type Side } from './side.js';

/** What the receivers of TCP have acknowledged, as their own captures show it. */
export class Acknowledgments {
  /** By side and lane: the highest acknowledgment number of the present connection, or NaN. */
  private readonly highest: Record<Side, Float64Array>;
  /** By channel: its present initial sequence number, the connections so far, and what was acknowledged of the one before, in the sender's numbers. */
  private readonly initial: Float64Array;
  private readonly connections: Uint32Array;
  private readonly before: Float64Array;

  constructor(plan: Plan) {
    const unknown = (length: number) => new Float64Array(length).fill(Number.NaN);
    this.highest = { a: unknown(plan.channelOf.a.length), b: unknown(plan.channelOf.b.length) };
    this.initial = unknown(plan.channels.length);
    this.before = unknown(plan.channels.length);
    this.connections = new Uint32Array(plan.channels.length);
  }

  /** Every packet in the order of time; a connection of the same ports begins with another sequence number. */
  note(packet: ComparedPacket, channel: Channel, isSender: boolean): void {
    const { channel: index, side, lane, offset, acknowledgment, tcpFlags } = packet;
    if (isSender) {
      if ((tcpFlags & TCP_SYN) !== 0 && this.initial[index] !== offset)
        this.begin(index, side, channel, offset);
      packet.connection = this.connections[index];
    }
    if ((tcpFlags & TCP_ACK) === 0) return;
    const highest = this.highest[side][lane];
    if (Number.isNaN(highest) || ((acknowledgment - highest) | 0) > 0)
      this.highest[side][lane] = acknowledgment;
  }

  /** True where the receiver acknowledged all bytes of the packet. */
  reach({ channel: index, side, offset, length, connection }: ComparedPacket, channel: Channel): boolean {
    const receiver = otherSide(side);
    if (channel.lanes[receiver] < 0) return false;
    const age = this.connections[index] - connection;
    if (age > 1) return false;
    const highest = age === 1 ? this.before[index] : this.present(receiver, channel);
    return !Number.isNaN(highest) && ((highest - (offset + length)) | 0) >= 0;
  }

  /** What the receiver acknowledged is in its own numbers; this is in the sender's. */
  private present(receiver: Side, { lanes, rewrite }: Channel): number {
    const shift = (receiver === 'b' ? 1 : -1) * (rewrite?.sequence ?? 0);
    return this.highest[receiver][lanes[receiver] ^ 1] - shift;
  }

  private begin(index: number, side: Side, channel: Channel, initial: number): void {
    const isFirst = Number.isNaN(this.initial[index]);
    this.initial[index] = initial;
    if (isFirst) return;
    this.connections[index]++;
    const receiver = otherSide(side);
    if (channel.lanes[receiver] < 0) return;
    this.before[index] = this.present(receiver, channel);
    this.highest[receiver][channel.lanes[receiver] ^ 1] = Number.NaN;
  }
}
