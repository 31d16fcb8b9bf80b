import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_MALFORMED } from '../../src/observe/engine-tables.js';
import { ORIGIN_WHOLE } from '../../src/observe/table.js';
import { foldSum, ICMP_CHECKSUM, sumOfAddress, sumOfBytes } from '../../src/wire/checksum.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from '../../src/wire/ip.js';
import {
  DESTINATION_UNREACHABLE,
  ECHO_REPLY,
  ECHO_REQUEST,
  FRAGMENTATION_NEEDED,
  PARAMETER_PROBLEM,
  REDIRECT,
  SOURCE_QUENCH,
  TIME_EXCEEDED,
  V6_DESTINATION_UNREACHABLE,
  V6_ECHO_REPLY,
  V6_ECHO_REQUEST,
  V6_PACKET_TOO_BIG,
  V6_PARAMETER_PROBLEM,
  V6_TIME_EXCEEDED,
} from './message-types.js';
import { dissectQuotedPacket } from './quoted-packet.js';
import { ICMP_ROWS, type IcmpTable } from './rows.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |      Type     |      Code     |            Checksum           |   RFC 792, RFC 4443
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |           Identifier          |        Sequence number        |   echo
// |             unused            |         Next-hop MTU          |   3/4 (RFC 1191, section 4)
// |                              MTU                              |   ICMPv6 type 2
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |    errors: the packet they are about, from its IP header on …
const TYPE = 0;
const CODE = 1;
const PARAMETER = 4;
const IDENTIFIER = 4;
const SEQUENCE = 6;
const NEXT_HOP_MTU = 6;
const HEADER_LENGTH = 8;

const OTHER = 0;
const ECHO = 1;
const ERROR = 2;

/** ICMP and ICMPv6: one row per echo and per error; router and neighbour discovery is left to others. */
export default defineDissector({
  protocol: 'icmp',
  carriedBy: { ipProtocol: [PROTOCOL_ICMP, PROTOCOL_ICMPV6] },
  observes: ICMP_ROWS,
  rowsPerChunk: 8192,
  bind(table, { protocolIndex }) {
    return (frame, offset, end) => dissectMessage(table, protocolIndex, frame, offset, end);
  },
});

function dissectMessage(
  table: IcmpTable,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < HEADER_LENGTH) {
    frame.observeUnreadable(protocolIndex);
    return;
  }
  const view = frame.view;
  const type = view.getUint8(offset + TYPE);
  const isV6 = frame.protocol === PROTOCOL_ICMPV6;
  const kind = isV6 ? kindOfV6(type) : kindOf(type);
  if (kind === OTHER) return;
  if (kind === ERROR && isDamaged(frame, offset, end)) {
    frame.observeUnreadableOf(protocolIndex, HEADER_MALFORMED);
    return;
  }
  const code = view.getUint8(offset + CODE);
  const row = table.rows.append(frame);
  table.family[row] = isV6 ? 6 : 4;
  table.type[row] = type;
  table.code[row] = code;
  table.timeToLive[row] = frame.timeToLive;
  table.length[row] = frame.payloadLength;
  table.identifier[row] = view.getUint16(offset + IDENTIFIER);
  table.sequence[row] = view.getUint16(offset + SEQUENCE);
  table.parameter[row] = view.getUint32(offset + PARAMETER);
  table.nextHopMtu[row] = 0;
  table.quotedFamily[row] = 0;
  if (kind === ECHO) return;
  if (isV6) {
    if (type === V6_PACKET_TOO_BIG) table.nextHopMtu[row] = view.getUint32(offset + PARAMETER);
  } else if (type === DESTINATION_UNREACHABLE && code === FRAGMENTATION_NEEDED) {
    table.nextHopMtu[row] = view.getUint16(offset + NEXT_HOP_MTU);
  }
  dissectQuotedPacket(table, row, protocolIndex, frame, offset + HEADER_LENGTH, end);
}

/**
 * The checksum of an error does not fit, so that hosts drop it (RFC 1122, section 3.2.2; RFC 4443, section 2.1): its word
 * counts for nothing. No network card fills in that of ICMP; errors are few, and one that is damaged would lie.
 */
function isDamaged(frame: FrameContext, offset: number, end: number): boolean {
  const { view, payloadLength } = frame;
  if (frame.isCut || frame.origin !== ORIGIN_WHOLE || offset + payloadLength > end) return false;
  const isV6 = frame.protocol === PROTOCOL_ICMPV6;
  if (view.getUint16(offset + ICMP_CHECKSUM) === 0 || isV6 !== (frame.family === 6)) return false;
  let sum = sumOfBytes(view, offset, offset + payloadLength);
  if (isV6)
    sum += sumOfAddress(frame.source) + sumOfAddress(frame.destination) + PROTOCOL_ICMPV6 + payloadLength;
  return foldSum(sum) !== 0xffff;
}

function kindOf(type: number): number {
  switch (type) {
    case ECHO_REQUEST:
    case ECHO_REPLY:
      return ECHO;
    case DESTINATION_UNREACHABLE:
    case SOURCE_QUENCH:
    case REDIRECT:
    case TIME_EXCEEDED:
    case PARAMETER_PROBLEM:
      return ERROR;
    default:
      return OTHER;
  }
}

function kindOfV6(type: number): number {
  switch (type) {
    case V6_ECHO_REQUEST:
    case V6_ECHO_REPLY:
      return ECHO;
    case V6_DESTINATION_UNREACHABLE:
    case V6_PACKET_TOO_BIG:
    case V6_TIME_EXCEEDED:
    case V6_PARAMETER_PROBLEM:
      return ERROR;
    default:
      return OTHER;
  }
}
