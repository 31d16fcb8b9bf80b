import { type Binding, defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { ETHERTYPE_ARP } from '../../src/wire/ethernet.js';
import { LINKTYPE_USER13, LINKTYPE_VPP_DISPATCH } from '../../src/wire/link-types.js';
import * as text from './byte-text.js';
import * as columns from './columns.js';
import { nameColumns, reasonColumns, VPP_ROWS, type VppTable } from './columns.js';
import * as vpp from './dispatch-record.js';
import { readNodeTrace } from './node-trace.js';
import { findIpHeader, readIpHeader } from './packet-header.js';

const ERROR = text.pattern('error: ');
const RX_INTERFACE = text.pattern('sw_if_index[VLIB_RX]: ');
const TX_INTERFACE = text.pattern('sw_if_index[VLIB_TX]: ');
const THREAD = text.pattern('thread: ');
const PACKET = text.pattern('packet: ');
const LINE = text.pattern('line: ');
const CUT = text.pattern('cut: ');

const IP4 = text.pattern('ip4-');
const IP6 = text.pattern('ip6-');
const IP4_INPUT = text.pattern('ip4-input');
const IP4_INPUT_NO_CHECKSUM = text.pattern('ip4-input-no-checksum');
const IP6_INPUT = text.pattern('ip6-input');
const ETHERNET_INPUT = text.pattern('ethernet-input');
const TX = text.pattern('-tx');
const CNAT_TX = text.pattern('cnat-tx');
const SEPARATOR = text.pattern(': ');

/** Node names of VPP are no longer; a longer string is no node. */
const NAME_LENGTH_MAX = 128;
/** A reason shorter than this is none: the padding of a short frame, a frame check sequence. */
const TRAILER_LENGTH_MIN = 8;
const TRAILER_LENGTH_MAX = 192;
const ETHERNET_TYPE = 12;
const ETHERNET_LENGTH = 14;

/**
 * One row for each record of a dispatch capture (link type 280; 160 where its records are such), for each node of a
 * `show trace` text, and for each packet of a drop capture. Of a dispatch capture, packets are handed on where VPP
 * received them (ip4-input, ip6-input; ARP at ethernet-input) and where it sends them (a driver's `-tx`), as a capture
 * on all interfaces of the host would show them.
 */
export const vppDissector = defineDissector({
  protocol: 'vpp',
  carriedBy: { linkType: [LINKTYPE_VPP_DISPATCH, LINKTYPE_USER13], ipTrailer: true },
  observes: VPP_ROWS,
  rowsPerChunk: 16_384,
  keepsCopies: true,
  bind(table, binding) {
    const reader = {
      table,
      binding,
      name: nameColumns(table),
      reason: reasonColumns(table),
      clear: clearing(table),
    };
    return (frame, offset, end) => {
      if (frame.family === 0) dissectRecord(reader, frame, offset, end);
      else dissectTrailer(reader, frame, offset, end);
    };
  },
});

export default vppDissector;

interface Reader {
  readonly table: VppTable;
  readonly binding: Binding;
  readonly name: readonly Int32Array[];
  readonly reason: readonly Int32Array[];
  /** Columns that are zero unless something is read into them. */
  readonly clear: readonly { [row: number]: number }[];
}

function clearing(table: VppTable): { [row: number]: number }[] {
  return Object.keys(VPP_ROWS).map((column) => table[column as keyof typeof VPP_ROWS]);
}

function appendRow(reader: Reader, frame: FrameContext): number {
  const row = reader.table.rows.append(frame);
  for (let column = 0; column < reader.clear.length; column++) reader.clear[column][row] = 0;
  return row;
}

function dissectRecord(reader: Reader, frame: FrameContext, offset: number, end: number): void {
  const { view } = frame;
  const { protocolIndex } = reader.binding;
  if (end - offset < vpp.VPP_STRINGS) return frame.observeUnreadable(protocolIndex);
  const nameAt = offset + vpp.VPP_STRINGS;
  const nameEnd = isRecord(view, offset) ? nameEndAt(view, nameAt, end) : -1;
  if (nameEnd < 0) {
    // USER13 may be anything of anybody's: what is no record of VPP is not malformed.
    const isVpp = frame.slot.chunk.frames.linkType[frame.index] === LINKTYPE_VPP_DISPATCH;
    if (isVpp) frame.observeUnreadable(protocolIndex);
    return;
  }
  const metadataEnd = text.endOfString(view, nameEnd + 1, end);
  const opaqueEnd = metadataEnd < 0 ? -1 : text.endOfString(view, metadataEnd + 1, end);
  const opaque2End = opaqueEnd < 0 ? -1 : text.endOfString(view, opaqueEnd + 1, end);
  if (opaque2End < 0) return frame.observeUnreadable(protocolIndex);
  const row = appendRow(reader, frame);
  const { table } = reader;
  table.kind[row] = kindOf(view, offset);
  table.buffer[row] = view.getUint32(offset + vpp.VPP_BUFFER_INDEX);
  text.copyText(reader.name, row, view, nameAt, nameEnd);
  readMetadata(table, row, view, nameEnd + 1, metadataEnd);
  table.rxInterface[row] = text.numberAfter(view, metadataEnd + 1, opaqueEnd, RX_INTERFACE, -1);
  table.txInterface[row] = text.numberAfter(view, metadataEnd + 1, opaqueEnd, TX_INTERFACE, -1);
  if (table.kind[row] === columns.ROW_ERROR_COUNTER)
    text.copyText(reader.reason, row, view, metadataEnd + 1, opaqueEnd);
  let packet = opaque2End + 1;
  if (view.getUint8(offset + vpp.VPP_STRING_COUNT) === vpp.VPP_STRINGS_TRACED) {
    const traceEnd = text.endOfString(view, packet, end);
    readNodeTrace(table, reader.reason, row, view, packet, traceEnd < 0 ? end : traceEnd);
    if (traceEnd < 0) return frame.observeUnreadable(protocolIndex);
    packet = traceEnd + 1;
  }
  readPacket(reader, row, frame, nameAt, nameEnd, packet, end);
}

function isRecord(view: DataView, offset: number): boolean {
  const major = view.getUint8(offset + vpp.VPP_MAJOR);
  const minor = view.getUint8(offset + vpp.VPP_MINOR);
  const strings = view.getUint8(offset + vpp.VPP_STRING_COUNT);
  const isKnown =
    major === vpp.VPP_VERSION_MAJOR
      ? minor === vpp.VPP_VERSION_MINOR
      : major === vpp.VPP_TEXT_MAJOR && minor <= vpp.VPP_TEXT_BUFFER_POOL;
  return (
    isKnown &&
    (strings === vpp.VPP_STRINGS_UNTRACED || strings === vpp.VPP_STRINGS_TRACED) &&
    view.getUint8(offset + vpp.VPP_PROTOCOL_HINT) <= vpp.VPP_HINT_MAX
  );
}

/** End of a node's name: printable, without spaces, not empty; -1 where there is none. */
function nameEndAt(view: DataView, offset: number, end: number): number {
  const limit = Math.min(end, offset + NAME_LENGTH_MAX);
  for (let at = offset; at < limit; at++) {
    const byte = view.getUint8(at);
    if (byte === 0) return at > offset ? at : -1;
    if (byte <= 0x20 || byte > 0x7e) return -1;
  }
  return -1;
}

function kindOf(view: DataView, offset: number): number {
  if (view.getUint8(offset + vpp.VPP_MAJOR) === vpp.VPP_VERSION_MAJOR) return columns.ROW_DISPATCH;
  switch (view.getUint8(offset + vpp.VPP_MINOR)) {
    case vpp.VPP_TEXT_EMPTY_THREAD:
      return columns.ROW_EMPTY_THREAD;
    case vpp.VPP_TEXT_LIMITED:
      return columns.ROW_LIMITED;
    case vpp.VPP_TEXT_ERROR_COUNTER:
      return columns.ROW_ERROR_COUNTER;
    case vpp.VPP_TEXT_BUFFER_POOL:
      return columns.ROW_BUFFER_POOL;
    default:
      return columns.ROW_SHOW_TRACE;
  }
}

function readMetadata(table: VppTable, row: number, view: DataView, offset: number, end: number): void {
  if (table.kind[row] === columns.ROW_DISPATCH) {
    table.error[row] = text.numberAfter(view, offset, end, ERROR, 0);
    return;
  }
  table.thread[row] = text.numberAfter(view, offset, end, THREAD, 0);
  table.packet[row] = text.numberAfter(view, offset, end, PACKET, 0);
  table.line[row] = text.numberAfter(view, offset, end, LINE, 0);
  table.isCut[row] = text.numberAfter(view, offset, end, CUT, 0);
}

function readPacket(
  { table, binding }: Reader,
  row: number,
  frame: FrameContext,
  name: number,
  nameEnd: number,
  offset: number,
  end: number,
): void {
  const { view } = frame;
  if (offset >= end) return;
  const isDispatch = table.kind[row] === columns.ROW_DISPATCH;
  const isSender = endsWith(view, name, nameEnd, TX) && !endsWith(view, name, nameEnd, CNAT_TX);
  const isIpNode =
    isDispatch && !isSender && (text.isAt(view, name, nameEnd, IP4) || text.isAt(view, name, nameEnd, IP6));
  const at = findIpHeader(view, offset, end, isIpNode);
  if (at >= 0) readIpHeader(table, row, view, at, end);
  if (!isDispatch) return;
  if (isSender) {
    if (at === offset) binding.innerIp(frame, offset, end);
    else if (end - offset >= ETHERNET_LENGTH) binding.innerEthernet(frame, offset, end);
  } else if (isReceiver(view, name, nameEnd)) {
    if (at === offset) binding.innerIp(frame, offset, end);
  } else if (
    isName(view, name, nameEnd, ETHERNET_INPUT) &&
    end - offset >= ETHERNET_LENGTH &&
    view.getUint16(offset + ETHERNET_TYPE) === ETHERTYPE_ARP
  ) {
    binding.innerEthernet(frame, offset, end);
  }
}

function isReceiver(view: DataView, name: number, nameEnd: number): boolean {
  return (
    isName(view, name, nameEnd, IP4_INPUT) ||
    isName(view, name, nameEnd, IP4_INPUT_NO_CHECKSUM) ||
    isName(view, name, nameEnd, IP6_INPUT)
  );
}

function isName(view: DataView, name: number, nameEnd: number, wanted: Uint8Array): boolean {
  return nameEnd - name === wanted.length && text.isAt(view, name, nameEnd, wanted);
}

function endsWith(view: DataView, name: number, nameEnd: number, wanted: Uint8Array): boolean {
  return nameEnd - name >= wanted.length && text.isAt(view, nameEnd - wanted.length, nameEnd, wanted);
}

/** `<node>: <reason>` in ASCII behind the packet, up to the end of the frame, as `pcap trace drop` appends it. */
function dissectTrailer(reader: Reader, frame: FrameContext, offset: number, end: number): void {
  const length = end - offset;
  if (length < TRAILER_LENGTH_MIN || length > TRAILER_LENGTH_MAX) return;
  const { view } = frame;
  for (let at = offset; at < end; at++) {
    const byte = view.getUint8(at);
    if (byte < 0x20 || byte > 0x7e) return;
  }
  const reasonAt = text.findAfter(view, offset, end, SEPARATOR);
  if (reasonAt < 0 || reasonAt >= end) return;
  const nameEnd = reasonAt - SEPARATOR.length;
  for (let at = offset; at < nameEnd; at++) if (!isNameByte(view.getUint8(at))) return;
  if (nameEnd === offset) return;
  const row = appendRow(reader, frame);
  reader.table.kind[row] = columns.ROW_DROP_TRAILER;
  reader.table.rxInterface[row] = -1;
  reader.table.txInterface[row] = -1;
  text.copyText(reader.name, row, view, offset, nameEnd);
  text.copyText(reader.reason, row, view, offset, end);
  readIpHeader(reader.table, row, view, offset - frame.networkLength, offset);
}

/** Letters, digits, and the signs of interface names. */
function isNameByte(byte: number): boolean {
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x2d && byte <= 0x39) ||
    byte === 0x5f
  );
}
