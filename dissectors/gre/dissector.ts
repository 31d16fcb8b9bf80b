import { type Binding, defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_TOO_DEEP } from '../../src/observe/engine-tables.js';
import { TUNNEL_KINDS } from '../../src/observe/flow-key.js';
import { type ObservationTable, ORIGIN_WHOLE, type Schema } from '../../src/observe/table.js';
import { PROTOCOL_GRE } from '../../src/wire/ip.js';
import * as gre from './layout.js';

/** GRE in UDP (RFC 8086). */
const UDP_PORT = 4754;

const KIND_GRE = TUNNEL_KINDS.indexOf('gre');
const KIND_ERSPAN = TUNNEL_KINDS.indexOf('erspan');

const GRE_ROWS = {
  /** The first 16 bits of the header: C, R, K, S … version. */
  flags: 'u16',
  protocolType: 'u16',
  /** GRE key; the call id of PPTP; the session id of ERSPAN. 0 where there is none. */
  key: 'u32',
  /** Meaningful only with FLAG_SEQUENCE. */
  sequence: 'u32',
  /** Direction of the outer packet on its pair of addresses: 0 from the low to the high one. */
  outerDirection: 'u8',
  /** Bytes on the wire of the outer IP packet, and of the inner one (0 where it is not IP). */
  outerLength: 'u32',
  innerLength: 'u32',
} as const satisfies Schema;

type GreTable = ObservationTable<typeof GRE_ROWS>;

/**
 * One row a packet. The row's flow is that of the inner packet, with its direction; where that is not IP, a flow of
 * the tunnel itself in the direction of the outer packet.
 */
export const greDissector = defineDissector({
  protocol: 'gre',
  carriedBy: { ipProtocol: [PROTOCOL_GRE], udpPort: [UDP_PORT] },
  headerFields: [
    { name: 'GRE flags and version', at: 0, bits: 16, isHex: true },
    { name: 'GRE protocol type', at: 16, bits: 16, isHex: true },
  ],
  observes: GRE_ROWS,
  bind(table, binding) {
    return (frame, offset, end) => dissectHeader(table, binding, frame, offset, end);
  },
});

export default greDissector;

function dissectHeader(
  table: GreTable,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < gre.HEADER_LENGTH_MIN) return frame.observeUnreadable(binding.protocolIndex);
  const view = frame.view;
  const flags = view.getUint16(offset + gre.FLAGS);
  // The port alone proves nothing: it may be one that a client happened to get.
  if (frame.protocol !== PROTOCOL_GRE && (flags & (gre.RESERVED_AND_VERSION | gre.FLAG_ROUTING)) !== 0)
    return;
  let at = offset + gre.HEADER_LENGTH_MIN;
  if ((flags & (gre.FLAG_CHECKSUM | gre.FLAG_ROUTING)) !== 0) at += 4;
  const keyAt = at;
  if ((flags & gre.FLAG_KEY) !== 0) at += 4;
  const sequenceAt = at;
  if ((flags & gre.FLAG_SEQUENCE) !== 0) at += 4;
  if ((flags & gre.VERSION) === gre.VERSION_PPTP && (flags & gre.FLAG_ACKNOWLEDGMENT) !== 0) at += 4;
  if (at > end) return frame.observeUnreadable(binding.protocolIndex);
  const row = table.rows.append(frame);
  table.flags[row] = flags;
  table.protocolType[row] = view.getUint16(offset + gre.PROTOCOL_TYPE);
  table.key[row] = 0;
  if ((flags & gre.FLAG_KEY) !== 0) {
    // PPTP keeps the payload length in the upper half (RFC 2637, section 4.1).
    if ((flags & gre.VERSION) === gre.VERSION_PPTP) table.key[row] = view.getUint16(keyAt + 2);
    else table.key[row] = view.getUint32(keyAt);
  }
  table.sequence[row] = 0;
  if ((flags & gre.FLAG_SEQUENCE) !== 0) table.sequence[row] = view.getUint32(sequenceAt);
  table.outerDirection[row] = frame.addressDirection();
  table.outerLength[row] = frame.networkLength;
  table.innerLength[row] = 0;
  dissectPayload(table, row, binding, frame, at, end);
}

function dissectPayload(
  table: GreTable,
  row: number,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  const type = table.protocolType[row];
  const isMirror = type === gre.TYPE_ERSPAN || type === gre.TYPE_ERSPAN_III;
  if (isMirror) table.key[row] = mirrorSession(table.flags[row], type, frame.view, offset, end);
  const { flow: outerFlow, networkOffset: outerOffset } = frame;
  if (!frame.enterTunnel(isMirror ? KIND_ERSPAN : KIND_GRE, table.key[row] | 0)) {
    return frame.observeUnreadableOf(binding.protocolIndex, HEADER_TOO_DEEP);
  }
  if ((table.flags[row] & (gre.VERSION | gre.FLAG_ROUTING)) === 0) {
    if (isMirror) dissectMirrored(table.flags[row], type, binding, frame, offset, end);
    else if (type === gre.TYPE_TRANSPARENT_ETHERNET) binding.innerEthernet(frame, offset, end);
    else if (type !== gre.TYPE_KEEPALIVE) binding.innerEtherType(frame, type, offset, end);
  }
  if (frame.flow !== outerFlow) {
    table.rows.flow[row] = frame.flow;
    table.rows.direction[row] = frame.direction;
    table.innerLength[row] = frame.networkLength;
    // The outer header of a first fragment tells only its own length.
    if (frame.origin !== ORIGIN_WHOLE) {
      table.outerLength[row] = frame.networkOffset - outerOffset + frame.networkLength;
    }
  } else {
    table.rows.flow[row] = frame.discriminatedFlow(PROTOCOL_GRE, type);
    table.rows.direction[row] = table.outerDirection[row];
  }
  frame.leaveTunnel();
}

/** Type I has no header, hence no session: it is type II without a sequence number. */
function mirrorSession(flags: number, type: number, view: DataView, offset: number, end: number): number {
  const hasHeader = type === gre.TYPE_ERSPAN_III || (flags & gre.FLAG_SEQUENCE) !== 0;
  if (!hasHeader || end - offset < 4) return 0;
  return view.getUint16(offset + 2) & gre.ERSPAN_SESSION_MASK;
}

function dissectMirrored(
  flags: number,
  type: number,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (type === gre.TYPE_ERSPAN) {
    const inner = (flags & gre.FLAG_SEQUENCE) === 0 ? offset : offset + gre.ERSPAN_II_LENGTH;
    if (inner > end) return frame.observeUnreadable(binding.protocolIndex);
    return binding.innerEthernet(frame, inner, end);
  }
  if (end - offset < gre.ERSPAN_III_LENGTH) return frame.observeUnreadable(binding.protocolIndex);
  const bits = frame.view.getUint16(offset + gre.ERSPAN_III_FLAGS);
  let inner = offset + gre.ERSPAN_III_LENGTH;
  if ((bits & gre.ERSPAN_III_OPTION) !== 0) inner += gre.ERSPAN_III_OPTION_LENGTH;
  if (inner > end) return frame.observeUnreadable(binding.protocolIndex);
  const frameType = (bits & gre.ERSPAN_III_FRAME_TYPE_MASK) >> gre.ERSPAN_III_FRAME_TYPE_SHIFT;
  if (frameType === gre.ERSPAN_III_FRAME_TYPE_IP) binding.innerIp(frame, inner, end);
  else if (frameType === 0) binding.innerEthernet(frame, inner, end);
}
