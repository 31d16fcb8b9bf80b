import { columnsOf, numberedColumns } from '../../src/observe/numbered-columns.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';

/** Bytes of the administrator's message (RFC 9003) that a row keeps; reports show the rest as cut. */
export const TEXT_BYTES_KEPT = 64;
const TEXT_WORDS = TEXT_BYTES_KEPT / 4;

export const BGP_ROWS = {
  /** Of the message; ROW_ROUTE: a route of the UPDATE before it. */
  type: 'u8',
  length: 'u16',
  /** Of an OPEN: AS as in capability 65 where it has one, hold time in seconds, identifier, HAS_ bits. */
  version: 'u8',
  as: 'u32',
  holdTime: 'u16',
  identifier: 'u32',
  capabilities: 'u8',
  /**
   * Of an UPDATE: IPv4 prefixes that the message itself withdraws and announces; 1 where it has MP_ attributes.
   * Of a route: which of the two it is, AFI_ of its family, prefix bits in `length`, address in the words of `text`,
   * path identifier in `identifier`.
   */
  withdrawn: 'u16',
  announced: 'u16',
  multiprotocol: 'u8',
  /** Of a NOTIFICATION: code, subcode, and those inside a hard reset. */
  code: 'u8',
  subcode: 'u8',
  innerCode: 'u8',
  innerSubcode: 'u8',
  /** Of an administrative shutdown or reset: bytes of its text, the first TEXT_BYTES_KEPT of them four a word. */
  textLength: 'u8',
  ...numberedColumns('text', 16, 'i32'),
} as const satisfies Schema;

export type BgpTable = ObservationTable<typeof BGP_ROWS>;

/** The text columns of a table in order. */
export function textColumns(table: BgpTable): readonly Int32Array[] {
  return columnsOf(table, 'text', 16);
}

/** Rows are memory of the arena: what an earlier chunk left there goes. */
export function clearRow(table: BgpTable, text: readonly Int32Array[], row: number): void {
  table.version[row] = 0;
  table.as[row] = 0;
  table.holdTime[row] = 0;
  table.identifier[row] = 0;
  table.capabilities[row] = 0;
  table.withdrawn[row] = 0;
  table.announced[row] = 0;
  table.multiprotocol[row] = 0;
  table.code[row] = 0;
  table.subcode[row] = 0;
  table.innerCode[row] = 0;
  table.innerSubcode[row] = 0;
  table.textLength[row] = 0;
  for (let word = 0; word < TEXT_WORDS; word++) text[word][row] = 0;
}
