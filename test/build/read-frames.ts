import { type FrameChunk, frameIndexByteLength, frameIndexOver } from '../../src/capture/chunk.js';
import type { CaptureInput } from '../../src/capture/file-source.js';
import { openCaptureSource } from '../../src/capture/file-source.js';
import type { CaptureFrame } from './capture-file.js';

const CHUNK_BYTES = 1 << 20;
const FRAME_CAPACITY = 1 << 14;

/** An empty chunk of its own memory. */
export function emptyChunk(chunkBytes = CHUNK_BYTES, frameCapacity = FRAME_CAPACITY): FrameChunk {
  const index = new ArrayBuffer(frameIndexByteLength(frameCapacity));
  return {
    bytes: new Uint8Array(chunkBytes),
    frames: frameIndexOver(index, 0, frameCapacity),
    frameCount: 0,
    segment: 0,
    endsEpoch: false,
  };
}

/** All frames of a capture, in memory, with the link type of the first. */
export async function readFrames(input: CaptureInput): Promise<{ frames: CaptureFrame[]; linkType: number }> {
  const source = await openCaptureSource([input]);
  const chunk = emptyChunk();
  const frames: CaptureFrame[] = [];
  let linkType = -1;
  while (await source.fill(chunk)) {
    const { baseNs } = source.segments[chunk.segment];
    for (let index = 0; index < chunk.frameCount; index++) {
      const offset = chunk.frames.offset[index];
      if (linkType < 0) linkType = chunk.frames.linkType[index];
      frames.push({
        timeNs: baseNs + BigInt(chunk.frames.timeNs[index]),
        bytes: chunk.bytes.slice(offset, offset + chunk.frames.capturedLength[index]),
        originalLength: chunk.frames.originalLength[index],
      });
    }
  }
  await source.close();
  return { frames, linkType };
}
