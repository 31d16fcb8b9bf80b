import * as text from './byte-text.js';
import type { VppTable } from './columns.js';
import * as columns from './columns.js';

/*
 * What nodes print of a packet (`show trace`, and the trace string of a dispatch record): sections of a head line
 * `TIME: node` and indented lines. Read line by line into a row; later sections win.
 */

const HEAD_SEPARATOR = text.pattern(': ');
const CNAT = text.pattern('cnat');
const DROP_HEADS = [text.pattern(': drop'), text.pattern(': error-drop'), text.pattern(': punt')];
const RECEIVED_ON = text.pattern('rx:');
const MTU = text.pattern('mtu:');
const GSO_SIZE = text.pattern('gso_size ');
const GSO_SIZE_DASHED = text.pattern('gso-size ');

/** Beginnings of the lines by which three generations of cnat tell what they found. */
const CNAT_LINES: readonly (readonly [Uint8Array, number])[] = [
  [text.pattern('found:'), columns.CNAT_FOUND],
  [text.pattern('found session'), columns.CNAT_FOUND],
  [text.pattern('session found'), columns.CNAT_FOUND],
  [text.pattern('return session'), columns.CNAT_FOUND],
  [text.pattern('writeback done'), columns.CNAT_FOUND],
  [text.pattern('created:'), columns.CNAT_CREATED],
  [text.pattern('created session'), columns.CNAT_CREATED],
  [text.pattern('new session'), columns.CNAT_CREATED],
  [text.pattern('tr pass'), columns.CNAT_PASSED],
  [text.pattern('[policy:skip]'), columns.CNAT_PASSED],
  [text.pattern('not found'), columns.CNAT_MISSED],
  [text.pattern('session not found'), columns.CNAT_MISSED],
  [text.pattern('session lookup error'), columns.CNAT_FAILED],
];
const POLICY_SKIP = text.pattern('[policy:skip]');

const SECTION_OTHER = 0;
const SECTION_CNAT = 1;
const SECTION_DROP = 2;

/** Reads the trace text at `[offset, end)` into the columns of the row. */
export function readNodeTrace(
  table: VppTable,
  reason: readonly Int32Array[],
  row: number,
  view: DataView,
  offset: number,
  end: number,
): void {
  let section = SECTION_OTHER;
  for (let line = offset; line < end; ) {
    const lineEnd = text.endOfLine(view, line, end);
    const start = text.skipSpaces(view, line, lineEnd);
    if (isHead(view, start, lineEnd)) section = sectionOf(view, start, lineEnd);
    else if (start < lineEnd) {
      if (section === SECTION_CNAT) readCnatLine(table, row, view, start, lineEnd);
      else if (section === SECTION_DROP && !text.isAt(view, start, lineEnd, RECEIVED_ON))
        text.copyText(reason, row, view, start, lineEnd);
      else readForwardingLine(table, row, view, start, lineEnd);
    }
    line = lineEnd + 1;
  }
}

const SPACE = 0x20;
const DOT = 0x2e;
const COLON = 0x3a;

/** `00:09:46:518858: node`, `1700000000.518858: node` or `2024-01-31T00:09:46.518858: node`; a line of a hex dump is none. */
function isHead(view: DataView, start: number, end: number): boolean {
  if (start >= end || !text.isDigit(view.getUint8(start))) return false;
  const name = text.findAfter(view, start, end, HEAD_SEPARATOR);
  if (name < 0) return false;
  let hasFraction = false;
  for (let at = start; at < name - HEAD_SEPARATOR.length; at++) {
    const byte = view.getUint8(at);
    if (byte === SPACE) return false;
    if (byte === DOT || byte === COLON) hasFraction = true;
  }
  for (let at = name; at < end; at++) if (view.getUint8(at) === SPACE) return false;
  return hasFraction;
}

function sectionOf(view: DataView, start: number, end: number): number {
  if (text.findAfter(view, start, end, CNAT) >= 0) return SECTION_CNAT;
  for (let head = 0; head < DROP_HEADS.length; head++) {
    if (text.findAfter(view, start, end, DROP_HEADS[head]) === end) return SECTION_DROP;
  }
  return SECTION_OTHER;
}

function readCnatLine(table: VppTable, row: number, view: DataView, start: number, end: number): void {
  for (let known = 0; known < CNAT_LINES.length; known++) {
    if (!text.isAt(view, start, end, CNAT_LINES[known][0])) continue;
    const isSkipped = text.findAfter(view, start, end, POLICY_SKIP) >= 0;
    table.cnat[row] = isSkipped ? columns.CNAT_PASSED : CNAT_LINES[known][1];
    return;
  }
}

function readForwardingLine(table: VppTable, row: number, view: DataView, start: number, end: number): void {
  table.mtu[row] = text.numberAfter(view, start, end, MTU, table.mtu[row]);
  if (
    text.numberAfter(view, start, end, GSO_SIZE, 0) > 0 ||
    text.numberAfter(view, start, end, GSO_SIZE_DASHED, 0) > 0
  )
    table.isGso[row] = 1;
}
