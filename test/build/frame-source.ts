import type {
  CaptureFacts,
  CaptureInterface,
  CaptureSource,
  TimeSegment,
} from '../../src/capture/capture-source.js';
import { FRAMES_PER_EPOCH, type FrameChunk } from '../../src/capture/chunk.js';

/** A frame as a test writes it down. */
export interface TestFrame {
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
  /** Length on the wire; default: that of `bytes`. */
  readonly originalLength?: number;
  readonly interfaceIndex?: number;
  readonly linkType?: number;
  readonly marks?: number;
}

const LINKTYPE_ETHERNET = 1;

/** A capture that never was a file: hands test frames to the pipeline, in one time segment. */
export class FrameSource implements CaptureSource {
  readonly captures: CaptureFacts[];
  readonly interfaces: CaptureInterface[];
  readonly segments: TimeSegment[];
  readonly totalBytes = null;
  consumedBytes = 0;
  private next = 0;

  constructor(
    private readonly frames: readonly TestFrame[],
    private readonly framesPerChunk = Number.POSITIVE_INFINITY,
  ) {
    const first = frames[0]?.timeNs ?? null;
    this.captures = [
      {
        file: 'test',
        format: 'pcap',
        linkTypes: [frames[0]?.linkType ?? LINKTYPE_ETHERNET],
        frames: frames.length,
        records: frames.length,
        bytes: 0,
        clock: 'absolute',
        firstTimeNs: first,
        lastTimeNs: frames.at(-1)?.timeNs ?? null,
        damaged: [],
        drops: null,
        snaplen: 0,
        packetsInWords: 0,
        packetsInLists: 0,
        fragmentsUntold: 0,
        comments: [],
        skipped: new Map(),
      },
    ];
    this.interfaces = [
      { captureIndex: 0, linkType: 1, snaplen: 0, name: null, filter: null, received: null, dropped: null },
    ];
    this.segments = [{ baseNs: first ?? 0n, captureIndex: 0, clock: 'absolute', openedBy: 'start' }];
  }

  fill(chunk: FrameChunk): boolean {
    let at = 0;
    let count = 0;
    const limit = Math.min(this.framesPerChunk, FRAMES_PER_EPOCH - (this.next % FRAMES_PER_EPOCH));
    while (this.next < this.frames.length && count < limit && count < chunk.frames.offset.length) {
      const frame = this.frames[this.next];
      if (at + frame.bytes.length > chunk.bytes.length) break;
      chunk.bytes.set(frame.bytes, at);
      this.describe(chunk, count, at, frame);
      at += frame.bytes.length;
      count++;
      this.next++;
    }
    chunk.frameCount = count;
    chunk.segment = 0;
    chunk.endsEpoch = this.next % FRAMES_PER_EPOCH === 0 || this.next === this.frames.length;
    return count > 0;
  }

  close(): void {}

  private describe({ frames }: FrameChunk, index: number, offset: number, frame: TestFrame): void {
    frames.offset[index] = offset;
    frames.capturedLength[index] = frame.bytes.length;
    frames.originalLength[index] = frame.originalLength ?? frame.bytes.length;
    frames.timeNs[index] = Number(frame.timeNs - this.segments[0].baseNs);
    frames.number[index] = this.next + 1;
    frames.linkType[index] = frame.linkType ?? LINKTYPE_ETHERNET;
    frames.capture[index] = 0;
    frames.interfaceIndex[index] = frame.interfaceIndex ?? 0;
    frames.marks[index] = frame.marks ?? 0;
  }
}
