import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { CaptureSource, ReopenableInput } from '../capture/capture-source.js';
import type { Correlator } from '../correlate/correlator.js';
import type { IdentitySink } from '../correlate/identity-sink.js';
import type { FrameBins } from '../correlate/pictures/frame-bins.js';
import { CorrelatorRunner } from '../correlate/run-correlators.js';
import { DispatchTable } from '../dissect/dispatch-table.js';
import { DissectEngine, slotLayout } from '../dissect/dissect-engine.js';
import type { Dissector } from '../dissect/dissector.js';
import { Slot } from '../observe/slot.js';
import { type FrameId, frameId } from '../units.js';
import { type ChunkFeed, ReadingHere, ReadingInWorker } from './chunk-feed.js';
import { type ChunkDissector, InlineDissector, PoolDissector } from './dissect-pool.js';
import { WorkerPool } from './worker-pool.js';

export interface PipelineOptions {
  /** Worker threads; 0: everything on this thread; undefined: decided by the size of the input. */
  readonly threads?: number;
  readonly chunkBytes?: number;
  readonly onProgress?: (consumedBytes: number, totalBytes: number | null) => void;
  readonly signal?: AbortSignal;
  /** Called when a chunk was consumed; live captures judge here. The slots stand still meanwhile. */
  readonly onConsumed?: (runner: CorrelatorRunner) => void;
  /** Compiled file of the worker, where it is not the program's own. */
  readonly workerFile?: URL;
  /** Takes the identity of every packet, where captures are compared. */
  readonly identities?: IdentitySink;
  /** Takes every frame's time, where the report has pictures. */
  readonly frameBins?: FrameBins;
}

/** A frame that a dissector threw on. The rest of its chunk counts. */
export interface FrameFailure {
  readonly frame: FrameId;
  readonly message: string;
}

export interface PipelineResult {
  readonly runner: CorrelatorRunner;
  readonly frameFailures: readonly FrameFailure[];
  /** Failures beyond those kept. */
  readonly moreFailures: number;
}

const CHUNK_BYTES = 1 << 20;
/** The fewer slots, the more of them stays in the cache: a second one on a single thread costs a quarter more time. */
const SLOTS_ALONE = 1;
/** Two a worker, one that it fills or dissects and one that is consumed, and so many for the main thread to help with. */
const SLOTS_OF_MAIN_THREAD = 2;
const THREADS_MAX = 8;
/** Below this a pool costs more than it saves: at 400 MB on two cores a fifth more CPU time and no less wall time. */
const POOL_BYTES_MIN = 512 << 20;
const FAILURES_KEPT = 20;
const MANY_FLOWS = 1 << 17;
/**
 * Where flows come and go by the hundred thousand, V8 would let the remains of their states pile up to twice the memory.
 * It costs a seventh of the time, so only such captures pay it.
 */
const COLLECT_SOONER = '--heap-growing-percent=15';
const BYTES_PER_FRAME_MIN = 64;
/** A file that is read and dissected on this thread never waits: signals and timers get their turn so often. */
const TURN_EVERY_MS = 100;

/** Reads, dissects and correlates the whole input; stops early, without error, when the signal aborts. */
export async function runPipeline(
  source: CaptureSource,
  dissectors: readonly Dissector[],
  correlators: readonly Correlator[],
  options: PipelineOptions = {},
): Promise<PipelineResult> {
  const pipeline = await Pipeline.start(source, dissectors, correlators, options);
  try {
    await pipeline.run();
  } finally {
    await pipeline.close();
  }
  return pipeline.result();
}

class Pipeline {
  private readonly frameFailures: FrameFailure[] = [];
  private moreFailures = 0;
  private collectsSooner = false;
  private readonly feed: ChunkFeed;

  private constructor(
    private readonly source: CaptureSource,
    private readonly options: PipelineOptions,
    private readonly slots: readonly Slot[],
    private readonly engines: readonly DissectEngine[],
    private readonly dissector: ChunkDissector,
    private readonly runner: CorrelatorRunner,
  ) {
    const { reopenable } = source;
    this.feed =
      dissector instanceof PoolDissector && reopenable !== undefined
        ? this.readInWorker(dissector, reopenable)
        : this.readHere();
  }

  static async start(
    source: CaptureSource,
    dissectors: readonly Dissector[],
    correlators: readonly Correlator[],
    options: PipelineOptions,
  ): Promise<Pipeline> {
    const threads = options.threads ?? defaultThreads(source.totalBytes);
    const seed = randomInt(2 ** 31);
    const chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
    const frameCapacity = Math.max(16, Math.ceil(chunkBytes / BYTES_PER_FRAME_MIN));
    const identitySeed = options.identities?.seed;
    const sizes = {
      chunkBytes,
      frameCapacity,
      seed,
      ...(identitySeed === undefined ? {} : { identitySeed }),
    };
    const layout = slotLayout(dissectors, sizes);
    const byteLength = Slot.byteLength(layout);
    const slotCount = threads > 0 ? threads * 2 + SLOTS_OF_MAIN_THREAD : SLOTS_ALONE;
    const buffers = Array.from({ length: slotCount }, () =>
      threads > 0 ? new SharedArrayBuffer(byteLength) : new ArrayBuffer(byteLength),
    );
    const shared = buffers.filter((buffer) => buffer instanceof SharedArrayBuffer);
    const paths = source.reopenable?.paths ?? null;
    // First, since the workers come up while this thread makes ready what follows.
    const workers =
      threads > 0
        ? await WorkerPool.start(threads, { layout, buffers: shared, paths }, options.workerFile)
        : null;
    const slots = buffers.map((buffer) => new Slot(layout, buffer));
    const dispatch = new DispatchTable(dissectors);
    const engines = slots.map((slot) => new DissectEngine(dispatch, slot));
    const dissector =
      workers === null ? new InlineDissector(engines) : new PoolDissector(workers, slots, engines);
    return new Pipeline(
      source,
      options,
      slots,
      engines,
      dissector,
      new CorrelatorRunner(
        dispatch,
        correlators,
        seed,
        options.identities ?? null,
        options.frameBins ?? null,
      ),
    );
  }

  /** Consumes slots in the order in which they were filled, while the feed reads ahead. */
  async run(): Promise<void> {
    const { feed, options } = this;
    let lastTurnMs = performance.now();
    while (!options.signal?.aborted) {
      const slotIndex = await feed.take();
      if (slotIndex < 0) break;
      await this.finishSlot(slotIndex);
      options.onConsumed?.(this.runner);
      feed.giveBack(slotIndex);
      options.onProgress?.(feed.consumedBytes, this.source.totalBytes);
      if (performance.now() - lastTurnMs < TURN_EVERY_MS) continue;
      await turnOfTheLoop();
      lastTurnMs = performance.now();
    }
    await feed.finish();
    this.runner.endEpoch();
  }

  private readHere(): ReadingHere {
    const submit = (slotIndex: number): void => this.submit(slotIndex, 0);
    return new ReadingHere(this.source, this.slots, submit, this.options.signal);
  }

  private readInWorker(dissector: PoolDissector, input: ReopenableInput): ReadingInWorker {
    const { slots, source } = this;
    return new ReadingInWorker({
      source,
      input,
      workers: dissector.workers,
      slots,
      beginsHere: (source.totalBytes ?? 0) >= POOL_BYTES_MIN,
      prepare: (slotIndex) => {
        slots[slotIndex].aggregatesRows = !this.runner.needsEveryRow;
      },
      dissectHere: () => dissector.dissectOldest(),
      readHere: () => this.readHere(),
    });
  }

  result(): PipelineResult {
    const { runner, frameFailures, moreFailures } = this;
    return { runner, frameFailures, moreFailures };
  }

  close(): Promise<void> {
    return this.dissector.close();
  }

  private submit(slotIndex: number, firstFrame: number): void {
    const slot = this.slots[slotIndex];
    const endFrame = slot.chunk.frameCount;
    slot.aggregatesRows = !this.runner.needsEveryRow;
    this.dissector.submit({ slotIndex, firstFrame, endFrame });
  }

  private async settle(slotIndex: number, firstFrame: number): Promise<void> {
    const slot = this.slots[slotIndex];
    try {
      await this.dissector.settle(slotIndex);
    } catch {
      // Which frame it was is found in `finishSlot`, by going frame by frame.
      slot.firstFrame = firstFrame;
      slot.nextFrame = firstFrame;
    }
  }

  /** Consumes the round that is due, then whatever did not fit into the tables, round by round. */
  private async finishSlot(slotIndex: number): Promise<void> {
    const slot = this.slots[slotIndex];
    const engine = this.engines[slotIndex];
    await this.settle(slotIndex, 0);
    for (;;) {
      if (slot.nextFrame === slot.firstFrame && slot.nextFrame < slot.chunk.frameCount) {
        await this.dissectSingly(slotIndex, slot.nextFrame);
        break;
      }
      this.runner.consume(slot, engine);
      if (slot.nextFrame >= slot.chunk.frameCount) break;
      this.submit(slotIndex, slot.nextFrame);
      await this.settle(slotIndex, slot.nextFrame);
    }
    if (slot.chunk.endsEpoch) this.runner.endEpoch();
    if (!this.collectsSooner && this.runner.flows.size > MANY_FLOWS) {
      this.collectsSooner = true;
      (await import('node:v8')).setFlagsFromString(COLLECT_SOONER);
    }
  }

  /** Frame by frame, after a round failed: the frame that fails again is reported, the others count. */
  private async dissectSingly(slotIndex: number, firstFrame: number): Promise<void> {
    const slot = this.slots[slotIndex];
    const { frames, frameCount } = slot.chunk;
    for (let index = firstFrame; index < frameCount; index++) {
      try {
        slot.aggregatesRows = !this.runner.needsEveryRow;
        this.dissector.submit({ slotIndex, firstFrame: index, endFrame: index + 1 });
        await this.dissector.settle(slotIndex);
        this.runner.consume(slot, this.engines[slotIndex]);
      } catch (error) {
        slot.chunk.frameCount = frameCount;
        const message = error instanceof Error ? error.message : String(error);
        if (this.frameFailures.length >= FAILURES_KEPT) this.moreFailures++;
        else
          this.frameFailures.push({ frame: frameId(frames.capture[index], frames.number[index]), message });
      }
    }
  }
}

function defaultThreads(totalBytes: number | null): number {
  if (totalBytes !== null && totalBytes < POOL_BYTES_MIN) return 0;
  const cores = availableParallelism();
  return Math.min(THREADS_MAX, cores - 1);
}
