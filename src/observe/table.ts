import type { Arena } from './arena.js';

/** Type of a column: unsigned integers by width, `i32` for hash words and tri-state values, `f64` for exact large integers. */
export type ColumnType = 'u8' | 'u16' | 'u32' | 'i32' | 'f64';

/** The columns that a protocol observes, by name. */
export type Schema = Readonly<Record<string, ColumnType>>;

interface ArrayOf {
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
  i32: Int32Array;
  f64: Float64Array;
}

export type Columns<S extends Schema> = { readonly [Name in keyof S]: ArrayOf[S[Name]] };

/** `TableRows.origin`: which bytes the row was read from. */
export const ORIGIN_WHOLE = 0;
/** From the first fragment of a datagram alone; a row from the whole datagram follows if it completes. */
export const ORIGIN_FIRST_FRAGMENT = 1;
/** From a message put together by the assembler; `frame` is the frame that completed it. */
export const ORIGIN_ASSEMBLED = 2;

/** Rows a table holds above its soft limit, so that the frame that fills a table still fits whole. */
const ROWS_PER_FRAME_MAX = 128;

/** Rows above that which are left to messages that the assembler puts together. */
const MESSAGE_ROWS_SPARE = 512;

/** What every row says of the packet it was read from; the dissecting context of the frame has it all. */
export interface RowSource {
  readonly index: number;
  readonly flow: number;
  readonly direction: number;
  readonly origin: number;
  readonly claim: number;
}

/** Raised by any table that passes its soft limit, so that the dissecting loop asks one flag, not every table. */
export interface Room {
  isExhausted: boolean;
}

/**
 * The columns that every table has, and its length. Appending never fails: past the soft limit
 * the table raises `room.isExhausted`, and dissecting stops before the next frame.
 */
export class TableRows {
  length = 0;
  readonly frame: Uint32Array;
  /** Index of the flow in the chunk's flow dictionary, or -1. */
  readonly flow: Int32Array;
  /** 0: from the flow's low endpoint to its high one; 1: the other way. */
  readonly direction: Uint8Array;
  readonly origin: Uint8Array;
  /** CLAIM_ strength with which the dissector was chosen. */
  readonly claim: Uint8Array;

  /** `capacity` is the soft limit; `revivableRows` may be appended above all others by `claims`. */
  constructor(
    arena: Arena,
    readonly capacity: number,
    private readonly room: Room,
    revivableRows: number,
  ) {
    const rows = physicalRows(capacity, revivableRows);
    this.frame = new Uint32Array(arena.buffer, arena.take(rows * 4), rows);
    this.flow = new Int32Array(arena.buffer, arena.take(rows * 4), rows);
    this.direction = new Uint8Array(arena.buffer, arena.take(rows), rows);
    this.origin = new Uint8Array(arena.buffer, arena.take(rows), rows);
    this.claim = new Uint8Array(arena.buffer, arena.take(rows), rows);
  }

  /** False where the rows of one more message of the assembler might not fit. */
  hasRoomForMessage(): boolean {
    return this.length <= this.capacity + MESSAGE_ROWS_SPARE;
  }

  /** Adds a row for the current packet and returns its index; the caller writes the protocol's own columns. */
  append(frame: RowSource): number {
    const row = this.length;
    this.length = row + 1;
    if (this.length >= this.capacity) this.room.isExhausted = true;
    this.frame[row] = frame.index;
    this.flow[row] = frame.flow;
    this.direction[row] = frame.direction;
    this.origin[row] = frame.origin;
    this.claim[row] = frame.claim;
    return row;
  }
}

/** One row per thing seen: `const row = esp.rows.append(frame); esp.spi[row] = …`. */
export type ObservationTable<S extends Schema> = Columns<S> & { readonly rows: TableRows };

const BYTES: Readonly<Record<ColumnType, number>> = { u8: 1, u16: 2, u32: 4, i32: 4, f64: 8 };

/** Rows that a table of that soft limit has memory for. */
export function physicalRows(capacity: number, revivableRows: number): number {
  return capacity + MESSAGE_ROWS_SPARE + ROWS_PER_FRAME_MAX + revivableRows;
}

/** Bytes of arena that a table takes. */
export function tableByteLength(schema: Schema, capacity: number, revivableRows = 0): number {
  const rows = physicalRows(capacity, revivableRows);
  const fixed = [4, 4, 1, 1, 1];
  const own = Object.values(schema).map((type) => BYTES[type]);
  return [...fixed, ...own].reduce((total, width) => total + Math.ceil((rows * width) / 8) * 8, 0);
}

/** Lays a table over the arena. Equal schemas in equal order give equal layouts on both sides of a thread. */
export function createTable<S extends Schema>(
  schema: S,
  capacity: number,
  arena: Arena,
  room: Room,
  revivableRows = 0,
): ObservationTable<S> {
  const rows = new TableRows(arena, capacity, room, revivableRows);
  const length = physicalRows(capacity, revivableRows);
  const table = { rows };
  for (const [name, type] of Object.entries(schema)) {
    const value = columnOver(arena.buffer, arena.take(length * BYTES[type]), length, type);
    // Not assigned: V8 makes a hash table of an object that is assigned more than 15 properties by computed names.
    Object.defineProperty(table, name, { value, enumerable: true });
  }
  return table as unknown as ObservationTable<S>;
}

function columnOver(
  buffer: ArrayBufferLike,
  at: number,
  length: number,
  type: ColumnType,
): ArrayOf[ColumnType] {
  switch (type) {
    case 'u8':
      return new Uint8Array(buffer, at, length);
    case 'u16':
      return new Uint16Array(buffer, at, length);
    case 'u32':
      return new Uint32Array(buffer, at, length);
    case 'i32':
      return new Int32Array(buffer, at, length);
    case 'f64':
      return new Float64Array(buffer, at, length);
  }
}

/** Every column of a table, its own and those that every table has, in a fixed order. */
export function columnsOf(table: ObservationTable<Schema>): readonly ArrayOf[ColumnType][] {
  const { rows, ...own } = table;
  return [rows.frame, rows.flow, rows.direction, rows.origin, rows.claim, ...Object.values(own)];
}

/** Drops the rows of frames outside `(after, before)`; the others keep their order. */
export function keepRowsBetween(table: ObservationTable<Schema>, after: number, before: number): void {
  const { rows } = table;
  const columns = columnsOf(table);
  let kept = 0;
  for (let row = 0; row < rows.length; row++) {
    if (rows.frame[row] <= after || rows.frame[row] >= before) continue;
    for (const column of columns) column[kept] = column[row];
    kept++;
  }
  rows.length = kept;
}
