import type { SegmentIndex } from '../units.js';

/** Frames of one chunk never cross a multiple of this in the merged order (bounds fall due only there). */
export const FRAMES_PER_EPOCH = 65_536;

/**
 * Where the frames of a chunk begin, one column a property. Written by the reader, read by everybody.
 * FCS bytes are already cut from both lengths.
 */
export interface FrameIndex {
  /** Byte offset of the frame's first byte in the chunk. */
  readonly offset: Uint32Array;
  readonly capturedLength: Uint32Array;
  /** Length on the wire, at least `capturedLength`. */
  readonly originalLength: Uint32Array;
  /** Nanoseconds from the base of the chunk's time segment, or NaN. */
  readonly timeNs: Float64Array;
  /** 1-based, as Wireshark counts frames of that file. */
  readonly number: Uint32Array;
  /** LINKTYPE_ value; 0xFFFF: unknown to the file (the frame is counted, not dissected). */
  readonly linkType: Uint16Array;
  /** Index in `captures[]`. */
  readonly capture: Uint16Array;
  /** Index of the interface in the run's interface list (all files and sections together). */
  readonly interfaceIndex: Uint16Array;
  /** MARK_ bits. */
  readonly marks: Uint8Array;
}

/**
 * Whole records of one time segment. The holder of the chunk owns its memory: the reader until
 * it is filled, then the worker, then the main thread until the slot is handed back.
 */
export interface FrameChunk {
  /** On a SharedArrayBuffer where workers are used. */
  readonly bytes: Uint8Array;
  readonly frames: FrameIndex;
  frameCount: number;
  segment: SegmentIndex;
  /** True where the next chunk starts a new epoch, that is at multiples of FRAMES_PER_EPOCH and at the end. */
  endsEpoch: boolean;
}

const FRAME_INDEX_BYTES_PER_FRAME = 4 + 4 + 4 + 8 + 4 + 2 + 2 + 2 + 1;

/** Bytes that a frame index of that capacity takes; a multiple of 8. */
export function frameIndexByteLength(frameCapacity: number): number {
  return Math.ceil((frameCapacity * FRAME_INDEX_BYTES_PER_FRAME) / 8) * 8;
}

/** Lays the columns of a frame index over `buffer` from `byteOffset` (a multiple of 8). */
export function frameIndexOver(
  buffer: ArrayBufferLike,
  byteOffset: number,
  frameCapacity: number,
): FrameIndex {
  let at = byteOffset;
  const take = (bytesPerFrame: number): number => {
    const start = at;
    at += bytesPerFrame * frameCapacity;
    return start;
  };
  return {
    timeNs: new Float64Array(buffer, take(8), frameCapacity),
    offset: new Uint32Array(buffer, take(4), frameCapacity),
    capturedLength: new Uint32Array(buffer, take(4), frameCapacity),
    originalLength: new Uint32Array(buffer, take(4), frameCapacity),
    number: new Uint32Array(buffer, take(4), frameCapacity),
    linkType: new Uint16Array(buffer, take(2), frameCapacity),
    capture: new Uint16Array(buffer, take(2), frameCapacity),
    interfaceIndex: new Uint16Array(buffer, take(2), frameCapacity),
    marks: new Uint8Array(buffer, take(1), frameCapacity),
  };
}
