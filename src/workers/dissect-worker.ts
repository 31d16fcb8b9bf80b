import { workerData } from 'piscina';
import { dissectors, textCaptures } from '../../dissectors/index.js';
import { DispatchTable } from '../dissect/dispatch-table.js';
import { DissectEngine } from '../dissect/dissect-engine.js';
import { Slot } from '../observe/slot.js';
import { ChunkReader, type ReadOutcome } from './chunk-reader.js';
import { type DissectOrder, OrderBoard, READING_WORKER } from './order-board.js';
import type { WorkerSetup } from './worker-pool.js';

/*
 * The worker's side of the pool: one task that lasts as long as the run, so that handing a chunk over is an atomic
 * write and not a message. Nothing is kept between orders, but for the input by the worker that reads it.
 */

const setup = workerData as WorkerSetup;
const board = new OrderBoard(setup.board);
const dispatch = new DispatchTable(dissectors);
const engines = setup.buffers.map((buffer) => {
  const slot = new Slot(setup.layout, buffer);
  return { slot, engine: new DissectEngine(dispatch, slot) };
});

/** Dissects the frames that the order names; the result lies in the slot. */
export function dissect({ slotIndex, firstFrame, endFrame }: DissectOrder): void {
  const { slot, engine } = engines[slotIndex];
  slot.adopt();
  engine.dissectChunk(firstFrame, endFrame);
  slot.publish();
}

/**
 * Serves orders until the board is closed, and reads ahead into empty slots where this is the worker that reads: what it
 * has read it finds in its own core's cache. `worker` numbers the workers of the run.
 */
export default async function serve(
  worker: number,
  dissectOrder: typeof dissect = dissect,
): Promise<ReadOutcome | null> {
  const slots = engines.map(({ slot }) => slot);
  const reader =
    worker === READING_WORKER && setup.paths !== null
      ? new ChunkReader(setup.paths, slots, board, textCaptures)
      : null;
  board.countServing(1);
  for (;;) {
    // First: whatever happens after it keeps the worker from sleeping.
    const { bell } = board;
    if (board.isClosed) break;
    if (await reader?.fillOne(worker)) continue;
    const slotIndex = board.takeOldest(worker);
    if (slotIndex < 0) {
      board.sleep(bell);
      continue;
    }
    let succeeded = false;
    try {
      dissectOrder(board.orderOf(slotIndex));
      succeeded = true;
    } catch {
      // Which frame it was is found by the main thread, which asks again frame by frame.
    }
    board.settle(slotIndex, succeeded);
  }
  return reader?.outcome() ?? null;
}
