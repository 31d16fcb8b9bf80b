import { CaptureError } from '../capture/capture-error.js';
import type { CaptureSource, ReopenableInput } from '../capture/capture-source.js';
import type { Slot } from '../observe/slot.js';
import { SlotQueue } from './slot-queue.js';
import type { WorkerPool } from './worker-pool.js';

/** Gives out slots that hold the chunks of the input, in order; the reader has ordered them to be dissected. */
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

/** What reading in a worker needs of the run around it. */
export interface ReadingSetup {
  readonly source: CaptureSource;
  readonly input: ReopenableInput;
  readonly workers: WorkerPool;
  readonly slots: readonly Slot[];
  /** True where this thread reads until the worker is up; with a small input there would be nothing left for it. */
  readonly beginsHere: boolean;
  /** Makes an empty slot ready to be filled. */
  prepare(slotIndex: number): void;
  /** Dissects the oldest order on this thread, unless a worker was quicker. */
  dissectHere(): void;
  /** Goes on where no worker is left. */
  readHere(): ReadingHere;
}

/** The slot that this thread fills while it is alone. */
const FIRST_SLOT = 0;

/** Leaves reading to the first worker as soon as it is up; goes on here where no worker is left. */
export class ReadingInWorker implements ChunkFeed {
  private taken = 0;
  /** Chunks read on this thread. */
  private readCount = 0;
  private isAlone: boolean;
  private endedHere = false;
  private here: ReadingHere | null = null;

  constructor(private readonly setup: ReadingSetup) {
    this.isAlone = setup.beginsHere;
    if (!this.isAlone) this.leaveToWorker();
  }

  get consumedBytes(): number {
    return this.here?.consumedBytes ?? this.setup.workers.board.consumedBytes;
  }

  async take(): Promise<number> {
    if (this.here !== null) return this.here.take();
    const { workers } = this.setup;
    if (this.isAlone) {
      if (workers.board.serving === 0) return this.readFirst();
      this.leaveToWorker();
    }
    const slotIndex = await workers.board.whenFilled(this.taken + 1);
    if (slotIndex < 0 && !workers.isAlive) {
      await this.catchUp();
      this.here = this.setup.readHere();
      return this.here.take();
    }
    this.taken++;
    return slotIndex;
  }

  giveBack(slotIndex: number): void {
    if (this.here !== null) return this.here.giveBack(slotIndex);
    if (this.isAlone) return;
    this.setup.prepare(slotIndex);
    this.setup.slots[slotIndex].publish();
    this.setup.workers.board.postEmpty(slotIndex);
  }

  async finish(): Promise<void> {
    if (this.here !== null) return this.here.finish();
    if (this.endedHere) return;
    const { facts, failure } = (await this.setup.workers.finishReading()) ?? { facts: null, failure: null };
    if (facts !== null) this.setup.input.adopt(facts);
    if (failure !== null) {
      const { message, file } = failure;
      throw file === null ? new Error(message) : new CaptureError(message, file);
    }
    if (facts !== null) return;
    // The worker that knew them died after it had read everything.
    await this.catchUp();
    await this.fill(FIRST_SLOT);
  }

  private leaveToWorker(): void {
    this.isAlone = false;
    this.setup.slots.forEach((_, slotIndex) => {
      this.giveBack(slotIndex);
    });
  }

  /** One chunk at a time: what is gained is that the code of this thread is warm when the worker comes. */
  private async readFirst(): Promise<number> {
    const { setup } = this;
    const slot = setup.slots[FIRST_SLOT];
    setup.prepare(FIRST_SLOT);
    this.endedHere = !(await this.fill(FIRST_SLOT));
    if (this.endedHere) return -1;
    slot.firstFrame = slot.nextFrame = 0;
    slot.publish();
    this.taken++;
    setup.workers.board.postFilled(FIRST_SLOT, slot.chunk.frameCount, setup.source.consumedBytes);
    setup.dissectHere();
    return FIRST_SLOT;
  }

  /** Reads here what the worker has read, so that this thread knows what it knew. Every slot must be free. */
  private async catchUp(): Promise<void> {
    while (this.readCount < this.setup.workers.board.filled) await this.fill(FIRST_SLOT);
  }

  private async fill(slotIndex: number): Promise<boolean> {
    this.readCount++;
    return this.setup.source.fill(this.setup.slots[slotIndex].chunk);
  }
}
