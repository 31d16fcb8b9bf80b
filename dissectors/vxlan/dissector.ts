import { type Binding, defineDissector } from '../../src/dissect/dissector.js';
import { CLAIM_PORT, CLAIM_STRONG, type FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_MALFORMED, HEADER_TOO_DEEP } from '../../src/observe/engine-tables.js';
import { TUNNEL_KINDS } from '../../src/observe/flow-key.js';
import { ORIGIN_WHOLE } from '../../src/observe/table.js';
import * as ethernet from '../../src/wire/ethernet.js';
import * as vxlan from './layout.js';
import { isInnerFrame, isUnmistakable } from './recognition.js';
import { VXLAN_ROWS, type VxlanTable } from './rows.js';
import { RunFolder } from './run-folder.js';

const KIND = TUNNEL_KINDS.indexOf('vxlan');
/** Above guesses by behaviour: header and inner frame agree in more than 40 bits. */
const HEURISTIC_PRIORITY = 80;

/**
 * One row a packet, of a fragmented one from its first fragment; or one for a run of packets (see `RunFolder`). The row's flow is that of the inner packet,
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
  headerFields: [
    { name: 'VXLAN flags', at: 0, bits: 8, isHex: true },
    { name: 'VXLAN group policy flags', at: 8, bits: 8, isHex: true },
    { name: 'VXLAN group policy id', at: 16, bits: 16 },
    { name: 'VXLAN VNI', at: 32, bits: 24 },
    { name: 'VXLAN reserved byte', at: 56, bits: 8, isHex: true },
  ],
  observes: VXLAN_ROWS,
  bind(table, binding) {
    const runs = new RunFolder(table);
    return (frame, offset, end) => dissectHeader(runs, binding, frame, offset, end);
  },
});

export default vxlanDissector;

function dissectHeader(
  runs: RunFolder,
  binding: Binding,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < vxlan.HEADER_LENGTH) return frame.observeUnreadable(binding.protocolIndex);
  const isGpe = isGpeHeader(frame, offset);
  // A port alone is no proof: 4789 may be the port that some client happened to get.
  if (frame.claim === CLAIM_PORT && !isPlausible(frame, isGpe, offset, end)) {
    return frame.observeUnreadableOf(binding.protocolIndex, HEADER_MALFORMED);
  }
  const { view, flow: outerFlow, networkOffset: outerOffset, origin, claim } = frame;
  const outerDirection = frame.addressDirection();
  const outerLength = frame.networkLength;
  const vni = view.getUint32(offset + vxlan.VNI_AND_RESERVED) >>> 8;
  const inner = offset + vxlan.HEADER_LENGTH;
  const isEthernet = carriesEthernet(view, offset, isGpe);
  const innerEthernetEnd = isEthernet ? end : inner;
  if (!frame.enterTunnel(KIND, vni)) {
    return frame.observeUnreadableOf(binding.protocolIndex, HEADER_TOO_DEEP);
  }
  frame.payloadLength -= vxlan.HEADER_LENGTH;
  if (isEthernet) {
    if (inner < end) binding.innerEthernet(frame, inner, end);
  } else {
    dissectNextProtocol(binding, frame, view.getUint8(offset + vxlan.NEXT_PROTOCOL), inner, end);
  }
  const hasInnerFlow = frame.flow !== outerFlow;
  const flow = hasInnerFlow
    ? frame.flow
    : frame.discriminatedFlow(0, innerTypeOf(view, inner, innerEthernetEnd));
  const direction = hasInnerFlow ? frame.direction : outerDirection;
  const innerLength = hasInnerFlow ? frame.networkLength : 0;
  // The outer header of a first fragment tells only its own length.
  const wholeLength =
    hasInnerFlow && origin !== ORIGIN_WHOLE
      ? frame.networkOffset - outerOffset + frame.networkLength
      : outerLength;
  frame.leaveTunnel();
  const way = (frame.destinationPort << 4) | (origin << 1) | outerDirection;
  const lane = laneOf(view, offset, innerEthernetEnd, way);
  const mayAggregate = frame.aggregatesRows && claim === CLAIM_PORT && origin === ORIGIN_WHOLE;
  if (mayAggregate && runs.extend(frame, flow, direction, lane, wholeLength, innerLength))
    return frame.noteAggregated(binding.protocolIndex);
  const { table } = runs;
  const row = table.rows.append(frame);
  table.rows.flow[row] = flow;
  table.rows.direction[row] = direction;
  table.lane[row] = lane;
  table.vni[row] = vni;
  table.isGpe[row] = isGpe ? 1 : 0;
  table.outerDirection[row] = outerDirection;
  table.outerLength[row] = table.outerBytes[row] = wholeLength;
  table.innerLength[row] = innerLength;
  table.packets[row] = 1;
  table.lastFrame[row] = frame.index;
  copyHeaders(table, row, frame, offset, innerEthernetEnd);
  runs.begin(row);
}

function carriesEthernet(view: DataView, offset: number, isGpe: boolean): boolean {
  if ((view.getUint8(offset + vxlan.FLAGS) & vxlan.FLAG_NEXT_PROTOCOL) === 0 || !isGpe) return true;
  const next = view.getUint8(offset + vxlan.NEXT_PROTOCOL);
  return next === 0 || next === vxlan.NEXT_ETHERNET;
}

/** The columns that are the same for all packets of a lane. */
function copyHeaders(table: VxlanTable, row: number, frame: FrameContext, offset: number, end: number): void {
  const { view } = frame;
  const isGpe = table.isGpe[row] === 1;
  const header = view.getInt32(offset + vxlan.FLAGS);
  table.header[row] = header;
  table.stray[row] = isGpe ? 0 : header & ~(header < 0 ? vxlan.GROUP_BITS : vxlan.PLAIN_BITS);
  table.trailer[row] = isGpe ? 0 : view.getUint8(offset + vxlan.RESERVED);
  table.destinationPort[row] = frame.destinationPort;
  table.sourcePort[row] = frame.sourcePort;
  const inner = offset + vxlan.HEADER_LENGTH;
  const hasMacs = end - inner >= ethernet.ETHERNET_HEADER_LENGTH;
  table.destinationMacHigh[row] = hasMacs ? view.getUint16(inner + ethernet.ETHERNET_DESTINATION) : 0;
  table.destinationMacLow[row] = hasMacs ? view.getUint32(inner + ethernet.ETHERNET_DESTINATION + 2) : 0;
  table.sourceMacHigh[row] = hasMacs ? view.getUint16(inner + ethernet.ETHERNET_SOURCE) : 0;
  table.sourceMacLow[row] = hasMacs ? view.getUint32(inner + ethernet.ETHERNET_SOURCE + 2) : 0;
  table.innerType[row] = innerTypeOf(view, inner, end);
}

/** EtherType behind VLAN tags; 0 where there is no Ethernet header. */
function innerTypeOf(view: DataView, offset: number, end: number): number {
  if (end - offset < ethernet.ETHERNET_HEADER_LENGTH) return 0;
  let at = offset + ethernet.ETHERNET_TYPE;
  let type = view.getUint16(at);
  while (
    (type === ethernet.ETHERTYPE_VLAN || type === ethernet.ETHERTYPE_QINQ) &&
    at + ethernet.VLAN_TAG_LENGTH + 2 <= end
  ) {
    at += ethernet.VLAN_TAG_LENGTH;
    type = view.getUint16(at);
  }
  return type;
}

/** `way`: what else a lane has in common, as bits. */
function laneOf(view: DataView, offset: number, end: number, way: number): number {
  const header = view.getInt32(offset + vxlan.FLAGS);
  const inner = offset + vxlan.HEADER_LENGTH;
  let hash = Math.imul(way ^ header, 0x9e3779b1) ^ view.getUint8(offset + vxlan.RESERVED);
  if (end - inner < ethernet.ETHERNET_HEADER_LENGTH) return hash;
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ view.getInt32(inner);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) ^ view.getInt32(inner + 4);
  hash = Math.imul(hash ^ (hash >>> 16), 0x27d4eb2f) ^ view.getInt32(inner + 8);
  return hash;
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
    if (end - at < vxlan.NSH_LENGTH_MIN) return frame.observeUnreadable(binding.protocolIndex);
    const length = (frame.view.getUint8(at + vxlan.NSH_LENGTH) & vxlan.NSH_LENGTH_MASK) * 4;
    next = frame.view.getUint8(at + vxlan.NSH_NEXT_PROTOCOL);
    at += length;
    if (length < vxlan.NSH_LENGTH_MIN || at > end) return frame.observeUnreadable(binding.protocolIndex);
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
