import type { SlotLayout } from '../observe/slot.js';
import type { ReadOutcome } from './chunk-reader.js';
import { OrderBoard, READING_WORKER } from './order-board.js';

/** What every worker is given once: the slots of the run, over shared memory. */
export interface WorkerSetup {
  readonly layout: SlotLayout;
  readonly buffers: readonly SharedArrayBuffer[];
  readonly board: SharedArrayBuffer;
  /** Files that the first worker reads; null where the main thread reads. */
  readonly paths: readonly string[] | null;
}

/** The piscina workers of a run, each busy with one task as long as it lasts, and the board on which they find orders. */
export class WorkerPool {
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
    readonly board: OrderBoard,
  ) {}

  static async start(
    threads: number,
    setup: Omit<WorkerSetup, 'board'>,
    workerFile: URL = new URL('./dissect-worker.cjs', import.meta.url),
  ): Promise<WorkerPool> {
    const { Piscina } = await import('piscina');
    const board = OrderBoard.create(setup.buffers.length);
    const pool = new Piscina({
      filename: workerFile.href,
      minThreads: threads,
      maxThreads: threads,
      workerData: { ...setup, board: board.buffer } satisfies WorkerSetup,
    });
    // One that dies with its task on hand fails that task; one that died before it had any is replaced, and no concern.
    pool.on('error', () => {});
    const workers = new WorkerPool(pool, board);
    for (let worker = 0; worker < threads; worker++) {
      const serving = workers.keepServing(worker);
      if (worker === READING_WORKER) workers.reading = serving;
    }
    return workers;
  }

  /** False where every worker died and none can take its place. */
  get isAlive(): boolean {
    return this.alive > 0;
  }

  /** Ends the service of the workers, and tells what the one that reads has learned. */
  finishReading(): Promise<ReadOutcome | null> {
    this.closed = true;
    this.board.close();
    return this.reading;
  }

  close(): Promise<void> {
    this.closed = true;
    this.board.close();
    return this.pool.destroy();
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
    if (this.alive === 0 && !this.closed) {
      this.board.failWaiting();
      // It would go on replacing them.
      void this.pool.destroy();
    }
    return outcome;
  }
}
