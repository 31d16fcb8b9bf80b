import type { DissectEngine } from '../dissect/dissect-engine.js';
import type { Slot } from '../observe/slot.js';
import type { DissectOrder, WorkerSetup } from './chunk-protocol.js';

/** Dissects the frames of a slot, here or elsewhere. Rejects where the dissector threw or its thread died. */
export interface ChunkDissector {
  dissect(order: DissectOrder): Promise<void> | void;
  close(): Promise<void>;
}

/** Everything on the calling thread: the same path without a pool. */
export class InlineDissector implements ChunkDissector {
  constructor(private readonly engines: readonly DissectEngine[]) {}

  dissect({ slotIndex, firstFrame, endFrame }: DissectOrder): void {
    this.engines[slotIndex].dissectChunk(firstFrame, endFrame);
  }

  async close(): Promise<void> {}
}

/** A pool of piscina workers over slots in shared memory. Back-pressure is the number of slots. */
export class PoolDissector implements ChunkDissector {
  private constructor(
    private readonly pool: { run(order: DissectOrder): Promise<unknown>; destroy(): Promise<void> },
    private readonly slots: readonly Slot[],
  ) {}

  static async start(
    threads: number,
    slots: readonly Slot[],
    setup: WorkerSetup,
    workerFile: URL = new URL('./dissect-worker.cjs', import.meta.url),
  ): Promise<PoolDissector> {
    const { Piscina } = await import('piscina');
    const pool = new Piscina({
      filename: workerFile.href,
      minThreads: threads,
      maxThreads: threads,
      workerData: setup,
      // Tasks are synchronous and long enough that polling for the next one costs nothing that matters.
      atomics: 'sync',
    });
    return new PoolDissector(pool, slots);
  }

  async dissect(order: DissectOrder): Promise<void> {
    const slot = this.slots[order.slotIndex];
    slot.publish();
    await this.pool.run(order);
    slot.adopt();
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }
}
