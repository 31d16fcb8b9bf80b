import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN } from '../../src/wire/ethernet.js';
import * as ip from '../../src/wire/ip.js';
import { DESTINATION_PORT, PORTS_LENGTH, SOURCE_PORT } from '../../src/wire/transport.js';
import type { VppTable } from './columns.js';

/*
 * The IP header of the packet at a node. A record does not say where it begins: nodes of IP are handed it without
 * an Ethernet header, drivers with or (for L3 interfaces) without one.
 */

const ETHERNET_LENGTH = 14;
const VLAN_LENGTH = 4;
const VLAN_TAGS_MAX = 2;

/** Offset of the IP header of an Ethernet frame, or -1. */
function ipBehindEthernet(view: DataView, offset: number, end: number): number {
  let at = offset + ETHERNET_LENGTH;
  if (end < at) return -1;
  let etherType = view.getUint16(at - 2);
  for (let tags = 0; tags < VLAN_TAGS_MAX && etherType === ETHERTYPE_VLAN; tags++) {
    at += VLAN_LENGTH;
    if (end < at) return -1;
    etherType = view.getUint16(at - 2);
  }
  if (etherType === ETHERTYPE_IPV4 && isIpv4(view, at, end)) return at;
  return etherType === ETHERTYPE_IPV6 && isIpv6(view, at, end) ? at : -1;
}

function isIpv4(view: DataView, offset: number, end: number): boolean {
  if (end - offset < ip.IPV4_HEADER_LENGTH_MIN) return false;
  const first = view.getUint8(offset);
  return first >> 4 === 4 && (first & 0x0f) >= 5;
}

function isIpv6(view: DataView, offset: number, end: number): boolean {
  return end - offset >= ip.IPV6_HEADER_LENGTH && view.getUint8(offset) >> 4 === 6;
}

/** Offset of the IP header, or -1. `isIpNode`: the node is one that gets packets without an Ethernet header. */
export function findIpHeader(view: DataView, offset: number, end: number, isIpNode: boolean): number {
  if (!isIpNode) {
    const at = ipBehindEthernet(view, offset, end);
    if (at >= 0) return at;
  }
  return isIpv4(view, offset, end) || isIpv6(view, offset, end) ? offset : -1;
}

/** Writes the header at `offset`, which `findIpHeader` found, into the row. */
export function readIpHeader(
  table: VppTable,
  row: number,
  view: DataView,
  offset: number,
  end: number,
): void {
  if (view.getUint8(offset) >> 4 === 4) readIpv4(table, row, view, offset, end);
  else readIpv6(table, row, view, offset, end);
}

function readIpv4(table: VppTable, row: number, view: DataView, offset: number, end: number): void {
  const fragment = view.getUint16(offset + ip.IPV4_FRAGMENT);
  const isLater = (fragment & ip.IPV4_OFFSET_MASK) !== 0;
  table.family[row] = 4;
  table.protocol[row] = view.getUint8(offset + ip.IPV4_PROTOCOL);
  table.timeToLive[row] = view.getUint8(offset + ip.IPV4_TIME_TO_LIVE);
  table.identification[row] = view.getUint16(offset + ip.IPV4_IDENTIFICATION);
  table.totalLength[row] = view.getUint16(offset + ip.IPV4_TOTAL_LENGTH);
  table.dontFragment[row] = (fragment & ip.IPV4_DONT_FRAGMENT) === 0 ? 0 : 1;
  table.isLaterFragment[row] = isLater ? 1 : 0;
  table.source2[row] = ip.IPV4_MAPPED;
  table.source3[row] = view.getInt32(offset + ip.IPV4_SOURCE);
  table.destination2[row] = ip.IPV4_MAPPED;
  table.destination3[row] = view.getInt32(offset + ip.IPV4_DESTINATION);
  if (!isLater) readPorts(table, row, view, offset + (view.getUint8(offset) & 0x0f) * 4, end);
}

function readIpv6(table: VppTable, row: number, view: DataView, offset: number, end: number): void {
  table.family[row] = 6;
  table.protocol[row] = view.getUint8(offset + ip.IPV6_NEXT_HEADER);
  table.timeToLive[row] = view.getUint8(offset + ip.IPV6_HOP_LIMIT);
  table.totalLength[row] = view.getUint16(offset + ip.IPV6_PAYLOAD_LENGTH) + ip.IPV6_HEADER_LENGTH;
  // Routers do not fragment IPv6 (RFC 8200, section 4.5).
  table.dontFragment[row] = 1;
  table.source0[row] = view.getInt32(offset + ip.IPV6_SOURCE);
  table.source1[row] = view.getInt32(offset + ip.IPV6_SOURCE + 4);
  table.source2[row] = view.getInt32(offset + ip.IPV6_SOURCE + 8);
  table.source3[row] = view.getInt32(offset + ip.IPV6_SOURCE + 12);
  table.destination0[row] = view.getInt32(offset + ip.IPV6_DESTINATION);
  table.destination1[row] = view.getInt32(offset + ip.IPV6_DESTINATION + 4);
  table.destination2[row] = view.getInt32(offset + ip.IPV6_DESTINATION + 8);
  table.destination3[row] = view.getInt32(offset + ip.IPV6_DESTINATION + 12);
  readPorts(table, row, view, offset + ip.IPV6_HEADER_LENGTH, end);
}

function readPorts(table: VppTable, row: number, view: DataView, offset: number, end: number): void {
  const protocol = table.protocol[row];
  const hasPorts =
    protocol === ip.PROTOCOL_TCP || protocol === ip.PROTOCOL_UDP || protocol === ip.PROTOCOL_SCTP;
  if (!hasPorts || end - offset < PORTS_LENGTH) return;
  table.sourcePort[row] = view.getUint16(offset + SOURCE_PORT);
  table.destinationPort[row] = view.getUint16(offset + DESTINATION_PORT);
}
