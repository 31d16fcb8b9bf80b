import type { FrameContext } from '../../src/dissect/frame-context.js';
import * as ip from '../../src/wire/ip.js';
import { DESTINATION_PORT, PORT_NAT_TRAVERSAL, SOURCE_PORT } from '../../src/wire/transport.js';
import type { IcmpTable } from './rows.js';

/*
 * The packet that an ICMP error quotes: its IP header and at least 8 bytes of payload (RFC 792); Linux and RFC 1812
 * routers quote up to 576 bytes in all, ICMPv6 up to 1280.
 */

/** ESP and AH in front of their payload (RFC 4303, section 2; RFC 4302, section 2.2). */
const ESP_SPI = 0;
const AH_SPI = 4;
const ICMP_TYPE = 0;
const ICMP_IDENTIFIER = 4;
const UDP_HEADER_LENGTH = 8;
const EXTENSION_HEADERS_MAX = 8;

/** Reads the quote at `offset` into the columns of `row`; one that stops inside its IP header is a unreadableHeader. */
export function dissectQuotedPacket(
  table: IcmpTable,
  row: number,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  const version = end > offset ? frame.view.getUint8(offset) >> 4 : 0;
  if (version === 4 && dissectQuotedIpv4(table, row, frame.view, offset, end)) return;
  if (version === 6 && dissectQuotedIpv6(table, row, frame.view, offset, end)) return;
  frame.observeUnreadable(protocolIndex);
}

function dissectQuotedIpv4(
  table: IcmpTable,
  row: number,
  view: DataView,
  offset: number,
  end: number,
): boolean {
  if (end - offset < ip.IPV4_HEADER_LENGTH_MIN) return false;
  const headerLength = (view.getUint8(offset) & 0x0f) * 4;
  if (headerLength < ip.IPV4_HEADER_LENGTH_MIN) return false;
  const protocol = view.getUint8(offset + ip.IPV4_PROTOCOL);
  const fragment = view.getUint16(offset + ip.IPV4_FRAGMENT);
  table.quotedFamily[row] = 4;
  table.quotedProtocol[row] = protocol;
  table.quotedTimeToLive[row] = view.getUint8(offset + ip.IPV4_TIME_TO_LIVE);
  table.quotedFragment[row] = fragment;
  table.quotedLength[row] = view.getUint16(offset + ip.IPV4_TOTAL_LENGTH);
  table.quotedIdentification[row] = view.getUint16(offset + ip.IPV4_IDENTIFICATION);
  table.quotedSource0[row] = 0;
  table.quotedSource1[row] = 0;
  table.quotedSource2[row] = ip.IPV4_MAPPED;
  table.quotedSource3[row] = view.getInt32(offset + ip.IPV4_SOURCE);
  table.quotedDestination0[row] = 0;
  table.quotedDestination1[row] = 0;
  table.quotedDestination2[row] = ip.IPV4_MAPPED;
  table.quotedDestination3[row] = view.getInt32(offset + ip.IPV4_DESTINATION);
  const isFirst = (fragment & ip.IPV4_OFFSET_MASK) === 0;
  dissectQuotedPayload(table, row, view, protocol, isFirst ? offset + headerLength : end, end);
  return true;
}

function dissectQuotedIpv6(
  table: IcmpTable,
  row: number,
  view: DataView,
  offset: number,
  end: number,
): boolean {
  if (end - offset < ip.IPV6_HEADER_LENGTH) return false;
  table.quotedFamily[row] = 6;
  table.quotedTimeToLive[row] = view.getUint8(offset + ip.IPV6_HOP_LIMIT);
  table.quotedFragment[row] = 0;
  table.quotedIdentification[row] = 0;
  table.quotedLength[row] = view.getUint16(offset + ip.IPV6_PAYLOAD_LENGTH) + ip.IPV6_HEADER_LENGTH;
  table.quotedSource0[row] = view.getInt32(offset + ip.IPV6_SOURCE);
  table.quotedSource1[row] = view.getInt32(offset + ip.IPV6_SOURCE + 4);
  table.quotedSource2[row] = view.getInt32(offset + ip.IPV6_SOURCE + 8);
  table.quotedSource3[row] = view.getInt32(offset + ip.IPV6_SOURCE + 12);
  table.quotedDestination0[row] = view.getInt32(offset + ip.IPV6_DESTINATION);
  table.quotedDestination1[row] = view.getInt32(offset + ip.IPV6_DESTINATION + 4);
  table.quotedDestination2[row] = view.getInt32(offset + ip.IPV6_DESTINATION + 8);
  table.quotedDestination3[row] = view.getInt32(offset + ip.IPV6_DESTINATION + 12);
  let next = view.getUint8(offset + ip.IPV6_NEXT_HEADER);
  let at = offset + ip.IPV6_HEADER_LENGTH;
  for (let header = 0; header < EXTENSION_HEADERS_MAX && isExtension(next) && end - at >= 8; header++) {
    if (next === ip.PROTOCOL_FRAGMENT) {
      const field = view.getUint16(at + ip.IPV6_FRAGMENT_OFFSET);
      table.quotedFragment[row] = field;
      table.quotedIdentification[row] = view.getUint32(at + ip.IPV6_FRAGMENT_IDENTIFICATION);
      next = view.getUint8(at);
      at = (field & ip.IPV6_FRAGMENT_OFFSET_MASK) === 0 ? at + ip.IPV6_FRAGMENT_HEADER_LENGTH : end;
    } else {
      next = view.getUint8(at);
      at += (view.getUint8(at + 1) + 1) * 8;
    }
  }
  table.quotedProtocol[row] = next;
  dissectQuotedPayload(table, row, view, next, at, end);
  return true;
}

function isExtension(header: number): boolean {
  return (
    header === ip.PROTOCOL_HOP_BY_HOP ||
    header === ip.PROTOCOL_ROUTING ||
    header === ip.PROTOCOL_DESTINATION_OPTIONS ||
    header === ip.PROTOCOL_FRAGMENT
  );
}

/** What tells the flow, as far as the quote reaches. */
function dissectQuotedPayload(
  table: IcmpTable,
  row: number,
  view: DataView,
  protocol: number,
  offset: number,
  end: number,
): void {
  table.quotedType[row] = 0;
  table.quotedSourcePort[row] = 0;
  table.quotedDestinationPort[row] = 0;
  table.quotedIdentifier[row] = 0;
  table.quotedSpi[row] = 0;
  const length = end - offset;
  if (length < 4) return;
  switch (protocol) {
    case ip.PROTOCOL_TCP:
    case ip.PROTOCOL_UDP:
    case ip.PROTOCOL_SCTP:
      table.quotedSourcePort[row] = view.getUint16(offset + SOURCE_PORT);
      table.quotedDestinationPort[row] = view.getUint16(offset + DESTINATION_PORT);
      if (protocol === ip.PROTOCOL_UDP && length >= UDP_HEADER_LENGTH + 4) {
        dissectQuotedEncapsulation(table, row, view, offset);
      }
      return;
    case ip.PROTOCOL_ESP:
      table.quotedSpi[row] = view.getUint32(offset + ESP_SPI);
      return;
    case ip.PROTOCOL_AH:
      if (length >= AH_SPI + 4) table.quotedSpi[row] = view.getUint32(offset + AH_SPI);
      return;
    case ip.PROTOCOL_ICMP:
    case ip.PROTOCOL_ICMPV6:
      table.quotedType[row] = view.getUint8(offset + ICMP_TYPE);
      if (length >= ICMP_IDENTIFIER + 2)
        table.quotedIdentifier[row] = view.getUint16(offset + ICMP_IDENTIFIER);
  }
}

/** Four zero bytes mean IKE instead of ESP (RFC 3948, section 2.2). */
function dissectQuotedEncapsulation(table: IcmpTable, row: number, view: DataView, offset: number): void {
  if (
    table.quotedSourcePort[row] === PORT_NAT_TRAVERSAL ||
    table.quotedDestinationPort[row] === PORT_NAT_TRAVERSAL
  ) {
    table.quotedSpi[row] = view.getUint32(offset + UDP_HEADER_LENGTH + ESP_SPI);
  }
}
