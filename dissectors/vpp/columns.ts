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
  source0: 'i32',
  source1: 'i32',
  source2: 'i32',
  source3: 'i32',
  destination0: 'i32',
  destination1: 'i32',
  destination2: 'i32',
  destination3: 'i32',
  /** From the trace text: CNAT_ outcome, MTU of the egress adjacency (0: unknown), 1 for a packet that offload will cut. */
  cnat: 'u8',
  mtu: 'u32',
  isGso: 'u8',
  /** The first 48 bytes of the node's name, and the first 64 of the reason, four a word, zeros behind their end. */
  name0: 'i32',
  name1: 'i32',
  name2: 'i32',
  name3: 'i32',
  name4: 'i32',
  name5: 'i32',
  name6: 'i32',
  name7: 'i32',
  name8: 'i32',
  name9: 'i32',
  name10: 'i32',
  name11: 'i32',
  reason0: 'i32',
  reason1: 'i32',
  reason2: 'i32',
  reason3: 'i32',
  reason4: 'i32',
  reason5: 'i32',
  reason6: 'i32',
  reason7: 'i32',
  reason8: 'i32',
  reason9: 'i32',
  reason10: 'i32',
  reason11: 'i32',
  reason12: 'i32',
  reason13: 'i32',
  reason14: 'i32',
  reason15: 'i32',
} as const satisfies Schema;

export type VppTable = ObservationTable<typeof VPP_ROWS>;

/** The columns of the node's name, in order. */
export function nameColumns(table: VppTable): readonly Int32Array[] {
  const { name0, name1, name2, name3, name4, name5, name6, name7, name8, name9, name10, name11 } = table;
  return [name0, name1, name2, name3, name4, name5, name6, name7, name8, name9, name10, name11];
}

/** The columns of the reason, in order. */
export function reasonColumns(table: VppTable): readonly Int32Array[] {
  const {
    reason0,
    reason1,
    reason2,
    reason3,
    reason4,
    reason5,
    reason6,
    reason7,
    reason8,
    reason9,
    reason10,
    reason11,
    reason12,
    reason13,
    reason14,
    reason15,
  } = table;
  return [
    reason0,
    reason1,
    reason2,
    reason3,
    reason4,
    reason5,
    reason6,
    reason7,
    reason8,
    reason9,
    reason10,
    reason11,
    reason12,
    reason13,
    reason14,
    reason15,
  ];
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
