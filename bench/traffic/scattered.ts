import type { Conversation, ConversationSource } from './exchange.js';
import { pickIdleOf } from './exchange.js';
import type { Random } from './random.js';

/** So many sweeps run side by side, each with every LANES-th number. */
const LANES = 16;

/** Writes the frame that belongs to a number; returns its length. */
export type WriteScattered = (target: Buffer, offset: number, number: number) => number;

/**
 * Frames that belong to distinct 32-bit numbers, in an order without pattern: an odd factor and a shift modulo 2 ** 32
 * map every number to another one. What a frame is made of follows from its number alone.
 */
export class Scattered implements ConversationSource {
  readonly size = LANES;
  private readonly lanes: readonly Lane[];

  /** `writers` take turns by lane. */
  constructor(writers: readonly WriteScattered[], random: Random) {
    const factor = (random.next() | 1) >>> 0;
    const shift = random.next();
    this.lanes = Array.from(
      { length: LANES },
      (_, lane) => new Lane(lane, factor, shift, writers[lane % writers.length]),
    );
  }

  pickIdle(random: Random): Conversation {
    return pickIdleOf(this.lanes, random);
  }
}

class Lane implements Conversation {
  idle = true;

  constructor(
    private index: number,
    private readonly factor: number,
    private readonly shift: number,
    private readonly write: WriteScattered,
  ) {}

  startExchange(): void {
    this.idle = false;
  }

  writeFrame(target: Buffer, offset: number): number {
    const number = (Math.imul(this.index, this.factor) + this.shift) >>> 0;
    this.index += LANES;
    this.idle = true;
    return this.write(target, offset, number);
  }
}
