import { CaptureError } from '../capture/capture-error.js';
import type { CaptureSource, InputFacts } from '../capture/capture-source.js';
import { openCaptureSource } from '../capture/file-source.js';
import type { TextCatalogue } from '../capture/text-capture.js';
import type { Slot } from '../observe/slot.js';
import type { OrderBoard } from './order-board.js';

/** What the worker that reads tells at its end; `failure` is why it could not go on. */
export interface ReadOutcome {
  readonly facts: InputFacts | null;
  readonly failure: { readonly message: string; readonly file: string | null } | null;
}

/** The reading half of a worker: fills empty slots with the chunks of the input, in order. */
export class ChunkReader {
  private source: CaptureSource | null = null;
  private ended = false;
  private failure: ReadOutcome['failure'] = null;

  constructor(
    private readonly paths: readonly string[],
    private readonly slots: readonly Slot[],
    private readonly board: OrderBoard,
    private readonly texts: TextCatalogue,
  ) {}

  /** Fills an empty slot, if there is one and the input has not ended; false where there was nothing to do. */
  async fillOne(worker: number): Promise<boolean> {
    if (this.ended) return false;
    const slotIndex = this.board.takeEmpty(worker);
    if (slotIndex < 0) return false;
    try {
      await this.fill(slotIndex);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.failure = { message, file: error instanceof CaptureError ? error.file : null };
      this.end(slotIndex);
    }
    return true;
  }

  outcome(): ReadOutcome {
    const { source, failure } = this;
    if (source === null) return { facts: null, failure };
    const { captures, interfaces, segments } = source;
    source.close();
    return { facts: { captures, interfaces, segments }, failure };
  }

  private async fill(slotIndex: number): Promise<void> {
    const slot = this.slots[slotIndex];
    slot.adopt();
    this.source ??= await this.open(slot);
    const { source } = this;
    const filled = source.fill(slot.chunk);
    if (!(typeof filled === 'boolean' ? filled : await filled)) return this.end(slotIndex);
    slot.firstFrame = slot.nextFrame = 0;
    slot.publish();
    this.board.postFilled(slotIndex, slot.chunk.frameCount, source.consumedBytes);
  }

  /** Chunks that a worker filled before it died are read once more and left out. */
  private async open(slot: Slot): Promise<CaptureSource> {
    const source = await openCaptureSource(this.paths, this.texts);
    for (let chunk = this.board.filled; chunk > 0; chunk--) await source.fill(slot.chunk);
    return source;
  }

  private end(slotIndex: number): void {
    this.ended = true;
    this.board.endInput(slotIndex);
  }
}
