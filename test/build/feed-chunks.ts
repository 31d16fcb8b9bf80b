import type { Correlator } from '../../src/correlate/correlator.js';
import { CorrelatorRunner } from '../../src/correlate/run-correlators.js';
import { DispatchTable } from '../../src/dissect/dispatch-table.js';
import { DissectEngine, slotLayout } from '../../src/dissect/dissect-engine.js';
import type { Dissector } from '../../src/dissect/dissector.js';
import { Slot } from '../../src/observe/slot.js';
import { LINK_TYPE } from './link.js';

const CHUNK_BYTES = 2 << 20;
const FRAME_CAPACITY = 256;
const SEED = 12_345;

/** A frame of a hand-fed chunk. */
export interface FedFrame {
  readonly bytes: Uint8Array;
  /** Nanoseconds from the segment's base; NaN: no time. Default: a millisecond a frame. */
  readonly timeNs?: number;
  readonly segment?: number;
  /** Length on the wire; default: that of `bytes`. */
  readonly originalLength?: number;
}

export interface FeedOptions {
  /** Frames, besides changes of the segment, before which a new chunk starts. */
  readonly cuts?: readonly number[];
  /** Dissect as a pool does: over the same memory, but on other objects than those that correlate. */
  readonly isPooled?: boolean;
  /** Default: raw IP. */
  readonly linkType?: number;
}

/** Feeds frames chunk by chunk to correlators, with chunks cut wherever a test wants them. */
export class ChunkFeed {
  private readonly dispatch: DispatchTable;
  private readonly main: Slot;
  private readonly mainEngine: DissectEngine;
  private readonly worker: Slot;
  private readonly workerEngine: DissectEngine;

  constructor(dissectors: readonly Dissector[]) {
    const sizes = { chunkBytes: CHUNK_BYTES, frameCapacity: FRAME_CAPACITY, seed: SEED };
    const layout = slotLayout(dissectors, sizes);
    const buffer = new ArrayBuffer(Slot.byteLength(layout));
    this.dispatch = new DispatchTable(dissectors);
    this.main = new Slot(layout, buffer);
    this.mainEngine = new DissectEngine(this.dispatch, this.main);
    this.worker = new Slot(layout, buffer);
    this.workerEngine = new DissectEngine(this.dispatch, this.worker);
  }

  run(
    frames: readonly FedFrame[],
    correlators: readonly Correlator[],
    { cuts = [], isPooled = false, linkType = LINK_TYPE.raw }: FeedOptions = {},
  ): CorrelatorRunner {
    const runner = new CorrelatorRunner(this.dispatch, correlators, SEED);
    let start = 0;
    for (let end = 1; end <= frames.length; end++) {
      const isCut =
        end === frames.length ||
        cuts.includes(end) ||
        end - start === FRAME_CAPACITY ||
        (frames[end].segment ?? 0) !== (frames[start].segment ?? 0);
      if (!isCut) continue;
      this.fill(frames, start, end, linkType);
      this.dissect(runner, isPooled);
      start = end;
    }
    if (runner.failures.length > 0) throw new Error(runner.failures.map(({ message }) => message).join('; '));
    return runner;
  }

  private fill(frames: readonly FedFrame[], start: number, end: number, linkType: number): void {
    const { chunk } = this.main;
    let at = 0;
    for (let index = start; index < end; index++) {
      const { bytes, timeNs, originalLength } = frames[index];
      const row = index - start;
      chunk.bytes.set(bytes, at);
      chunk.frames.offset[row] = at;
      chunk.frames.capturedLength[row] = bytes.length;
      chunk.frames.originalLength[row] = originalLength ?? bytes.length;
      chunk.frames.timeNs[row] = timeNs ?? index * 1_000_000;
      chunk.frames.number[row] = index + 1;
      chunk.frames.linkType[row] = linkType;
      chunk.frames.capture[row] = 0;
      chunk.frames.interfaceIndex[row] = 0;
      chunk.frames.marks[row] = 0;
      at += bytes.length;
    }
    chunk.frameCount = end - start;
    chunk.segment = frames[start].segment ?? 0;
  }

  private dissect(runner: CorrelatorRunner, isPooled: boolean): void {
    const { main, worker } = this;
    let next = 0;
    do {
      if (isPooled) {
        main.publish();
        worker.adopt();
        next = this.workerEngine.dissectChunk(next);
        worker.publish();
        main.adopt();
      } else {
        next = this.mainEngine.dissectChunk(next);
      }
      runner.consume(main, this.mainEngine);
    } while (next < main.chunk.frameCount);
  }
}
