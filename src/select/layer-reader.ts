import type { FrameChunk } from '../capture/chunk.js';
import { DispatchTable } from '../dissect/dispatch-table.js';
import { DissectEngine, slotLayout } from '../dissect/dissect-engine.js';
import type { Dissector } from '../dissect/dissector.js';
import { Slot } from '../observe/slot.js';

/** Any one will do: the digests that come with the packets are not looked at. */
const IDENTITY_SEED = 1;
const HASH_SEED = 1;

export interface ReaderSizes {
  readonly chunkBytes: number;
  readonly frameCapacity: number;
}

/** The sizes of a chunk that somebody else made. */
export function sizesOf({ bytes, frames }: FrameChunk): ReaderSizes {
  return { chunkBytes: bytes.length, frameCapacity: frames.timeNs.length };
}

/**
 * What the dissectors see in single frames, without sessions: every IP packet of a frame with its flow and the tunnels
 * around it (`identities`), and one row a message in the tables of the protocols. Fill `chunk`, then ask for `rounds`.
 */
export class LayerReader {
  readonly slot: Slot;
  private readonly engine: DissectEngine;

  constructor(
    readonly dissectors: readonly Dissector[],
    sizes: ReaderSizes,
  ) {
    const layout = slotLayout(dissectors, { ...sizes, seed: HASH_SEED, identitySeed: IDENTITY_SEED });
    this.slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
    this.engine = new DissectEngine(new DispatchTable(dissectors), this.slot);
    this.slot.aggregatesRows = false;
  }

  get chunk(): FrameChunk {
    return this.slot.chunk;
  }

  /** Dissects the frames of the chunk; the tables hold those of `[firstFrame, nextFrame)` until the next step. */
  *rounds(): Generator<Slot> {
    const { slot, engine } = this;
    const { frameCount } = slot.chunk;
    for (let first = 0; first < frameCount; first = slot.nextFrame) {
      try {
        engine.dissectChunk(first);
      } catch {
        // Which frame it is that fails, and why, is for the report to say: here it has no layers.
        slot.clearTables();
        slot.firstFrame = first;
        slot.nextFrame = first + 1;
      }
      yield slot;
    }
  }
}
