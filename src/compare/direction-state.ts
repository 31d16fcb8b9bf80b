import { IDENTITY_FRAGMENT } from '../observe/engine-tables.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import type { Channel } from './channel.js';
import type { ComparedPacket } from './compared-packet.js';
import { Datagrams } from './datagrams.js';
import { OpenPackets } from './open-packets.js';
import { SegmentIndex } from './segment-index.js';

/** A packet that has not arrived after this is lost (RFC 7680 leaves the time to the method). */
export const LOSS_SECONDS = 3;
export const WAIT_NS = LOSS_SECONDS * NS_PER_SECOND;
/** What arrived waits longer than what was sent, so that it is still there when its packet is given up. */
export const RECEIVED_WAIT_NS = WAIT_NS + NS_PER_SECOND;
/** Packets without a partner from which on the settled ones among them are taken out. */
const WAITING_CLEANED = 64;
const TYPICAL_WEIGHT = 1 / 16;

/** What is known of a direction while it is joined. */
export class DirectionState {
  /** Usual delay, to choose among equal packets. */
  typicalNs = Number.NaN;
  leastNs = Number.NaN;
  /** When the last packet that arrived was sent. */
  lastArrivedSentNs = Number.NEGATIVE_INFINITY;
  /** Packets that arrived without a partner so far; those settled since are still in it until `openReceived` cleans up. */
  private waiting: ComparedPacket[] = [];
  private waitingLimit = WAITING_CLEANED;
  readonly open = new OpenPackets();
  readonly datagrams = new Datagrams();
  /** Segments of TCP that arrived without a partner. */
  readonly segments = new SegmentIndex();

  wait(packet: ComparedPacket, channel: Channel): void {
    packet.isHeld = true;
    packet.isIndexed = true;
    this.waiting.push(packet);
    this.open.add(packet, channel.protocol);
    if (isSegment(packet, channel)) this.segments.add(packet);
    if (this.waiting.length < this.waitingLimit) return;
    this.openReceived(packet.timeNs);
    this.waitingLimit = Math.max(WAITING_CLEANED, this.waiting.length * 2);
  }

  /** Takes a packet out whose sender's record came after it: the clocks are known no better than the delay. */
  settle(packet: ComparedPacket): void {
    const from = this.waiting.lastIndexOf(packet);
    if (from >= 0) this.waiting.splice(from, 1);
  }

  /** Packets that arrived and are no packet of the sender as it left; parts of one are still among them. */
  openReceived(nowNs: Nanoseconds): readonly ComparedPacket[] {
    this.waiting = this.waiting.filter(
      (packet) => packet.partner === null && packet.timeNs > nowNs - RECEIVED_WAIT_NS * 2,
    );
    return this.waiting;
  }

  noteDelay(delayNs: Nanoseconds, isCertain: boolean): void {
    if (!(this.leastNs <= delayNs)) this.leastNs = delayNs;
    if (!isCertain) return;
    if (Number.isNaN(this.typicalNs)) this.typicalNs = delayNs;
    else this.typicalNs += (delayNs - this.typicalNs) * TYPICAL_WEIGHT;
  }
}

/** A TCP segment with data, no IP fragment of one. */
export function isSegment({ flags, length }: ComparedPacket, { protocol }: Channel): boolean {
  return protocol === PROTOCOL_TCP && length > 0 && (flags & IDENTITY_FRAGMENT) === 0;
}
