import type { Nanoseconds } from '../units.js';
import type { ComparedPacket } from './compared-packet.js';
import type { RecordBlock } from './identity-record.js';
import type { Collectors } from './pairing.js';
import type { Plan, Side } from './plan.js';

/** First in, first out, without moving what is left. */
export class Waiting {
  private packets: (ComparedPacket | null)[] = [];
  private head = 0;

  get length(): number {
    return this.packets.length - this.head;
  }

  get first(): ComparedPacket | null {
    return this.packets[this.head] ?? null;
  }

  push(packet: ComparedPacket): void {
    this.packets.push(packet);
  }

  *all(): IterableIterator<ComparedPacket> {
    for (let index = this.head; index < this.packets.length; index++) {
      const packet = this.packets[index];
      if (packet) yield packet;
    }
  }

  shift(): void {
    this.packets[this.head++] = null;
    if (this.head > 4096 && this.head * 2 > this.packets.length) {
      this.packets = this.packets.slice(this.head);
      this.head = 0;
    }
  }
}

/** The records of a side that belong to a channel, one after the other, those before `sinceNs` left out. */
export class Cursor {
  block: RecordBlock;
  record = -1;
  isAtEnd = false;
  private readonly blocks: Iterator<RecordBlock>;

  constructor(
    readonly side: Side,
    collectors: Collectors,
    private readonly plan: Plan,
    lastBlocks = Number.POSITIVE_INFINITY,
    private readonly sinceNs: Nanoseconds = Number.NEGATIVE_INFINITY,
  ) {
    this.blocks = collectors[side].store.read(lastBlocks);
    this.block = this.blocks.next().value;
    this.advance();
  }

  get timeNs(): Nanoseconds {
    return this.block.timeNs(this.record);
  }

  get channel(): number {
    return this.plan.channelOf[this.side][this.block.lane(this.record)];
  }

  advance(): void {
    const channels = this.plan.channelOf[this.side];
    for (;;) {
      this.record++;
      while (this.record >= this.block.length) {
        const next = this.blocks.next();
        if (next.done === true) {
          this.isAtEnd = true;
          return;
        }
        this.block = next.value;
        this.record = 0;
      }
      if (channels[this.block.lane(this.record)] >= 0 && this.timeNs >= this.sinceNs) return;
    }
  }
}
