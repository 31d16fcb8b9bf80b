import { type FrameChunk, type FrameIndex, frameIndexByteLength, frameIndexOver } from '../capture/chunk.js';
import { Arena } from './arena.js';
import { DAMAGED, FINGERPRINT, IDENTITY, PIECE, TOUCH, UNREADABLE_HEADER } from './engine-tables.js';
import { FlowDictionary } from './flow-dictionary.js';
import { KeyTable } from './key-table.js';
import { RowGroups } from './row-groups.js';
import {
  createTable,
  keepRowsBetween,
  type ObservationTable,
  physicalRows,
  type Room,
  type Schema,
  type TableRows,
  tableByteLength,
} from './table.js';

export interface TableLayout {
  readonly schema: Schema;
  readonly capacity: number;
  /** Rows above the others, for rows of earlier chunks that `claims` releases. */
  readonly revivableRows: number;
}

/** Sizes of a slot; equal on every thread of a run. */
export interface SlotLayout {
  readonly chunkBytes: number;
  readonly frameCapacity: number;
  readonly flowCapacity: number;
  readonly stackCapacity: number;
  readonly blobBytes: number;
  readonly tables: readonly TableLayout[];
  /** Seed of the hash tables: random per process. */
  readonly seed: number;
  /** Seed of packet identities, equal on both sides of a comparison; absent where nothing is compared. */
  readonly identitySeed?: number;
}

/** Head of the slot's memory, as 32-bit words: what one thread tells the other. */
const HEAD_WORDS = 256;
const HEAD_FRAME_COUNT = 0;
const HEAD_FIRST_FRAME = 1;
const HEAD_NEXT_FRAME = 2;
const HEAD_FLOWS = 3;
const HEAD_STACKS = 4;
const HEAD_BLOB = 5;
const HEAD_AGGREGATES_ROWS = 6;
const HEAD_GROUPED_FLOWS = 7;
const HEAD_SEGMENT = 8;
const HEAD_ENDS_EPOCH = 9;
const HEAD_TABLES = 10;

/** Flow rows that one frame may add above the limit at which dissecting stops. */
const FLOWS_PER_FRAME_MAX = 32;

/** Wrong checksums of a round. */
const DAMAGED_ROWS = 4096;

/** Flows above that which are left to messages that the assembler puts together. */
const MESSAGE_FLOWS_SPARE = 256;

/**
 * Rows of unsure dissectors that may wait at any time for a second one on their flow (decision on claims), hence
 * rows of earlier chunks that one chunk may release.
 */
export const WAITING_ROWS_MAX = 4096;

/**
 * One chunk of frames with all that is observed of it, in one stretch of memory that the reader, a worker and
 * the main thread own one after the other. Never grows: when a table is full, dissecting stops before the next
 * frame and the rest of the chunk is dissected in a second round.
 */
export class Slot {
  readonly chunk: FrameChunk;
  /** The frames of `chunk`, and after `layout.frameCapacity` those of rows of earlier chunks. */
  readonly frames: FrameIndex;
  readonly view: DataView;
  readonly flows: FlowDictionary;
  readonly stacks: KeyTable;
  readonly unreadableHeaders: ObservationTable<typeof UNREADABLE_HEADER>;
  readonly damaged: ObservationTable<typeof DAMAGED>;
  readonly touches: ObservationTable<typeof TOUCH>;
  readonly pieces: ObservationTable<typeof PIECE>;
  readonly fingerprints: ObservationTable<typeof FINGERPRINT>;
  /** Empty unless `layout.identitySeed` is given. */
  readonly identities: ObservationTable<typeof IDENTITY>;
  /** By frame of the round: its protocols of the catalogue, as bits; empty as `identities` are. */
  readonly protocols: Uint32Array;
  /** Tables of the protocols, in the order of the catalogue. */
  readonly tables: readonly ObservationTable<Schema>[];
  /** Payload bytes for the assembler. */
  readonly blob: Uint8Array;
  blobLength = 0;
  /** By table: its rows by flow, as they were when the round was dissected. */
  readonly groups: readonly RowGroups[];
  /** Flows there were then; -1 where rows are not grouped. */
  groupedFlows = -1;
  /**
   * True where dissectors may write one row for several packets that differ in nothing but their counts, and no touches:
   * good as long as no frame of the round turns out to be a copy.
   */
  aggregatesRows = false;
  /** Frames `[firstFrame, nextFrame)` of the chunk are dissected. */
  firstFrame = 0;
  nextFrame = 0;

  private readonly room: Room = { isExhausted: false };
  private readonly head: Int32Array;
  private readonly allRows: readonly TableRows[];
  private readonly noTunnel = new Int32Array(12);

  constructor(
    readonly layout: SlotLayout,
    readonly buffer: ArrayBufferLike,
  ) {
    const arena = new Arena(buffer);
    this.head = new Int32Array(buffer, arena.take(HEAD_WORDS * 4), HEAD_WORDS);
    const frameRows = layout.frameCapacity + WAITING_ROWS_MAX;
    const frameIndexAt = arena.take(frameIndexByteLength(frameRows));
    const bytesAt = arena.take(layout.chunkBytes);
    this.frames = frameIndexOver(buffer, frameIndexAt, frameRows);
    this.chunk = {
      bytes: new Uint8Array(buffer, bytesAt, layout.chunkBytes),
      frames: firstFrames(this.frames, layout.frameCapacity),
      frameCount: 0,
      segment: 0,
      endsEpoch: false,
    };
    this.view = new DataView(buffer, bytesAt, layout.chunkBytes);
    this.flows = new FlowDictionary(layout.flowCapacity, layout.seed, arena);
    this.stacks = new KeyTable(layout.stackCapacity, layout.seed, arena);
    this.blob = new Uint8Array(buffer, arena.take(layout.blobBytes), layout.blobBytes);
    this.unreadableHeaders = createTable(UNREADABLE_HEADER, layout.frameCapacity, arena, this.room);
    this.damaged = createTable(DAMAGED, DAMAGED_ROWS, arena, this.room);
    this.touches = createTable(TOUCH, layout.frameCapacity * 2, arena, this.room);
    this.pieces = createTable(PIECE, layout.frameCapacity, arena, this.room);
    this.fingerprints = createTable(FINGERPRINT, layout.frameCapacity, arena, this.room);
    this.identities = createTable(IDENTITY, identityCapacity(layout), arena, this.room);
    const noted = notedFrames(layout);
    this.protocols = new Uint32Array(buffer, arena.take(noted * 4), noted);
    this.tables = layout.tables.map(({ schema, capacity, revivableRows }) =>
      createTable(schema, capacity, arena, this.room, revivableRows),
    );
    this.groups = layout.tables.map(
      ({ capacity, revivableRows }) =>
        new RowGroups(physicalRows(capacity, revivableRows), layout.flowCapacity, arena),
    );
    this.allRows = [
      this.unreadableHeaders,
      this.damaged,
      this.touches,
      this.pieces,
      this.fingerprints,
      this.identities,
      ...this.tables,
    ].map((table) => table.rows);
  }

  static byteLength(layout: SlotLayout): number {
    const frames = layout.frameCapacity;
    return (
      HEAD_WORDS * 4 +
      frameIndexByteLength(frames + WAITING_ROWS_MAX) +
      Math.ceil(layout.chunkBytes / 8) * 8 +
      FlowDictionary.byteLength(layout.flowCapacity) +
      KeyTable.byteLength(layout.stackCapacity) +
      Math.ceil(layout.blobBytes / 8) * 8 +
      tableByteLength(UNREADABLE_HEADER, frames) +
      tableByteLength(DAMAGED, DAMAGED_ROWS) +
      tableByteLength(TOUCH, frames * 2) +
      tableByteLength(PIECE, frames) +
      tableByteLength(FINGERPRINT, frames) +
      tableByteLength(IDENTITY, identityCapacity(layout)) +
      Math.ceil((notedFrames(layout) * 4) / 8) * 8 +
      layout.tables.reduce(
        (sum, { schema, capacity, revivableRows }) =>
          sum +
          tableByteLength(schema, capacity, revivableRows) +
          RowGroups.byteLength(physicalRows(capacity, revivableRows), layout.flowCapacity),
        0,
      )
    );
  }

  /** Empties the tables before a round of dissecting; the frames stay. */
  clearTables(): void {
    for (const rows of this.allRows) rows.length = 0;
    this.flows.clear();
    this.stacks.clear();
    this.stacks.findOrAdd(this.noTunnel);
    this.blobLength = 0;
    this.groupedFlows = -1;
    this.room.isExhausted = false;
  }

  /** Groups the rows of every table by flow, after the round is dissected. */
  groupRows(): void {
    const flowCount = this.flows.keys.length;
    for (let table = 0; table < this.tables.length; table++) {
      const { rows } = this.tables[table];
      const groups = this.groups[table];
      groups.length = 0;
      if (rows.length > 0) groups.group(inOrder(rows.length), rows.length, rows.flow, flowCount);
    }
    this.groupedFlows = flowCount;
  }

  /** The bytes behind a view that a dissector reads: the chunk's, or a message's that the assembler put together. */
  bytesOf(view: DataView): Uint8Array {
    return view === this.view
      ? this.chunk.bytes
      : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }

  /** False where the next frame might not fit whole. */
  hasRoom(): boolean {
    return (
      !this.room.isExhausted &&
      this.flows.keys.length + FLOWS_PER_FRAME_MAX + MESSAGE_FLOWS_SPARE <= this.flows.keys.capacity &&
      this.stacks.length + FLOWS_PER_FRAME_MAX * 2 <= this.stacks.capacity &&
      // Twice: a message of the assembler may leave as much as a frame.
      this.blobLength + BLOB_BYTES_PER_FRAME_MAX * 2 <= this.blob.length
    );
  }

  /** False where the rows of one more message of the assembler might not fit: then these rows are to be taken in first. */
  hasRoomForMessage(): boolean {
    for (let table = 0; table < this.allRows.length; table++) {
      if (!this.allRows[table].hasRoomForMessage()) return false;
    }
    return true;
  }

  /** False where the flows of one more message of the assembler might not fit. */
  hasFlowsForMessage(): boolean {
    return (
      this.flows.keys.length + FLOWS_PER_FRAME_MAX <= this.flows.keys.capacity &&
      this.stacks.length + FLOWS_PER_FRAME_MAX <= this.stacks.capacity
    );
  }

  /** Drops the protocols' rows of frames up to `frame`, which were taken in, and rows of earlier chunks. */
  dropRowsUpTo(frame: number): void {
    for (const table of this.tables) {
      if (table.rows.length > 0) keepRowsBetween(table, frame, this.layout.frameCapacity);
    }
  }

  /** Makes flows and stacks that another thread wrote findable here. */
  reindex(): void {
    this.flows.keys.reindex();
    this.stacks.reindex();
  }

  /** Writes what the other thread needs to know into shared memory. */
  publish(): void {
    const head = this.head;
    head[HEAD_FRAME_COUNT] = this.chunk.frameCount;
    head[HEAD_SEGMENT] = this.chunk.segment;
    head[HEAD_ENDS_EPOCH] = this.chunk.endsEpoch ? 1 : 0;
    head[HEAD_FIRST_FRAME] = this.firstFrame;
    head[HEAD_NEXT_FRAME] = this.nextFrame;
    head[HEAD_FLOWS] = this.flows.keys.length;
    head[HEAD_STACKS] = this.stacks.length;
    head[HEAD_BLOB] = this.blobLength;
    head[HEAD_AGGREGATES_ROWS] = this.aggregatesRows ? 1 : 0;
    head[HEAD_GROUPED_FLOWS] = this.groupedFlows;
    for (let table = 0; table < this.allRows.length; table++) {
      head[HEAD_TABLES + table] = this.allRows[table].length;
    }
  }

  /** Takes over what the other thread published. */
  adopt(): void {
    const head = this.head;
    this.chunk.frameCount = head[HEAD_FRAME_COUNT];
    this.chunk.segment = head[HEAD_SEGMENT];
    this.chunk.endsEpoch = head[HEAD_ENDS_EPOCH] === 1;
    this.firstFrame = head[HEAD_FIRST_FRAME];
    this.nextFrame = head[HEAD_NEXT_FRAME];
    this.flows.keys.adopt(head[HEAD_FLOWS]);
    this.stacks.adopt(head[HEAD_STACKS]);
    this.blobLength = head[HEAD_BLOB];
    this.aggregatesRows = head[HEAD_AGGREGATES_ROWS] === 1;
    this.groupedFlows = head[HEAD_GROUPED_FLOWS];
    for (let table = 0; table < this.allRows.length; table++) {
      this.allRows[table].length = head[HEAD_TABLES + table];
    }
    for (let table = 0; table < this.tables.length; table++) {
      this.groups[table].length = this.tables[table].rows.length;
    }
  }
}

let ascending = new Uint32Array(0);

/** 0, 1, 2 … for at least `count` rows. */
export function inOrder(count: number): Uint32Array {
  if (ascending.length < count) ascending = new Uint32Array(count * 2).map((_, row) => row);
  return ascending;
}

/** The first `count` frames of an index, over the same memory. */
function firstFrames(index: FrameIndex, count: number): FrameIndex {
  return {
    offset: index.offset.subarray(0, count),
    capturedLength: index.capturedLength.subarray(0, count),
    originalLength: index.originalLength.subarray(0, count),
    timeNs: index.timeNs.subarray(0, count),
    number: index.number.subarray(0, count),
    linkType: index.linkType.subarray(0, count),
    capture: index.capture.subarray(0, count),
    interfaceIndex: index.interfaceIndex.subarray(0, count),
    marks: index.marks.subarray(0, count),
  };
}

/** Two a frame: most captures have one level of tunnels at most. */
function identityCapacity({ identitySeed, frameCapacity }: SlotLayout): number {
  return identitySeed === undefined ? 1 : frameCapacity * 2;
}

/** Frames of which it is noted which protocols they hold. */
function notedFrames({ identitySeed, frameCapacity }: SlotLayout): number {
  return identitySeed === undefined ? 0 : frameCapacity;
}

/** Most payload that one frame may put into the blob. */
const BLOB_BYTES_PER_FRAME_MAX = 8192;

/** Copied payload of one piece is cut at this length. */
export const PIECE_BYTES_MAX = 4096;
