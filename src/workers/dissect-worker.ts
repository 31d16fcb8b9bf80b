import { workerData } from 'piscina';
import { dissectors } from '../../dissectors/index.js';
import { DispatchTable } from '../dissect/dispatch-table.js';
import { DissectEngine } from '../dissect/dissect-engine.js';
import { Slot } from '../observe/slot.js';
import type { DissectOrder, WorkerSetup } from './chunk-protocol.js';

/*
 * The worker's side of the pool. While an order runs this thread owns the slot that it names; the main thread
 * neither reads nor writes it until the task settles. Nothing is kept between orders.
 */

const setup = workerData as WorkerSetup;
const dispatch = new DispatchTable(dissectors);
const engines = setup.buffers.map((buffer) => {
  const slot = new Slot(setup.layout, buffer);
  return { slot, engine: new DissectEngine(dispatch, slot) };
});

/** Dissects the frames that the order names; the result lies in the slot. */
export default function dissect({ slotIndex, firstFrame, endFrame }: DissectOrder): void {
  const { slot, engine } = engines[slotIndex];
  slot.adopt();
  engine.dissectChunk(firstFrame, endFrame);
  slot.publish();
}
