import type { Slot } from '../observe/slot.js';

/** Takes the identity rows of every round, in capture order, where captures are compared. */
export interface IdentitySink {
  /** Seed of the digests: equal for all captures of a comparison. */
  readonly seed: number;
  /** `isCopy`: by frame index, 1 for copies of a frame; null where there are none. The slot is used again afterwards. */
  take(slot: Slot, isCopy: Uint8Array | null): void;
}
