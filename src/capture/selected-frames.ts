import { type FrameId, frameId } from '../units.js';
import type { CaptureFacts, CaptureInterface, CaptureSource, TimeSegment } from './capture-source.js';
import type { FrameChunk } from './chunk.js';
import { copyRow } from './read-window.js';

/** The frames of a capture that are asked for, and no others; ends when all of them were given out. */
export class SelectedFrames implements CaptureSource {
  readonly captures: readonly CaptureFacts[];
  readonly interfaces: readonly CaptureInterface[];
  readonly segments: readonly TimeSegment[];
  readonly totalBytes: number | null;
  private found = 0;

  constructor(
    private readonly source: CaptureSource,
    private readonly wanted: ReadonlySet<FrameId>,
  ) {
    this.captures = source.captures;
    this.interfaces = source.interfaces;
    this.segments = source.segments;
    this.totalBytes = source.totalBytes;
  }

  get consumedBytes(): number {
    return this.source.consumedBytes;
  }

  async fill(chunk: FrameChunk): Promise<boolean> {
    while (this.found < this.wanted.size) {
      if (!(await this.source.fill(chunk))) break;
      this.select(chunk);
      if (chunk.frameCount > 0) return true;
    }
    chunk.frameCount = 0;
    chunk.endsEpoch = true;
    return false;
  }

  close(): void | Promise<void> {
    return this.source.close();
  }

  private select(chunk: FrameChunk): void {
    const { frames } = chunk;
    let kept = 0;
    for (let index = 0; index < chunk.frameCount; index++) {
      if (!this.wanted.has(frameId(frames.capture[index], frames.number[index]))) continue;
      copyRow(frames, index, frames, kept++);
    }
    chunk.frameCount = kept;
    this.found += kept;
  }
}
