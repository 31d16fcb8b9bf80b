import { type Binding, defineDissector } from '../../src/dissect/dissector.js';
import { CLAIM_PORT, CLAIM_STRONG, type FrameContext } from '../../src/dissect/frame-context.js';
import { SHORTFALL_MALFORMED, SHORTFALL_TOO_DEEP } from '../../src/observe/engine-tables.js';
import { TUNNEL_KINDS } from '../../src/observe/flow-key.js';
import { ORIGIN_WHOLE } from '../../src/observe/table.js';
import * as ethernet from '../../src/wire/ethernet.js';
import * as vxlan from './layout.js';
import { isInnerFrame, isUnmistakable } from './recognition.js';
import { VXLAN_ROWS, type VxlanTable } from './rows.js';

const KIND = TUNNEL_KINDS.indexOf('vxlan');
/** Above guesses by behaviour: header and inner frame agree in more than 40 bits. */
const HEURISTIC_PRIORITY = 80;

/**
 * One row a packet, of a fragmented one from its first fragment. The row's flow is that of the inner packet,
 * with its direction; where that is not IP, a flow of the tunnel itself in the direction of the outer packet.
 */
export const vxlanDissector = defineDissector({
  protocol: 'vxlan',
  carriedBy: {
    udpPort: [vxlan.PORT_IANA, vxlan.PORT_GPE, vxlan.PORT_LINUX, vxlan.PORT_MIDONET],
    udpHeuristic: {
      priority: HEURISTIC_PRIORITY,
      recognise: (frame, offset, end) => (isUnmistakable(frame, offset, end) ? CLAIM_STRONG : CLAIM_PORT),
    },
  },
  hasEntropySourcePort: true,
  observes: VXLAN_ROWS,
  bind(table, binding) {
    return (frame, offset, end) => dissectHeader(table, binding, frame, offset, end);
  },
});

export default vxlanDissector;

function dissectHeader(
  table: VxlanTable,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < vxlan.HEADER_LENGTH) return frame.observeShortfall(binding.protocolIndex);
  const isGpe = isGpeHeader(frame, offset);
  // A port alone is no proof: 4789 may be the port that some client happened to get.
  if (frame.claim === CLAIM_PORT && !isPlausible(frame, isGpe, offset, end)) {
    return frame.observeShortfallOf(binding.protocolIndex, SHORTFALL_MALFORMED);
  }
  const view = frame.view;
  const row = table.rows.append(frame);
  const header = view.getInt32(offset + vxlan.FLAGS);
  table.header[row] = header;
  table.stray[row] = isGpe ? 0 : header & ~(header < 0 ? vxlan.GROUP_BITS : vxlan.PLAIN_BITS);
  table.vni[row] = view.getUint32(offset + vxlan.VNI_AND_RESERVED) >>> 8;
  table.trailer[row] = isGpe ? 0 : view.getUint8(offset + vxlan.RESERVED);
  table.isGpe[row] = isGpe ? 1 : 0;
  table.outerDirection[row] = frame.addressDirection();
  table.destinationPort[row] = frame.destinationPort;
  table.outerLength[row] = frame.networkLength;
  dissectInner(table, row, binding, frame, offset, end);
}

function dissectInner(
  table: VxlanTable,
  row: number,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  const { flow: outerFlow, networkOffset: outerOffset } = frame;
  const next = table.isGpe[row] === 1 ? frame.view.getUint8(offset + vxlan.NEXT_PROTOCOL) : 0;
  const inner = offset + vxlan.HEADER_LENGTH;
  const isEthernet =
    ((table.header[row] >> 24) & vxlan.FLAG_NEXT_PROTOCOL) === 0 ||
    next === 0 ||
    next === vxlan.NEXT_ETHERNET;
  copyInnerHeader(table, row, frame.view, inner, isEthernet ? end : inner);
  table.lane[row] = laneOf(table, row);
  table.innerLength[row] = 0;
  if (!frame.enterTunnel(KIND, table.vni[row])) {
    return frame.observeShortfallOf(binding.protocolIndex, SHORTFALL_TOO_DEEP);
  }
  frame.payloadLength -= vxlan.HEADER_LENGTH;
  if (isEthernet) {
    if (inner < end) binding.innerEthernet(frame, inner, end);
  } else {
    dissectNextProtocol(binding, frame, next, inner, end);
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
    table.rows.flow[row] = frame.discriminatedFlow(0, table.innerType[row]);
    table.rows.direction[row] = table.outerDirection[row];
  }
  frame.leaveTunnel();
}

/** Inner MAC addresses and EtherType, as far as they are there; all 0 otherwise. */
function copyInnerHeader(table: VxlanTable, row: number, view: DataView, offset: number, end: number): void {
  if (end - offset < ethernet.ETHERNET_HEADER_LENGTH) {
    table.destinationMacHigh[row] = 0;
    table.destinationMacLow[row] = 0;
    table.sourceMacHigh[row] = 0;
    table.sourceMacLow[row] = 0;
    table.innerType[row] = 0;
    return;
  }
  table.destinationMacHigh[row] = view.getUint16(offset + ethernet.ETHERNET_DESTINATION);
  table.destinationMacLow[row] = view.getUint32(offset + ethernet.ETHERNET_DESTINATION + 2);
  table.sourceMacHigh[row] = view.getUint16(offset + ethernet.ETHERNET_SOURCE);
  table.sourceMacLow[row] = view.getUint32(offset + ethernet.ETHERNET_SOURCE + 2);
  let at = offset + ethernet.ETHERNET_TYPE;
  let type = view.getUint16(at);
  while (
    (type === ethernet.ETHERTYPE_VLAN || type === ethernet.ETHERTYPE_QINQ) &&
    at + ethernet.VLAN_TAG_LENGTH + 2 <= end
  ) {
    at += ethernet.VLAN_TAG_LENGTH;
    type = view.getUint16(at);
  }
  table.innerType[row] = type;
}

function laneOf(table: VxlanTable, row: number): number {
  const way = (table.destinationPort[row] << 4) | (table.rows.origin[row] << 1) | table.outerDirection[row];
  let hash = Math.imul(way ^ table.header[row], 0x9e3779b1) ^ table.trailer[row];
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ table.sourceMacLow[row];
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) ^ table.destinationMacLow[row];
  return (
    Math.imul(hash ^ (hash >>> 16), 0x27d4eb2f) ^
    ((table.sourceMacHigh[row] << 16) | table.destinationMacHigh[row])
  );
}

function dissectNextProtocol(
  binding: Binding,
  frame: FrameContext,
  protocol: number,
  offset: number,
  end: number,
): void {
  let next = protocol;
  let at = offset;
  if (next === vxlan.NEXT_NSH) {
    if (end - at < vxlan.NSH_LENGTH_MIN) return frame.observeShortfall(binding.protocolIndex);
    const length = (frame.view.getUint8(at + vxlan.NSH_LENGTH) & vxlan.NSH_LENGTH_MASK) * 4;
    next = frame.view.getUint8(at + vxlan.NSH_NEXT_PROTOCOL);
    at += length;
    if (length < vxlan.NSH_LENGTH_MIN || at > end) return frame.observeShortfall(binding.protocolIndex);
  }
  switch (next) {
    case vxlan.NEXT_IPV4:
    case vxlan.NEXT_IPV6:
      return binding.innerIp(frame, at, end);
    case vxlan.NEXT_ETHERNET:
      return binding.innerEthernet(frame, at, end);
    case vxlan.NEXT_MPLS:
      return binding.innerEtherType(frame, ethernet.ETHERTYPE_MPLS, at, end);
    default:
  }
}

/** By its port, or by P with a next protocol that is assigned (Linux speaks GPE on any port). */
function isGpeHeader(frame: FrameContext, offset: number): boolean {
  if (frame.destinationPort === vxlan.PORT_GPE) return true;
  const word = frame.view.getInt32(offset);
  const next = word & 0xff;
  return (
    ((word >> 24) & (vxlan.FLAG_NEXT_PROTOCOL | vxlan.FLAG_GROUP_POLICY)) === vxlan.FLAG_NEXT_PROTOCOL &&
    (word & 0x00ff_ff00) === 0 &&
    next >= vxlan.NEXT_IPV4 &&
    next <= vxlan.NEXT_MPLS
  );
}

function isPlausible(frame: FrameContext, isGpe: boolean, offset: number, end: number): boolean {
  const flags = frame.view.getUint8(offset + vxlan.FLAGS);
  if (isGpe) return (flags & vxlan.GPE_UNASSIGNED) === 0;
  switch (frame.destinationPort) {
    case vxlan.PORT_IANA:
    case vxlan.PORT_LINUX:
    case vxlan.PORT_MIDONET:
      return (flags & vxlan.FLAG_VNI) !== 0 && isInnerFrame(frame, offset + vxlan.HEADER_LENGTH, end);
    default:
      // Only the source port fits: an answer to VXLAN never looks so, since both ends send to the port.
      return isUnmistakable(frame, offset, end);
  }
}
