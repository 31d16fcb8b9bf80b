import type { SlotLayout } from '../observe/slot.js';

/** What every worker is given once: the slots of the run, over shared memory. */
export interface WorkerSetup {
  readonly layout: SlotLayout;
  readonly buffers: readonly SharedArrayBuffer[];
}

/** One task: dissect frames `[firstFrame, endFrame)` of a slot. */
export interface DissectOrder {
  readonly slotIndex: number;
  readonly firstFrame: number;
  readonly endFrame: number;
}
