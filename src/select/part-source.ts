import type {
  CaptureFacts,
  CaptureInterface,
  CaptureSource,
  TimeSegment,
} from '../capture/capture-source.js';
import type { FrameChunk } from '../capture/chunk.js';
import { MARK_NO_TIME } from '../capture/frame-marks.js';
import { copyRow } from '../capture/read-window.js';
import { CaptureQualityObserver } from '../correlate/capture-quality.js';
import type { Dissector } from '../dissect/dissector.js';
import type { FilterExpression } from './filter-expression.js';
import { FrameMatcher, isMeant } from './frame-matcher.js';
import { LayerReader, sizesOf } from './layer-reader.js';

/** Instants in nanoseconds since 1970 (or since the unknown start of a relative clock), both included; null: no bound. */
export interface TimeRange {
  readonly fromNs: bigint | null;
  readonly toNs: bigint | null;
}

export const ALL_TIMES: TimeRange = { fromNs: null, toNs: null };

/** Frames of the input, and those that were not looked at. */
export interface PartCounts {
  frames: number;
  outOfTime: number;
  filtered: number;
}

/** The frames of a capture that lie in a time range and meet a filter. What the others tell of the capture is kept. */
export class PartSource implements CaptureSource {
  readonly captures: readonly CaptureFacts[];
  readonly interfaces: readonly CaptureInterface[];
  readonly segments: readonly TimeSegment[];
  readonly totalBytes: number | null;
  readonly counts: PartCounts = { frames: 0, outOfTime: 0, filtered: 0 };
  /** Of all frames in the time range: that one host is silent in the part is no silence of the capture. */
  readonly observed = new CaptureQualityObserver();
  private reader: LayerReader | null = null;
  private matcher: FrameMatcher | null = null;

  constructor(
    private readonly source: CaptureSource,
    private readonly filter: FilterExpression | null,
    private readonly range: TimeRange,
    private readonly dissectors: readonly Dissector[],
  ) {
    this.captures = source.captures;
    this.interfaces = source.interfaces;
    this.segments = source.segments;
    this.totalBytes = source.totalBytes;
  }

  get texts(): NonNullable<CaptureSource['texts']> {
    return this.source.texts ?? [];
  }

  get leftOut(): NonNullable<CaptureSource['leftOut']> {
    return this.source.leftOut ?? [];
  }

  get consumedBytes(): number {
    return this.source.consumedBytes;
  }

  /** A chunk without frames, where an epoch ends in frames that are left out. */
  async fill(target: FrameChunk): Promise<boolean> {
    this.reader ??= new LayerReader(this.dissectors, sizesOf(target));
    const { reader } = this;
    const { chunk } = reader;
    for (;;) {
      if (!(await this.source.fill(chunk))) {
        target.frameCount = 0;
        target.endsEpoch = true;
        return false;
      }
      this.counts.frames += chunk.frameCount;
      this.leaveOutTimes(chunk);
      const kept = this.select(reader);
      target.segment = chunk.segment;
      target.endsEpoch = chunk.endsEpoch;
      copyFrames(chunk, kept, target);
      if (kept.length > 0 || chunk.endsEpoch) return true;
    }
  }

  close(): void | Promise<void> {
    return this.source.close();
  }

  /** Frames without a time are in no range. */
  private leaveOutTimes(chunk: FrameChunk): void {
    const { fromNs, toNs } = this.range;
    if (fromNs === null && toNs === null) return;
    const { frames } = chunk;
    const baseNs = this.segments[chunk.segment]?.baseNs ?? 0n;
    const from = fromNs === null ? Number.NEGATIVE_INFINITY : Number(fromNs - baseNs);
    const to = toNs === null ? Number.POSITIVE_INFINITY : Number(toNs - baseNs);
    let kept = 0;
    for (let index = 0; index < chunk.frameCount; index++) {
      const timeNs = frames.timeNs[index];
      const isTimed = (frames.marks[index] & MARK_NO_TIME) === 0 && !Number.isNaN(timeNs);
      if (isTimed && from <= timeNs && timeNs <= to) copyRow(frames, index, frames, kept++);
    }
    this.counts.outOfTime += chunk.frameCount - kept;
    chunk.frameCount = kept;
  }

  private select(reader: LayerReader): number[] {
    const { chunk } = reader;
    const { filter } = this;
    const kept: number[] = [];
    if (filter === null) {
      for (let index = 0; index < chunk.frameCount; index++) kept.push(index);
      return kept;
    }
    this.matcher ??= new FrameMatcher(
      filter.terms,
      this.dissectors.map(({ protocol }) => protocol),
      chunk.frames.timeNs.length,
    );
    const { masks } = this.matcher;
    for (const round of reader.rounds()) {
      this.observed.observe(round, null);
      this.matcher.match(round);
      for (let index = round.firstFrame; index < round.nextFrame; index++)
        if (isMeant(filter.root, masks[index])) kept.push(index);
    }
    this.counts.filtered += chunk.frameCount - kept.length;
    return kept;
  }
}

function copyFrames(source: FrameChunk, kept: readonly number[], target: FrameChunk): void {
  let at = 0;
  let row = 0;
  for (const index of kept) {
    const offset = source.frames.offset[index];
    const length = source.frames.capturedLength[index];
    copyRow(source.frames, index, target.frames, row);
    target.frames.offset[row++] = at;
    target.bytes.set(source.bytes.subarray(offset, offset + length), at);
    at += length;
  }
  target.frameCount = row;
}
