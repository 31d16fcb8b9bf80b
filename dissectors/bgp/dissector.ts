import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { SHORTFALL_MALFORMED } from '../../src/observe/engine-tables.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';
import * as bgp from './layout.js';

/** Bytes of the administrator's message (RFC 9003) that a row keeps; reports show the rest as cut. */
export const TEXT_BYTES_KEPT = 64;
const TEXT_WORDS = TEXT_BYTES_KEPT / 4;
/** Prefixes of a message of 4,096 bytes are fewer; longer messages are counted up to here. */
const PREFIXES_MAX = 16_384;
const PARAMETERS_MAX = 128;
const PATH_IDENTIFIER_LENGTH = 4;

const BGP_ROWS = {
  type: 'u8',
  length: 'u16',
  /** Of an OPEN: AS as in capability 65 where it has one, hold time in seconds, identifier, HAS_ bits. */
  version: 'u8',
  as: 'u32',
  holdTime: 'u16',
  identifier: 'u32',
  capabilities: 'u8',
  /** Of an UPDATE: IPv4 prefixes that the message itself withdraws and announces; 1 where it has MP_ attributes. */
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
  text0: 'i32',
  text1: 'i32',
  text2: 'i32',
  text3: 'i32',
  text4: 'i32',
  text5: 'i32',
  text6: 'i32',
  text7: 'i32',
  text8: 'i32',
  text9: 'i32',
  text10: 'i32',
  text11: 'i32',
  text12: 'i32',
  text13: 'i32',
  text14: 'i32',
  text15: 'i32',
} as const satisfies Schema;

export type BgpTable = ObservationTable<typeof BGP_ROWS>;

/** The text columns of a table in order. */
export function textColumns(table: BgpTable): readonly Int32Array[] {
  const { text0, text1, text2, text3, text4, text5, text6, text7 } = table;
  const { text8, text9, text10, text11, text12, text13, text14, text15 } = table;
  return [
    text0,
    text1,
    text2,
    text3,
    text4,
    text5,
    text6,
    text7,
    text8,
    text9,
    text10,
    text11,
    text12,
    text13,
    text14,
    text15,
  ];
}

/** One row a message; the assembler cuts them out of the stream. */
export const bgpDissector = defineDissector({
  protocol: 'bgp',
  carriedBy: { tcpPort: [bgp.PORT_BGP] },
  observes: BGP_ROWS,
  rowsPerChunk: 8192,
  stream: { messageLength },
  bind(table, { protocolIndex }) {
    const text = textColumns(table);
    return (frame, offset, end) => dissectMessage(table, text, protocolIndex, frame, offset, end);
  },
});

export default bgpDissector;

/** Looks for the marker, so that a stream can be read from its middle on. */
function messageLength(view: DataView, offset: number, end: number): number {
  const marker = Math.min(end - offset, bgp.MARKER_LENGTH);
  for (let at = 0; at < marker; at++) if (view.getUint8(offset + at) !== 0xff) return -1;
  if (end - offset < bgp.HEADER_LENGTH) return 0;
  const length = view.getUint16(offset + bgp.LENGTH);
  return isLengthOf(view.getUint8(offset + bgp.TYPE), length) ? length : -1;
}

/** RFC 4271, section 6.1; RFC 8654, section 4. */
function isLengthOf(type: number, length: number): boolean {
  if (length >= bgp.LENGTH_IMPLAUSIBLE) return false;
  switch (type) {
    case bgp.TYPE_OPEN:
      return length >= bgp.OPEN_LENGTH_MIN && length <= bgp.MESSAGE_LENGTH_MAX;
    case bgp.TYPE_UPDATE:
      return length >= bgp.UPDATE_LENGTH_MIN;
    case bgp.TYPE_NOTIFICATION:
      return length >= bgp.NOTIFICATION_DATA;
    case bgp.TYPE_KEEPALIVE:
      return length === bgp.HEADER_LENGTH;
    case bgp.TYPE_ROUTE_REFRESH:
      return length >= bgp.ROUTE_REFRESH_LENGTH_MIN;
    default:
      return false;
  }
}

function dissectMessage(
  table: BgpTable,
  text: readonly Int32Array[],
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < bgp.HEADER_LENGTH) return frame.observeTruncatedOrMalformed(protocolIndex);
  const view = frame.view;
  const type = view.getUint8(offset + bgp.TYPE);
  const length = view.getUint16(offset + bgp.LENGTH);
  if (!isLengthOf(type, length) || length > end - offset) {
    return frame.observeTruncatedOrMalformedOf(protocolIndex, SHORTFALL_MALFORMED);
  }
  const row = table.rows.append(frame);
  clearRow(table, text, row);
  table.type[row] = type;
  table.length[row] = length;
  const messageEnd = offset + length;
  if (type === bgp.TYPE_OPEN) readOpen(table, row, view, offset, messageEnd);
  else if (type === bgp.TYPE_UPDATE) readUpdate(table, row, view, offset, messageEnd);
  else if (type === bgp.TYPE_NOTIFICATION) readNotification(table, text, row, view, offset, messageEnd);
}

function clearRow(table: BgpTable, text: readonly Int32Array[], row: number): void {
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

function readOpen(table: BgpTable, row: number, view: DataView, offset: number, end: number): void {
  table.version[row] = view.getUint8(offset + bgp.OPEN_VERSION);
  table.as[row] = view.getUint16(offset + bgp.OPEN_AS);
  table.holdTime[row] = view.getUint16(offset + bgp.OPEN_HOLD_TIME);
  table.identifier[row] = view.getUint32(offset + bgp.OPEN_IDENTIFIER);
  let at = offset + bgp.OPEN_LENGTH_MIN;
  let stop = Math.min(end, at + view.getUint8(offset + bgp.OPEN_PARAMETERS_LENGTH));
  let lengthBytes = 1;
  const isExtended =
    end - at >= 3 &&
    view.getUint8(offset + bgp.OPEN_PARAMETERS_LENGTH) !== 0 &&
    view.getUint8(at) === bgp.PARAMETERS_EXTENDED;
  if (isExtended) {
    lengthBytes = 2;
    stop = Math.min(end, at + 3 + view.getUint16(at + 1));
    at += 3;
  }
  for (let count = 0; count < PARAMETERS_MAX && stop - at >= 1 + lengthBytes; count++) {
    const type = view.getUint8(at);
    const length = lengthBytes === 2 ? view.getUint16(at + 1) : view.getUint8(at + 1);
    at += 1 + lengthBytes;
    const next = Math.min(stop, at + length);
    if (type === bgp.PARAMETER_CAPABILITIES) readCapabilities(table, row, view, at, next);
    at = next;
  }
}

/** Capabilities of one optional parameter: code, length, value (RFC 5492, section 4). */
function readCapabilities(table: BgpTable, row: number, view: DataView, offset: number, end: number): void {
  let at = offset;
  for (let count = 0; count < PARAMETERS_MAX && end - at >= 2; count++) {
    const code = view.getUint8(at);
    const length = view.getUint8(at + 1);
    table.capabilities[row] |= capabilityBit(code);
    if (code === bgp.CAPABILITY_FOUR_BYTE_AS && length === 4 && end - at >= 6) {
      table.as[row] = view.getUint32(at + 2);
    }
    at += 2 + length;
  }
}

function capabilityBit(code: number): number {
  switch (code) {
    case bgp.CAPABILITY_MULTIPROTOCOL:
      return bgp.HAS_MULTIPROTOCOL;
    case bgp.CAPABILITY_ROUTE_REFRESH:
      return bgp.HAS_ROUTE_REFRESH;
    case bgp.CAPABILITY_EXTENDED_NEXT_HOP:
      return bgp.HAS_EXTENDED_NEXT_HOP;
    case bgp.CAPABILITY_EXTENDED_MESSAGE:
      return bgp.HAS_EXTENDED_MESSAGE;
    case bgp.CAPABILITY_GRACEFUL_RESTART:
      return bgp.HAS_GRACEFUL_RESTART;
    case bgp.CAPABILITY_FOUR_BYTE_AS:
      return bgp.HAS_FOUR_BYTE_AS;
    case bgp.CAPABILITY_ADD_PATH:
      return bgp.HAS_ADD_PATH;
    default:
      return bgp.HAS_OTHER;
  }
}

/** Withdrawn routes, path attributes and NLRI, each behind its length but the last (RFC 4271, section 4.3). */
function readUpdate(table: BgpTable, row: number, view: DataView, offset: number, end: number): void {
  const withdrawn = offset + bgp.UPDATE_WITHDRAWN_LENGTH + 2;
  const withdrawnEnd = withdrawn + view.getUint16(withdrawn - 2);
  if (withdrawnEnd + 2 > end) return;
  const attributes = withdrawnEnd + 2;
  const attributesEnd = attributes + view.getUint16(withdrawnEnd);
  if (attributesEnd > end) return;
  table.withdrawn[row] = countPrefixes(view, withdrawn, withdrawnEnd);
  table.announced[row] = countPrefixes(view, attributesEnd, end);
  let at = attributes;
  while (attributesEnd - at >= 4) {
    const type = view.getUint8(at + 1);
    if (type === bgp.ATTRIBUTE_MP_REACH || type === bgp.ATTRIBUTE_MP_UNREACH) table.multiprotocol[row] = 1;
    const isLong = (view.getUint8(at) & bgp.ATTRIBUTE_EXTENDED_LENGTH) !== 0;
    at += isLong ? 4 + view.getUint16(at + 2) : 3 + view.getUint8(at + 2);
  }
}

/** IPv4 prefixes, each a length in bits and as many bytes as that takes; or with path identifiers before them (RFC 7911). */
function countPrefixes(view: DataView, offset: number, end: number): number {
  const plain = walkPrefixes(view, offset, end, 0);
  return plain >= 0 ? plain : Math.max(0, walkPrefixes(view, offset, end, PATH_IDENTIFIER_LENGTH));
}

/** Prefixes in `[offset, end)`, or -1 where they do not fill it. */
function walkPrefixes(view: DataView, offset: number, end: number, before: number): number {
  let at = offset;
  let count = 0;
  let defaults = 0;
  while (at < end && count < PREFIXES_MAX) {
    at += before;
    if (at >= end) return -1;
    const bits = view.getUint8(at);
    if (bits > 32) return -1;
    // Nobody names the default route twice: these are the zeros of path identifiers.
    if (bits === 0 && ++defaults > 1 && before === 0) return -1;
    at += 1 + ((bits + 7) >> 3);
    count++;
  }
  return at === end ? count : -1;
}

function readNotification(
  table: BgpTable,
  text: readonly Int32Array[],
  row: number,
  view: DataView,
  offset: number,
  end: number,
): void {
  const code = view.getUint8(offset + bgp.NOTIFICATION_CODE);
  const subcode = view.getUint8(offset + bgp.NOTIFICATION_SUBCODE);
  table.code[row] = code;
  table.subcode[row] = subcode;
  if (code !== bgp.CODE_CEASE) return;
  let data = offset + bgp.NOTIFICATION_DATA;
  let reason = subcode;
  if (subcode === bgp.CEASE_HARD_RESET && end - data >= 2) {
    table.innerCode[row] = view.getUint8(data);
    table.innerSubcode[row] = view.getUint8(data + 1);
    reason = table.innerCode[row] === bgp.CODE_CEASE ? table.innerSubcode[row] : 0;
    data += 2;
  }
  if (reason !== bgp.CEASE_ADMIN_SHUTDOWN && reason !== bgp.CEASE_ADMIN_RESET) return;
  if (end - data < 1) return;
  const length = Math.min(view.getUint8(data), end - data - 1);
  table.textLength[row] = length;
  for (let index = 0; index < length && index < TEXT_BYTES_KEPT; index++) {
    text[index >> 2][row] |= view.getUint8(data + 1 + index) << (24 - (index & 3) * 8);
  }
}
