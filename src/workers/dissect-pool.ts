import type { DissectEngine } from '../dissect/dissect-engine.js';
import type { Slot } from '../observe/slot.js';
import type { DissectOrder } from './order-board.js';
import type { WorkerPool } from './worker-pool.js';

/** Dissects the frames of slots, here or elsewhere. */
export interface ChunkDissector {
  /** The slot belongs to the dissector until it is settled. */
  submit(order: DissectOrder): void;
  /** Rejects where a dissector threw or its thread died. */
  settle(slotIndex: number): void | Promise<void>;
  close(): Promise<void>;
}

/** Everything on the calling thread: the same path without a pool. */
export class InlineDissector implements ChunkDissector {
  private readonly orders = new Map<number, DissectOrder>();

  constructor(private readonly engines: readonly DissectEngine[]) {}

  submit(order: DissectOrder): void {
    this.orders.set(order.slotIndex, order);
  }

  settle(slotIndex: number): void {
    const order = this.orders.get(slotIndex);
    if (order) this.engines[slotIndex].dissectChunk(order.firstFrame, order.endFrame);
  }

  async close(): Promise<void> {}
}

/** The main thread, where it takes an order itself. */
const MAIN_THREAD = -1;

/**
 * Leaves slots in shared memory to the workers of a pool. Back-pressure is the number of slots. Where orders wait, this
 * thread takes them instead of sleeping.
 */
export class PoolDissector implements ChunkDissector {
  /** `engines` are those of this thread, one a slot. */
  constructor(
    readonly workers: WorkerPool,
    private readonly slots: readonly Slot[],
    private readonly engines: readonly DissectEngine[],
  ) {}

  submit(order: DissectOrder): void {
    this.slots[order.slotIndex].publish();
    this.workers.board.post(order);
  }

  settle(slotIndex: number): void | Promise<void> {
    const { board } = this.workers;
    while (!board.isSettled(slotIndex) && this.mayHelp()) this.dissectOldest();
    return board.whenSettled(slotIndex).then((succeeded) => {
      this.slots[slotIndex].adopt();
      if (!succeeded) throw new Error('dissecting failed');
    });
  }

  /** Takes the order that waits longest, if one does, and dissects it on this thread. */
  dissectOldest(): void {
    const oldest = this.workers.board.takeOldest(MAIN_THREAD);
    if (oldest >= 0) this.dissectHere(oldest);
  }

  close(): Promise<void> {
    return this.workers.close();
  }

  /** An order that an idle worker will take is left to it; while none is up yet, the last one waits for the first. */
  private mayHelp(): boolean {
    const { waiting, taken, serving } = this.workers.board;
    if (!this.workers.isAlive) return waiting > 0;
    return serving === 0 ? waiting > 1 : waiting > 0 && taken >= serving;
  }

  private dissectHere(slotIndex: number): void {
    const { board } = this.workers;
    const { firstFrame, endFrame } = board.orderOf(slotIndex);
    let succeeded = false;
    this.slots[slotIndex].adopt();
    try {
      this.engines[slotIndex].dissectChunk(firstFrame, endFrame);
      this.slots[slotIndex].publish();
      succeeded = true;
    } catch {
      // Which frame it was is found by asking again frame by frame.
    }
    board.settle(slotIndex, succeeded);
  }
}
