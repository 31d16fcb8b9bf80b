import type { DissectEngine } from '../dissect/dissect-engine.js';
import type { Slot, SlotLayout } from '../observe/slot.js';
import type { ReadOutcome } from './chunk-reader.js';
import { type DissectOrder, OrderBoard, READING_WORKER } from './order-board.js';

/** What every worker is given once: the slots of the run, over shared memory. */
export interface WorkerSetup {
  readonly layout: SlotLayout;
  readonly buffers: readonly SharedArrayBuffer[];
  readonly board: SharedArrayBuffer;
  /** Files that the first worker reads; null where the main thread reads. */
  readonly paths: readonly string[] | null;
}

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
 * A pool of piscina workers over slots in shared memory, each busy with one task for the whole run. Back-pressure is the
 * number of slots. Where orders wait, this thread takes them instead of sleeping.
 */
export class PoolDissector implements ChunkDissector {
  private closed = false;
  /** Workers that are up or will be. */
  private alive = 0;
  /** Settled with the worker that reads; null where it died and no other took its place. */
  private reading: Promise<ReadOutcome | null> = Promise.resolve(null);

  private constructor(
    private readonly pool: {
      run(worker: number): Promise<ReadOutcome | null>;
      destroy(): Promise<void>;
    },
    private readonly slots: readonly Slot[],
    private readonly engines: readonly DissectEngine[],
    readonly board: OrderBoard,
  ) {}

  /** `engines` are those of this thread, one a slot. */
  static async start(
    threads: number,
    slots: readonly Slot[],
    engines: readonly DissectEngine[],
    setup: Omit<WorkerSetup, 'board'>,
    workerFile: URL = new URL('./dissect-worker.cjs', import.meta.url),
  ): Promise<PoolDissector> {
    const { Piscina } = await import('piscina');
    const board = OrderBoard.create(slots.length);
    const pool = new Piscina({
      filename: workerFile.href,
      minThreads: threads,
      maxThreads: threads,
      workerData: { ...setup, board: board.buffer } satisfies WorkerSetup,
    });
    const dissector = new PoolDissector(pool, slots, engines, board);
    for (let worker = 0; worker < threads; worker++) {
      const serving = dissector.keepServing(worker);
      if (worker === READING_WORKER) dissector.reading = serving;
    }
    return dissector;
  }

  /** Ends the service of the workers, and tells what the one that reads has learned. */
  finishReading(): Promise<ReadOutcome | null> {
    this.closed = true;
    this.board.close();
    return this.reading;
  }

  /** True where every worker died and none can take its place. */
  get isAbandoned(): boolean {
    return this.alive === 0 && !this.closed;
  }

  submit(order: DissectOrder): void {
    this.slots[order.slotIndex].publish();
    this.board.post(order);
  }

  settle(slotIndex: number): void | Promise<void> {
    while (!this.board.isSettled(slotIndex) && this.mayHelp()) {
      const oldest = this.board.takeOldest(MAIN_THREAD);
      if (oldest >= 0) this.dissectHere(oldest);
    }
    return this.board.whenSettled(slotIndex).then((succeeded) => {
      this.slots[slotIndex].adopt();
      if (!succeeded) throw new Error('dissecting failed');
    });
  }

  close(): Promise<void> {
    this.closed = true;
    this.board.close();
    return this.pool.destroy();
  }

  /** An order that an idle worker will take is left to it; while none is up yet, the last one waits for the first. */
  private mayHelp(): boolean {
    const { waiting, taken, serving } = this.board;
    if (this.alive === 0) return waiting > 0;
    return serving === 0 ? waiting > 1 : waiting > 0 && taken >= serving;
  }

  private dissectHere(slotIndex: number): void {
    const { firstFrame, endFrame } = this.board.orderOf(slotIndex);
    let succeeded = false;
    this.slots[slotIndex].adopt();
    try {
      this.engines[slotIndex].dissectChunk(firstFrame, endFrame);
      this.slots[slotIndex].publish();
      succeeded = true;
    } catch {
      // Which frame it was is found by asking again frame by frame.
    }
    this.board.settle(slotIndex, succeeded);
  }

  /**
   * The pool replaces a thread that died; its order fails, and the new one serves on. One that dies before it takes an
   * order will not do better the next time.
   */
  private async keepServing(worker: number): Promise<ReadOutcome | null> {
    this.alive++;
    let outcome: ReadOutcome | null = null;
    let serves = true;
    while (serves && !this.closed) {
      try {
        outcome = await this.pool.run(worker);
      } catch {
        serves = this.board.failOrderOf(worker);
        if (serves) this.board.countServing(-1);
      }
    }
    this.alive--;
    if (this.alive === 0 && !this.closed) this.board.failWaiting();
    return outcome;
  }
}
