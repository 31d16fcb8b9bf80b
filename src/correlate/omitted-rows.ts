import type { Slot } from '../observe/slot.js';
import { isDropped } from './discarded-packets.js';

/** Rows of a round that correlators do not see: those of copies of a frame, and what receivers drop as damaged. */
export class OmittedRows {
  private constructor(
    private readonly slot: Slot,
    private readonly isCopy: Uint8Array | null,
    private readonly dropped: Uint8Array | null,
  ) {}

  /**
   * Null where there are none.
   * @param isCopy 1 for frames that are copies, by frame index.
   * @param dropped as `DiscardedPackets.detect` gives it.
   */
  static of(slot: Slot, isCopy: Uint8Array | null, dropped: Uint8Array | null): OmittedRows | null {
    return isCopy === null && dropped === null ? null : new OmittedRows(slot, isCopy, dropped);
  }

  /** Those of copies alone, for tables that tell of damage. */
  copies(): OmittedRows | null {
    return OmittedRows.of(this.slot, this.isCopy, null);
  }

  /** `flow`: of the chunk, or -1. */
  omits(frame: number, flow: number): boolean {
    if (this.isCopy !== null && this.isCopy[frame] === 1) return true;
    return this.dropped !== null && isDropped(this.slot, this.dropped, frame, flow);
  }
}
