import type { FrameChunk, FrameIndex } from './chunk.js';

/** The next record is not wholly in the window. */
export const WALK_NEEDS_BYTES = 0;
/** A packet follows and the row limit is reached. */
export const WALK_AT_LIMIT = 1;
/** Row `cutRow` belongs to another time segment, or has to wait; rows before it are good. */
export const WALK_CUT = 2;
/** What stands at `at` is no record; `lostReason` says why. The next plausible one must be searched. */
export const WALK_LOST = 3;
/** `skipBytes` from `at` on are to be passed over unread. */
export const WALK_SKIP = 4;

export type WalkStop =
  | typeof WALK_NEEDS_BYTES
  | typeof WALK_AT_LIMIT
  | typeof WALK_CUT
  | typeof WALK_LOST
  | typeof WALK_SKIP;

/**
 * The chunk being filled: bytes `[0, end)` are read, `[at, end)` are not walked yet, and `rows`
 * rows of the frame index are written.
 */
export class ReadWindow {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  frames: FrameIndex | null = null;
  at = 0;
  end = 0;
  rows = 0;
  rowLimit = 0;
  /** Byte offset in the file of `at` less `at`. */
  fileBase = 0;
  cutRow = 0;
  lostReason = '';
  /** Byte offset in the file of what was no record. */
  lostOffset = 0;
  skipBytes = 0;

  open(chunk: FrameChunk, rowLimit: number): void {
    this.bytes = chunk.bytes;
    this.view = new DataView(chunk.bytes.buffer, chunk.bytes.byteOffset, chunk.bytes.byteLength);
    this.frames = chunk.frames;
    this.rowLimit = rowLimit;
    this.at = 0;
    this.end = 0;
    this.rows = 0;
  }

  get fileOffset(): number {
    return this.fileBase + this.at;
  }
}

/** Reads the records of one file format out of a window into its frame index. */
export interface RecordWalker {
  walk(window: ReadWindow): WalkStop;
  /**
   * Offset of the next plausible record in `bytes`, searched from byte 1, or -1.
   * @param atEnd whether the file ends with these bytes
   * @param searchEnd records are searched to begin before this offset
   */
  findRecord(bytes: Uint8Array, searchEnd: number, atEnd: boolean): number;
  /** Bytes of the file beyond which the search for the next record is given up. */
  readonly searchLengthMax: number;
  /** Times of rows count from this base from now on. */
  rebase(baseNs: bigint): void;
  /** The raw time of a record (two words as they stand in it, and its interface) since 1970. */
  exactNs(high: number, low: number, interfaceId: number): bigint;
  /** The same from the base; exact to 104 days from it. */
  relativeNs(high: number, low: number, interfaceId: number): number;
}

/** Copies row `from` of one frame index to row `to` of another. */
export function copyRow(source: FrameIndex, from: number, target: FrameIndex, to: number): void {
  target.offset[to] = source.offset[from];
  target.capturedLength[to] = source.capturedLength[from];
  target.originalLength[to] = source.originalLength[from];
  target.timeNs[to] = source.timeNs[from];
  target.number[to] = source.number[from];
  target.linkType[to] = source.linkType[from];
  target.capture[to] = source.capture[from];
  target.interfaceIndex[to] = source.interfaceIndex[from];
  target.marks[to] = source.marks[from];
}
