import { workerData } from 'piscina';
import { dissectors } from '../../dissectors/index.js';
import { DispatchTable } from '../dissect/dispatch-table.js';
import { DissectEngine } from '../dissect/dissect-engine.js';
import { Slot } from '../observe/slot.js';
import type { WorkerSetup } from './dissect-pool.js';
import { type DissectOrder, OrderBoard } from './order-board.js';

/*
 * The worker's side of the pool: one task that lasts as long as the run, so that handing a chunk over is an atomic
 * write and not a message. Nothing is kept between orders.
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

/** Serves orders until the board is closed. `worker` numbers the workers of the run. */
export default function serve(worker: number, dissectOrder: typeof dissect = dissect): void {
  board.countServing(1);
  for (;;) {
    const order = board.takeNext(worker);
    if (order === null) return;
    let succeeded = false;
    try {
      dissectOrder(order);
      succeeded = true;
    } catch {
      // Which frame it was is found by the main thread, which asks again frame by frame.
    }
    board.settle(order.slotIndex, succeeded);
  }
}
