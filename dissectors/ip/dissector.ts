import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_MALFORMED } from '../../src/observe/engine-tables.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';
import { IPV4_HEADER_CHECKSUM, sumOfBytes } from '../../src/wire/checksum.js';
import { PROTOCOL_UDP } from '../../src/wire/ip.js';
import { UDP_HEADER_LENGTH, UDP_LENGTH } from '../../src/wire/transport.js';

/** One row per fragment; `rows.flow` is that of the pair and protocol, because only first fragments show ports. */
export const FRAGMENT_ROWS = {
  family: 'u8',
  protocol: 'u8',
  timeToLive: 'u8',
  /** 1 where the sender says that more fragments follow. */
  more: 'u8',
  /** 16 bits for IPv4, 32 for IPv6. */
  identification: 'u32',
  /** Where the fragment begins in the payload of the datagram, and its bytes on the wire. */
  offset: 'u32',
  length: 'u32',
  /** Of first fragments; 0 otherwise. */
  sourcePort: 'u16',
  destinationPort: 'u16',
  /** Of first fragments of UDP: the length that its header gives the datagram; 0 otherwise. */
  statedLength: 'u16',
} as const satisfies Schema;

type FragmentTable = ObservationTable<typeof FRAGMENT_ROWS>;

/** All fragments but the last carry a multiple of 8 bytes (RFC 791, section 3.2; RFC 8200, section 4.5). */
const FRAGMENT_UNIT_MASK = 7;

/** IP fragments, first ones included; the headers themselves are read by the engine. */
export default defineDissector({
  protocol: 'ip',
  carriedBy: { ipFragment: true },
  observes: FRAGMENT_ROWS,
  bind(table, { protocolIndex }) {
    return (frame, offset, end) => dissectFragment(table, protocolIndex, frame, offset, end);
  },
});

function dissectFragment(
  table: FragmentTable,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  const length = frame.payloadLength;
  const isCrooked = frame.moreFragments !== 0 && (length & FRAGMENT_UNIT_MASK) !== 0;
  if (length <= 0 || isCrooked) {
    // Lengths are those that the IP header claims, so the fault is the sender's. Receivers drop such fragments.
    frame.observeUnreadableOf(protocolIndex, HEADER_MALFORMED);
    return;
  }
  if (frame.family === 4 && isHeaderDamaged(frame)) {
    frame.observeUnreadableOf(protocolIndex, HEADER_MALFORMED);
    return;
  }
  const isFirst = frame.fragmentOffset === 0;
  const row = table.rows.append(frame);
  table.rows.flow[row] = frame.discriminatedFlow(frame.protocol, 0);
  table.rows.direction[row] = frame.addressDirection();
  table.family[row] = frame.family;
  table.protocol[row] = frame.protocol;
  table.timeToLive[row] = frame.timeToLive;
  table.more[row] = frame.moreFragments;
  table.identification[row] = frame.fragmentIdentification[0];
  table.offset[row] = frame.fragmentOffset;
  table.length[row] = length;
  table.sourcePort[row] = isFirst ? frame.sourcePort : 0;
  table.destinationPort[row] = isFirst ? frame.destinationPort : 0;
  const hasLength = isFirst && frame.protocol === PROTOCOL_UDP && end - offset >= UDP_HEADER_LENGTH;
  table.statedLength[row] = hasLength ? frame.view.getUint16(offset + UDP_LENGTH) : 0;
}

/**
 * The checksum of the IPv4 header does not fit, so that the receiver drops the fragment (RFC 1122, section 3.2.1.2), and
 * its identification and offset are not to be believed. 0 is left to the network card.
 */
function isHeaderDamaged({ view, networkOffset }: FrameContext): boolean {
  if (view.getUint16(networkOffset + IPV4_HEADER_CHECKSUM) === 0) return false;
  const headerLength = (view.getUint8(networkOffset) & 0x0f) * 4;
  return sumOfBytes(view, networkOffset, networkOffset + headerLength) !== 0xffff;
}
