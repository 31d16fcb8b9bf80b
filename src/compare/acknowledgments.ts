import { TCP_ACK, TCP_SYN } from '../wire/transport.js';
import type { Channel } from './channel.js';
import type { ComparedPacket } from './compared-packet.js';
import type { Plan } from './plan.js';
import type { Side } from './side.js';

/** What the receivers of TCP have acknowledged, as either capture shows it. */
export class Acknowledgments {
  /** By channel: that of the other direction, or -1. */
  private readonly backOf: Int32Array;
  /** By channel: the highest acknowledgment number of the present connection, in the numbers of the side where it was sent, or NaN. */
  private readonly highest: Float64Array;
  /** By channel: its present initial sequence number, the connections so far, and what was acknowledged of the one before, in the sender's numbers. */
  private readonly initial: Float64Array;
  private readonly connections: Uint32Array;
  private readonly before: Float64Array;

  constructor({ channels, channelOf }: Plan) {
    const unknown = (): Float64Array => new Float64Array(channels.length).fill(Number.NaN);
    this.highest = unknown();
    this.initial = unknown();
    this.before = unknown();
    this.connections = new Uint32Array(channels.length);
    this.backOf = Int32Array.from(channels, ({ lanes: { a, b } }) => {
      if (a < 0 || b < 0) return -1;
      return Math.max(channelOf.a.of(a ^ 1), channelOf.b.of(b ^ 1));
    });
  }

  /** Every packet in the order of time; a connection of the same ports begins with another sequence number. */
  note(packet: ComparedPacket, channel: Channel, isSender: boolean): void {
    const { channel: index, side, offset, acknowledgment, tcpFlags } = packet;
    if (isSender) {
      if ((tcpFlags & TCP_SYN) !== 0 && this.initial[index] !== offset)
        this.begin(index, side, channel, offset);
      packet.connection = this.connections[index];
    }
    if ((tcpFlags & TCP_ACK) === 0) return;
    const highest = this.highest[index];
    if (Number.isNaN(highest) || ((acknowledgment - highest) | 0) > 0) this.highest[index] = acknowledgment;
  }

  /** True where the receiver acknowledged all bytes of the packet. */
  reach({ channel: index, side, offset, length, connection }: ComparedPacket, channel: Channel): boolean {
    if (this.backOf[index] < 0) return false;
    const age = this.connections[index] - connection;
    if (age > 1) return false;
    const highest = age === 1 ? this.before[index] : this.present(index, side, channel);
    return !Number.isNaN(highest) && ((highest - (offset + length)) | 0) >= 0;
  }

  /** What the receiver acknowledged is in its own numbers; this is in the sender's. */
  private present(index: number, sender: Side, { rewrite }: Channel): number {
    const shift = (sender === 'a' ? 1 : -1) * (rewrite?.sequence ?? 0);
    return this.highest[this.backOf[index]] - shift;
  }

  private begin(index: number, sender: Side, channel: Channel, initial: number): void {
    const isFirst = Number.isNaN(this.initial[index]);
    this.initial[index] = initial;
    if (isFirst) return;
    this.connections[index]++;
    if (this.backOf[index] < 0) return;
    this.before[index] = this.present(index, sender, channel);
    this.highest[this.backOf[index]] = Number.NaN;
  }
}
