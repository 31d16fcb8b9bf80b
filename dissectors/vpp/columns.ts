import { columnsOf, numberedColumns } from '../../src/observe/numbered-columns.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';

/** What a row is about. The first three are packets at a node; the others lines of text around them. */
export const ROW_DISPATCH = 0;
export const ROW_SHOW_TRACE = 1;
/** Text behind the packet in a drop capture. */
export const ROW_DROP_TRAILER = 2;
export const ROW_EMPTY_THREAD = 3;
export const ROW_LIMITED = 4;
export const ROW_ERROR_COUNTER = 5;
export const ROW_BUFFER_POOL = 6;

/** What a cnat node said of its session, in any generation of its text. */
export const CNAT_SILENT = 0;
export const CNAT_FOUND = 1;
export const CNAT_CREATED = 2;
/** No session, and none needed: a policy or a translation lets the packet pass as it is. */
export const CNAT_PASSED = 3;
export const CNAT_MISSED = 4;
export const CNAT_FAILED = 5;

export const VPP_ROWS = {
  /** ROW_ kind. */
  kind: 'u8',
  /** Index of the buffer; of text: ordinal of the packet, or the number that the line states. */
  buffer: 'u32',
  /** Of text: thread (of a counter: its severity), number of the packet in its thread, line, and 1 where lines of the packet are missing. */
  thread: 'u16',
  packet: 'u32',
  line: 'u32',
  isCut: 'u8',
  /** The error that the buffer carries; 0 where none is stated. */
  error: 'u32',
  /** Interface indices, -1 for none. */
  rxInterface: 'i32',
  txInterface: 'i32',
  /** The IP packet at the node: family 4 or 6, or 0 where none could be read. */
  family: 'u8',
  protocol: 'u8',
  timeToLive: 'u8',
  dontFragment: 'u8',
  /** 1 for every fragment but the first: it has no ports. */
  isLaterFragment: 'u8',
  identification: 'u16',
  /** Of the IP packet, header included. */
  totalLength: 'u32',
  sourcePort: 'u16',
  destinationPort: 'u16',
  ...numberedColumns('source', 4, 'i32'),
  ...numberedColumns('destination', 4, 'i32'),
  /** From the trace text: CNAT_ outcome, MTU of the egress adjacency (0: unknown), 1 for a packet that offload will cut. */
  cnat: 'u8',
  mtu: 'u32',
  isGso: 'u8',
  /** The first 48 bytes of the node's name, and the first 64 of the reason, four a word, zeros behind their end. */
  ...numberedColumns('name', 12, 'i32'),
  ...numberedColumns('reason', 16, 'i32'),
} as const satisfies Schema;

export type VppTable = ObservationTable<typeof VPP_ROWS>;

/** The columns of the node's name, in order. */
export function nameColumns(table: VppTable): readonly Int32Array[] {
  return columnsOf(table, 'name', 12);
}

/** The columns of the reason, in order. */
export function reasonColumns(table: VppTable): readonly Int32Array[] {
  return columnsOf(table, 'reason', 16);
}

/** The text in the columns of a row. */
export function textOf(columns: readonly Int32Array[], row: number): string {
  let text = '';
  for (const column of columns) {
    for (let shift = 24; shift >= 0; shift -= 8) {
      const byte = (column[row] >>> shift) & 0xff;
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
  }
  return text;
}
