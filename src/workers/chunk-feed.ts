import { CaptureError } from '../capture/capture-error.js';
import type { CaptureSource, ReopenableInput } from '../capture/capture-source.js';
import type { Slot } from '../observe/slot.js';
import { SlotQueue } from './slot-queue.js';
import type { WorkerPool } from './worker-pool.js';

/** Gives out slots that hold the chunks of the input, in order; whoever reads them has ordered them to be dissected. */
export interface ChunkFeed {
  /** The slot of the next chunk; -1 at the end of the input. */
  take(): Promise<number>;
  /** The slot may be filled again. */
  giveBack(slotIndex: number): void;
  readonly consumedBytes: number;
  /** @throws what reading has failed with. */
  finish(): Promise<void>;
}

/** Reads on this thread, ahead into every free slot. */
export class ReadingHere implements ChunkFeed {
  private readonly free: SlotQueue;
  private readonly filled = new SlotQueue();
  private readonly reading: Promise<void>;
  private failure: { readonly cause: unknown } | null = null;

  constructor(
    private readonly source: CaptureSource,
    private readonly slots: readonly Slot[],
    private readonly submit: (slotIndex: number) => void,
    private readonly signal?: AbortSignal,
  ) {
    this.free = new SlotQueue(slots.map((_, index) => index));
    this.reading = this.readAhead().catch((cause: unknown) => {
      this.failure = { cause };
    });
  }

  get consumedBytes(): number {
    return this.source.consumedBytes;
  }

  take(): Promise<number> {
    return this.filled.take();
  }

  giveBack(slotIndex: number): void {
    this.free.push(slotIndex);
  }

  async finish(): Promise<void> {
    this.free.close();
    await this.reading;
    if (this.failure !== null) throw this.failure.cause;
  }

  private async readAhead(): Promise<void> {
    try {
      while (!this.signal?.aborted) {
        const slotIndex = await this.free.take();
        if (slotIndex < 0) return;
        if (!(await this.source.fill(this.slots[slotIndex].chunk))) return;
        this.submit(slotIndex);
        this.filled.push(slotIndex);
      }
    } finally {
      this.filled.close();
    }
  }
}

/** Leaves reading to the first worker; goes on here where no worker is left. */
export class ReadingInWorker implements ChunkFeed {
  private taken = 0;
  private here: ReadingHere | null = null;

  constructor(
    private readonly input: ReopenableInput,
    private readonly workers: WorkerPool,
    private readonly slots: readonly Slot[],
    private readonly prepare: (slotIndex: number) => void,
    private readonly readHere: () => ReadingHere,
    private readonly source: CaptureSource,
  ) {
    slots.forEach((_, slotIndex) => {
      this.giveBack(slotIndex);
    });
  }

  get consumedBytes(): number {
    return this.here?.consumedBytes ?? this.workers.board.consumedBytes;
  }

  async take(): Promise<number> {
    if (this.here !== null) return this.here.take();
    const slotIndex = await this.workers.board.whenFilled(this.taken + 1);
    if (slotIndex < 0 && !this.workers.isAlive) {
      await this.catchUp();
      this.here = this.readHere();
      return this.here.take();
    }
    this.taken++;
    return slotIndex;
  }

  giveBack(slotIndex: number): void {
    if (this.here !== null) return this.here.giveBack(slotIndex);
    this.prepare(slotIndex);
    this.slots[slotIndex].publish();
    this.workers.board.postEmpty(slotIndex);
  }

  async finish(): Promise<void> {
    if (this.here !== null) return this.here.finish();
    const { facts, failure } = (await this.workers.finishReading()) ?? { facts: null, failure: null };
    if (facts !== null) this.input.adopt(facts);
    if (failure !== null) {
      const { message, file } = failure;
      throw file === null ? new Error(message) : new CaptureError(message, file);
    }
    if (facts !== null) return;
    // The worker that knew them died after it had read everything.
    await this.catchUp();
    await this.source.fill(this.slots[0].chunk);
  }

  /** Reads here what the worker has read, so that this thread knows what it knew. Every slot must be free. */
  private async catchUp(): Promise<void> {
    for (let chunk = this.workers.board.filled; chunk > 0; chunk--)
      await this.source.fill(this.slots[0].chunk);
  }
}
