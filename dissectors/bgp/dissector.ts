import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_MALFORMED } from '../../src/observe/engine-tables.js';
import * as bgp from './layout.js';
import { RouteRows } from './nlri.js';
import { BGP_ROWS, type BgpTable, clearRow, TEXT_BYTES_KEPT, textColumns } from './rows.js';

const PARAMETERS_MAX = 128;

/** One row a message, and one for each of the first ROUTES_KEPT routes of an UPDATE; the assembler cuts them out of the stream. */
export const bgpDissector = defineDissector({
  protocol: 'bgp',
  carriedBy: { tcpPort: [bgp.PORT_BGP] },
  observes: BGP_ROWS,
  rowsPerChunk: 8192,
  stream: { messageLength },
  bind(table, { protocolIndex }) {
    const text = textColumns(table);
    const routes = new RouteRows(table, text);
    return (frame, offset, end) => dissectMessage(table, text, routes, protocolIndex, frame, offset, end);
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
  routes: RouteRows,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < bgp.HEADER_LENGTH) return frame.observeUnreadable(protocolIndex);
  const view = frame.view;
  const type = view.getUint8(offset + bgp.TYPE);
  const length = view.getUint16(offset + bgp.LENGTH);
  if (!isLengthOf(type, length) || length > end - offset) {
    return frame.observeUnreadableOf(protocolIndex, HEADER_MALFORMED);
  }
  const row = table.rows.append(frame);
  clearRow(table, text, row);
  table.type[row] = type;
  table.length[row] = length;
  const messageEnd = offset + length;
  if (type === bgp.TYPE_OPEN) readOpen(table, row, view, offset, messageEnd);
  else if (type === bgp.TYPE_UPDATE) readUpdate(table, routes, row, frame, offset, messageEnd);
  else if (type === bgp.TYPE_NOTIFICATION) readNotification(table, text, row, view, offset, messageEnd);
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
function readUpdate(
  table: BgpTable,
  routes: RouteRows,
  row: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  const view = frame.view;
  const withdrawn = offset + bgp.UPDATE_WITHDRAWN_LENGTH + 2;
  const withdrawnEnd = withdrawn + view.getUint16(withdrawn - 2);
  if (withdrawnEnd + 2 > end) return;
  const attributes = withdrawnEnd + 2;
  const attributesEnd = attributes + view.getUint16(withdrawnEnd);
  if (attributesEnd > end) return;
  routes.begin();
  table.withdrawn[row] = routes.observe(frame, withdrawn, withdrawnEnd, bgp.AFI_IPV4, true);
  table.announced[row] = routes.observe(frame, attributesEnd, end, bgp.AFI_IPV4, false);
  let at = attributes;
  while (attributesEnd - at >= 4) {
    const type = view.getUint8(at + 1);
    const isLong = (view.getUint8(at) & bgp.ATTRIBUTE_EXTENDED_LENGTH) !== 0;
    const value = at + (isLong ? 4 : 3);
    at = value + (isLong ? view.getUint16(at + 2) : view.getUint8(at + 2));
    if (type !== bgp.ATTRIBUTE_MP_REACH && type !== bgp.ATTRIBUTE_MP_UNREACH) continue;
    table.multiprotocol[row] = 1;
    if (at <= attributesEnd) readMultiprotocol(routes, frame, value, at, type === bgp.ATTRIBUTE_MP_UNREACH);
  }
}

/** Unicast routes of IPv4 and IPv6 (RFC 4760, sections 3 and 4); of other families nothing is kept. */
function readMultiprotocol(
  routes: RouteRows,
  frame: FrameContext,
  offset: number,
  end: number,
  isWithdrawn: boolean,
): void {
  if (end - offset < bgp.MP_NEXT_HOP) return;
  const view = frame.view;
  const family = view.getUint16(offset);
  if (family !== bgp.AFI_IPV4 && family !== bgp.AFI_IPV6) return;
  if (view.getUint8(offset + bgp.MP_SAFI) !== bgp.SAFI_UNICAST) return;
  let nlri = offset + bgp.MP_NEXT_HOP;
  // Length of the next hop, the next hop, a reserved byte.
  if (!isWithdrawn) nlri += nlri < end ? 2 + view.getUint8(nlri) : 1;
  if (nlri < end) routes.observe(frame, nlri, end, family, isWithdrawn);
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
