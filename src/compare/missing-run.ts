import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import type { ComparedPacket } from './compared-packet.js';

/** Packets sent within this of one that the capture provably missed, none arriving between them, it may have missed too. */
const BLIND_NS: Nanoseconds = NS_PER_SECOND;

/** What becomes of a packet that is missing. */
export interface MissingVerdict {
  lost(packet: ComparedPacket): void;
  /** The receiving capture was blind when it should have arrived. */
  unseen(packet: ComparedPacket): void;
}

/**
 * Packets of one direction that are missing one after the other. A capture that drops packets drops them in a row, whatever
 * they are: where one of them provably arrived, those around it prove no loss either. Bounded: those of one second.
 */
export class MissingRun {
  private packets: ComparedPacket[] = [];
  private head = 0;
  /** When the last packet was sent that arrived though the capture lacks it. */
  private blindNs = Number.NEGATIVE_INFINITY;

  constructor(private readonly verdict: MissingVerdict) {}

  /** Nothing says yet that it arrived. */
  note(packet: ComparedPacket): void {
    if (packet.timeNs - this.blindNs <= BLIND_NS) {
      this.verdict.unseen(packet);
      return;
    }
    this.release(packet.timeNs - BLIND_NS);
    this.packets.push(packet);
  }

  /** The packet arrived, and is not in the capture. */
  noteUnseen(packet: ComparedPacket): void {
    this.release(packet.timeNs - BLIND_NS);
    for (; this.head < this.packets.length; this.head++) this.verdict.unseen(this.packets[this.head]);
    this.clear();
    this.blindNs = packet.timeNs;
    this.verdict.unseen(packet);
  }

  /** A packet is in the capture, or no more will come. */
  end(): void {
    this.blindNs = Number.NEGATIVE_INFINITY;
    if (this.packets.length > 0) this.release(Number.POSITIVE_INFINITY);
  }

  /** What was sent before that time is lost. */
  private release(beforeNs: Nanoseconds): void {
    for (; this.head < this.packets.length; this.head++) {
      if (this.packets[this.head].timeNs >= beforeNs) break;
      this.verdict.lost(this.packets[this.head]);
    }
    if (this.head === this.packets.length) this.clear();
    else if (this.head * 2 > this.packets.length) {
      this.packets = this.packets.slice(this.head);
      this.head = 0;
    }
  }

  private clear(): void {
    this.packets.length = 0;
    this.head = 0;
  }
}
