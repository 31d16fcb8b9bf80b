import { type Binding, type Dissect, defineDissector } from '../../src/dissect/dissector.js';
import { CLAIM_PORT, CLAIM_STRONG, type FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_TOO_DEEP } from '../../src/observe/engine-tables.js';
import { TUNNEL_KINDS } from '../../src/observe/flow-key.js';
import { type ObservationTable, ORIGIN_FIRST_FRAGMENT, type Schema } from '../../src/observe/table.js';
import { ControlReader } from './control-payload.js';
import * as scion from './layout.js';
import {
  currentPathOffset,
  GENERATION_CURRENT,
  GENERATION_NONE,
  generationOf,
  oldPathOffset,
} from './recognition.js';

const PRIORITY = 90;
const KIND_SCION = TUNNEL_KINDS.indexOf('scion');

/** Values of `content`: what the packet carries behind headers and extensions. */
const CONTENT_OTHER = 0;
export const CONTENT_UDP = 1;
export const CONTENT_CONTROL = 2;
export const CONTENT_SCMP = 3;
export const CONTENT_BFD = 4;
export const CONTENT_GATEWAY = 5;
const CONTENT_TCP = 6;

/** Values of `pathKind`: with an empty path or one of one hop a packet gets no further than the next AS. */
export const PATH_KIND_LONGER = 0;
export const PATH_KIND_EMPTY = 1;
export const PATH_KIND_ONE_HOP = 2;

const SCION_ROWS = {
  /** GENERATION_ value. */
  generation: 'u8',
  /** Bytes of the SCION packet on the wire: the payload of the underlay's datagram. */
  packetLength: 'u16',
  content: 'u8',
  /** CONTROL_ value of a control message. */
  control: 'u8',
  /** PATH_KIND_ value. */
  pathKind: 'u8',
  destinationIsd: 'u16',
  destinationAs: 'f64',
  sourceIsd: 'u16',
  sourceAs: 'f64',
  /** When the first of the path's hop fields expires, in seconds since 1970; 0 where there is none to go by. */
  expirySeconds: 'f64',
  /** What the sender's clock showed, in seconds since 1970, by the path of one hop that it made for the packet; 0: none. */
  stampSeconds: 'f64',
  /** Of an SCMP message: type (2018: class) in the upper byte, code (2018: type) in the lower. */
  scmp: 'u16',
  /** Of an echo. */
  identifier: 'u32',
  sequence: 'u16',
  /** That a "too big" reports. */
  mtu: 'u16',
  /** That an "interface down" reports, its lower 32 bits; of type 6 the ingress. */
  interfaceId: 'u32',
  /** Session of a gateway's frame. */
  session: 'u8',
} as const satisfies Schema;

type ScionTable = ObservationTable<typeof SCION_ROWS>;

/** One row a packet, on the flow of its UDP conversation: the link between two routers, or a router and a host. */
export const scionDissector = defineDissector({
  protocol: 'scion',
  isForwardedByHops: true,
  carriedBy: {
    udpHeuristic: {
      priority: PRIORITY,
      recognise: (frame, offset, end) =>
        generationOf(frame, offset, end) === GENERATION_NONE ? CLAIM_PORT : CLAIM_STRONG,
    },
  },
  // A full packet on a link inside a tunnel leaves as two fragments; their lengths add up only together.
  assembles: true,
  observes: SCION_ROWS,
  bind(table, binding) {
    const reader = new ControlReader();
    const dissectBfd = binding.subDissector('bfd');
    return (frame, offset, end) => dissectPacket(table, reader, dissectBfd, binding, frame, offset, end);
  },
});

export default scionDissector;

function dissectPacket(
  table: ScionTable,
  reader: ControlReader,
  dissectBfd: Dissect,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  const generation = generationOf(frame, offset, end);
  if (generation === GENERATION_NONE || frame.origin === ORIGIN_FIRST_FRAGMENT) return;
  const isCurrent = generation === GENERATION_CURRENT;
  const addresses = offset + (isCurrent ? scion.CURRENT_HOSTS : scion.OLD_HOSTS);
  if (addresses > end) return frame.observeUnreadable(binding.protocolIndex);
  const row = table.rows.append(frame);
  clearRow(table, row);
  table.generation[row] = generation;
  table.packetLength[row] = frame.payloadLength;
  readAddresses(table, row, frame.view, addresses - 16);
  const view = frame.view;
  const headerLength = isCurrent
    ? view.getUint8(offset + scion.CURRENT_HEADER_LENGTH) * 4
    : view.getUint8(offset + scion.OLD_HEADER_LENGTH) * scion.OLD_LINE;
  if (offset + headerLength > end) return frame.observeUnreadable(binding.protocolIndex);
  if (isCurrent) readCurrentPath(table, row, view, offset, headerLength);
  else readOldPath(table, row, view, offset, headerLength);
  const next = isCurrent
    ? dissectCurrentExtensions(frame, offset, offset + headerLength, end)
    : dissectOldExtensions(table, row, frame, offset, offset + headerLength, end);
  if (table.pathKind[row] !== PATH_KIND_ONE_HOP) table.stampSeconds[row] = 0;
  // The extensions have left in `payloadLength` what stands behind them.
  const at = offset + table.packetLength[row] - frame.payloadLength;
  if (at > end) return frame.observeUnreadable(binding.protocolIndex);
  // Routers on the way move the pointers into the path; what stands behind the headers stays.
  frame.stableFrom = at;
  if (next === scion.NEXT_UDP) return dissectUdp(table, row, reader, binding, frame, at, end);
  if (next === scion.NEXT_TCP) table.content[row] = CONTENT_TCP;
  else if (isCurrent && next === scion.NEXT_SCMP) readScmp(table, row, binding, frame, at, end);
  else if (!isCurrent && next === scion.OLD_NEXT_SCMP) readOldScmp(table, row, binding, frame, at, end);
  else if (isCurrent && next === scion.NEXT_BFD) {
    table.content[row] = CONTENT_BFD;
    if (table.stampSeconds[row] > 0) table.stampSeconds[row] += scion.BFD_STAMP_EARLIER_SECONDS;
    dissectBfd(frame, at, end);
  }
}

function clearRow(table: ScionTable, row: number): void {
  table.content[row] = CONTENT_OTHER;
  table.control[row] = 0;
  table.pathKind[row] = PATH_KIND_LONGER;
  table.expirySeconds[row] = 0;
  table.stampSeconds[row] = 0;
  table.scmp[row] = 0;
  table.identifier[row] = 0;
  table.sequence[row] = 0;
  table.mtu[row] = 0;
  table.interfaceId[row] = 0;
  table.session[row] = 0;
}

/** Destination, then source: ISD 2 bytes, AS 6. */
function readAddresses(table: ScionTable, row: number, view: DataView, at: number): void {
  table.destinationIsd[row] = view.getUint16(at);
  table.destinationAs[row] = view.getUint16(at + 2) * 0x1_0000_0000 + view.getUint32(at + 4);
  table.sourceIsd[row] = view.getUint16(at + 8);
  table.sourceAs[row] = view.getUint16(at + 10) * 0x1_0000_0000 + view.getUint32(at + 12);
}

function readCurrentPath(
  table: ScionTable,
  row: number,
  view: DataView,
  offset: number,
  headerLength: number,
): void {
  const type = view.getUint8(offset + scion.CURRENT_PATH_TYPE);
  if (type === scion.PATH_EMPTY) table.pathKind[row] = PATH_KIND_EMPTY;
  if (type === scion.PATH_ONE_HOP) {
    table.pathKind[row] = PATH_KIND_ONE_HOP;
    const stampAt = offset + currentPathOffset(view, offset) + scion.INFO_TIMESTAMP;
    if (stampAt + 4 <= offset + headerLength) table.stampSeconds[row] = view.getUint32(stampAt);
  }
  if (type !== scion.PATH_SCION && type !== scion.PATH_EPIC) return;
  const prefix = type === scion.PATH_EPIC ? scion.EPIC_PREFIX_LENGTH : 0;
  const metaAt = offset + currentPathOffset(view, offset) + prefix;
  const meta = view.getUint32(metaAt);
  let info = metaAt + scion.META_LENGTH;
  let hop = info;
  for (let shift = 12; shift >= 0; shift -= 6) if (((meta >>> shift) & 63) !== 0) hop += scion.INFO_LENGTH;
  const headerEnd = offset + headerLength;
  for (let shift = 12; shift >= 0; shift -= 6) {
    const hops = (meta >>> shift) & 63;
    for (let count = 0; count < hops && hop + scion.HOP_LENGTH <= headerEnd; count++) {
      noteExpiry(table, row, view, info + scion.INFO_TIMESTAMP, hop + scion.HOP_EXPIRY);
      hop += scion.HOP_LENGTH;
    }
    info += scion.INFO_LENGTH;
  }
}

function readOldPath(
  table: ScionTable,
  row: number,
  view: DataView,
  offset: number,
  headerLength: number,
): void {
  const headerEnd = offset + headerLength;
  let at = offset + oldPathOffset(view, offset);
  if (at === headerEnd) table.pathKind[row] = PATH_KIND_EMPTY;
  while (at + scion.OLD_LINE <= headerEnd) {
    const info = at;
    const hops = view.getUint8(info + scion.OLD_INFO_HOPS);
    if (table.stampSeconds[row] === 0)
      table.stampSeconds[row] = view.getUint32(info + scion.OLD_INFO_TIMESTAMP);
    at += scion.OLD_LINE;
    for (let count = 0; count < hops && at + scion.OLD_LINE <= headerEnd; count++) {
      noteExpiry(table, row, view, info + scion.OLD_INFO_TIMESTAMP, at + scion.OLD_HOP_EXPIRY);
      at += scion.OLD_LINE;
    }
  }
}

function noteExpiry(
  table: ScionTable,
  row: number,
  view: DataView,
  timestampAt: number,
  hopAt: number,
): void {
  const life = (view.getUint8(hopAt) + 1) * scion.EXPIRY_UNIT_SECONDS;
  const known = table.expirySeconds[row];
  const expiry = view.getUint32(timestampAt) + life;
  if (known === 0 || expiry < known) table.expirySeconds[row] = expiry;
}

/** Goes over the extensions and leaves in `payloadLength` the length of what follows; returns its protocol. */
function dissectCurrentExtensions(frame: FrameContext, offset: number, from: number, end: number): number {
  const view = frame.view;
  let next = view.getUint8(offset + scion.CURRENT_NEXT_HEADER);
  let at = from;
  for (let count = 0; count < scion.EXTENSIONS_MAX && at + 2 <= end; count++) {
    if (next !== scion.NEXT_HOP_BY_HOP && next !== scion.NEXT_END_TO_END) break;
    next = view.getUint8(at);
    at += (view.getUint8(at + 1) + 1) * 4;
  }
  frame.payloadLength -= at - offset;
  return next;
}

function dissectOldExtensions(
  table: ScionTable,
  row: number,
  frame: FrameContext,
  offset: number,
  from: number,
  end: number,
): number {
  const view = frame.view;
  let next = view.getUint8(offset + scion.OLD_NEXT_HEADER);
  let at = from;
  for (let count = 0; count < scion.EXTENSIONS_MAX && at + scion.OLD_LINE <= end; count++) {
    if (next !== scion.OLD_NEXT_HOP_BY_HOP && next !== scion.OLD_NEXT_END_TO_END) break;
    const isHopByHop = next === scion.OLD_NEXT_HOP_BY_HOP;
    if (isHopByHop && view.getUint8(at + 2) === scion.OLD_EXTENSION_ONE_HOP) {
      table.pathKind[row] = PATH_KIND_ONE_HOP;
      // The next hop's field is still empty, and the receiver fills it in.
      table.expirySeconds[row] = 0;
    }
    const lines = view.getUint8(at + 1);
    next = view.getUint8(at);
    at += Math.max(1, lines) * scion.OLD_LINE;
  }
  frame.payloadLength -= at - offset;
  return next;
}

function dissectUdp(
  table: ScionTable,
  row: number,
  reader: ControlReader,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < scion.UDP_LENGTH) return frame.observeUnreadable(binding.protocolIndex);
  table.content[row] = CONTENT_UDP;
  const wireLength = frame.payloadLength - scion.UDP_LENGTH;
  const at = offset + scion.UDP_LENGTH;
  if (table.generation[row] === GENERATION_CURRENT) {
    if (frame.view.getUint16(offset + 2) === scion.GATEWAY_PORT) {
      dissectGatewayFrame(table, row, binding, frame, at, end, wireLength);
    }
    return;
  }
  table.control[row] = reader.read(frame.view, at, end, wireLength);
  if (table.control[row] !== 0) table.content[row] = CONTENT_CONTROL;
}

/** The packets that begin in the frame and end in it are followed; the rest is the next frame's. */
function dissectGatewayFrame(
  table: ScionTable,
  row: number,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
  wireLength: number,
): void {
  const view = frame.view;
  if (end - offset < scion.GATEWAY_HEADER_LENGTH || view.getUint8(offset) !== 0) return;
  const index = view.getUint16(offset + scion.GATEWAY_INDEX);
  if (view.getUint16(offset + scion.GATEWAY_RESERVED) >> 4 !== 0) return;
  if (index !== scion.GATEWAY_INDEX_NONE && scion.GATEWAY_HEADER_LENGTH + index >= wireLength) return;
  table.content[row] = CONTENT_GATEWAY;
  table.session[row] = view.getUint8(offset + scion.GATEWAY_SESSION);
  if (index === scion.GATEWAY_INDEX_NONE) return;
  let at = offset + scion.GATEWAY_HEADER_LENGTH + index;
  for (let count = 0; count < scion.GATEWAY_PACKETS_MAX; count++) {
    const length = ipLength(view, at, end);
    if (length === 0 || at + length > end) return;
    if (!frame.enterTunnel(KIND_SCION, gatewayKey(table, row))) {
      return frame.observeUnreadableOf(binding.protocolIndex, HEADER_TOO_DEEP);
    }
    frame.payloadLength = length;
    binding.innerIp(frame, at, at + length);
    frame.leaveTunnel();
    at += length;
  }
}

/** The session between two gateways: its number, and both ASes, in the same way for either direction. */
function gatewayKey(table: ScionTable, row: number): number {
  const ends =
    table.sourceAs[row] ^ table.destinationAs[row] ^ table.sourceIsd[row] ^ table.destinationIsd[row];
  return (ends << 8) | table.session[row];
}

/** Length that the IP header at `at` claims; 0 where there is none. */
function ipLength(view: DataView, at: number, end: number): number {
  if (at + 20 > end) return 0;
  const version = view.getUint8(at) >> 4;
  if (version === 4) return view.getUint16(at + 2);
  return version === 6 ? view.getUint16(at + 4) + 40 : 0;
}

function readScmp(
  table: ScionTable,
  row: number,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < scion.SCMP_LENGTH_MIN) return frame.observeUnreadable(binding.protocolIndex);
  const view = frame.view;
  const type = view.getUint8(offset);
  table.content[row] = CONTENT_SCMP;
  table.scmp[row] = (type << 8) | view.getUint8(offset + scion.SCMP_CODE);
  table.identifier[row] = view.getUint16(offset + scion.SCMP_IDENTIFIER);
  table.sequence[row] = view.getUint16(offset + scion.SCMP_SEQUENCE);
  table.mtu[row] = view.getUint16(offset + scion.SCMP_MTU);
  if (
    (type === scion.TYPE_EXTERNAL_DOWN || type === scion.TYPE_INTERNAL_DOWN) &&
    end - offset >= scion.SCMP_INTERFACE + 8
  ) {
    table.interfaceId[row] = view.getUint32(offset + scion.SCMP_INTERFACE + 4);
  }
}

function readOldScmp(
  table: ScionTable,
  row: number,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < scion.OLD_SCMP_HEADER_LENGTH) return frame.observeUnreadable(binding.protocolIndex);
  const view = frame.view;
  table.content[row] = CONTENT_SCMP;
  table.scmp[row] =
    ((view.getUint16(offset) & 0xff) << 8) | (view.getUint16(offset + scion.OLD_SCMP_TYPE) & 0xff);
  if (end - offset < scion.OLD_ECHO_SEQUENCE + 2) return;
  table.identifier[row] = view.getUint32(offset + scion.OLD_SCMP_INFO + 4);
  table.sequence[row] = view.getUint16(offset + scion.OLD_ECHO_SEQUENCE);
  table.mtu[row] = view.getUint16(offset + scion.OLD_OVERSIZE_MTU);
  if (view.getUint16(offset) === scion.OLD_CLASS_PATH) {
    table.interfaceId[row] = view.getUint16(offset + scion.OLD_PATH_INTERFACE);
  }
}
