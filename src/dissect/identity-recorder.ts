import { MARK_OUTBOUND } from '../capture/frame-marks.js';
import {
  type IDENTITY,
  IDENTITY_ARP,
  IDENTITY_DEPTH_SHIFT,
  IDENTITY_DONT_FRAGMENT,
  IDENTITY_FRAGMENT,
  IDENTITY_IPV6,
  IDENTITY_MORE_FRAGMENTS,
  IDENTITY_OUTBOUND,
  IDENTITY_TCP_FLAGS_SHIFT,
  LEVEL_BODY,
  LEVEL_FULL,
  LEVEL_HEAD,
  LEVEL_NONE,
  LEVEL_SHAPE,
} from '../observe/engine-tables.js';
import {
  identityKeys,
  identityWord,
  KEY_TCP_ACKNOWLEDGMENT,
  KEY_TCP_SEQUENCE,
  payloadDigest,
} from '../observe/identity-digest.js';
import type { ObservationTable } from '../observe/table.js';
import * as ip from '../wire/ip.js';
import * as transport from '../wire/transport.js';
import type { FrameContext } from './frame-context.js';

/** Payload bytes that `head` and `body` cover. */
const HEAD_BYTES = 16;
const BODY_BYTES = 48;
const EXTENSION_HEADERS_MAX = 8;

const ICMP_HEADER_LENGTH = 8;
/** Echo request and reply of ICMP and ICMPv6: the identifier is a NAT's to change. */
const ECHO_TYPES: readonly number[] = [0, 8, 128, 129];
/** Types up to here, ICMPv6 alike, quote a packet whose addresses a NAT changes. */
const ICMP_ERROR_TYPES: readonly number[] = [3, 4, 5, 11, 12];
const ICMPV6_ERROR_MAX = 4;

/** Keys of what is masked. */
const KEY_IP_HEADER = 101;
const KEY_FLOW_LABEL = 102;
const KEY_ZERO_CHECKSUM = 103;
const KEY_URGENT = 104;
const FLOW_LABEL = 0xf_ffff;

const ARP_LENGTH = 28;
const ARP_SENDER_ADDRESS = 14;
const ARP_TARGET_ADDRESS = 24;
const ARP_FIXED = 0x0001_0800;
const ARP_OPERATION = 6;

/**
 * Records what identifies a packet wherever it is captured. The digest is a sum over words, each mixed with a key for
 * its offset in the datagram: so it does not depend on how the datagram was cut into fragments.
 */
export class IdentityRecorder {
  private readonly keys: Int32Array;
  private readonly firstKey: number;

  constructor(
    private readonly table: ObservationTable<typeof IDENTITY>,
    seed: number,
  ) {
    this.keys = identityKeys(seed);
    this.firstKey = this.keys[0];
  }

  /** The IP packet at `offset`, whose headers were dissected just now and whose flow is `frame.flow`. */
  record(frame: FrameContext, offset: number, end: number): void {
    if (end - offset < ip.IPV4_HEADER_LENGTH_MIN) return;
    if (frame.view.getUint8(offset) >> 4 === 4) this.recordIpv4(frame, offset, end);
    else if (end - offset >= ip.IPV6_HEADER_LENGTH) this.recordIpv6(frame, offset, end);
  }

  /**
   * ARP outside tunnels, on a flow of its two protocol addresses and its operation as the discriminator; overwrites the
   * addresses in the context.
   */
  recordArp(frame: FrameContext, offset: number, end: number): void {
    const view = frame.view;
    if (frame.depth > 0 || end - offset < ARP_LENGTH || view.getInt32(offset) !== ARP_FIXED) return;
    frame.source[0] = 0;
    frame.source[1] = 0;
    frame.source[2] = ip.IPV4_MAPPED;
    frame.source[3] = view.getInt32(offset + ARP_SENDER_ADDRESS);
    frame.destination[0] = 0;
    frame.destination[1] = 0;
    frame.destination[2] = ip.IPV4_MAPPED;
    frame.destination[3] = view.getInt32(offset + ARP_TARGET_ADDRESS);
    frame.flow = frame.discriminatedFlow(0, view.getUint16(offset + ARP_OPERATION));
    frame.direction = frame.addressDirection();
    const row = this.table.rows.append(frame);
    const digest = payloadDigest(view, offset, offset + ARP_LENGTH, 0, this.firstKey);
    this.table.identification[row] = 0;
    this.table.offset[row] = 0;
    this.table.length[row] = ARP_LENGTH;
    this.table.acknowledgment[row] = 0;
    this.table.networkLength[row] = ARP_LENGTH;
    this.table.timeToLive[row] = 0;
    this.table.trafficClass[row] = 0;
    this.table.flags[row] = LEVEL_FULL | IDENTITY_ARP | outbound(frame);
    this.table.options[row] = 0;
    this.table.masked[row] = 0;
    this.table.packetOffset[row] = offset;
    this.writeDigests(row, digest, 0, 0, 0);
  }

  private recordIpv4(frame: FrameContext, offset: number, end: number): void {
    const view = frame.view;
    const headerLength = (view.getUint8(offset) & 0x0f) * 4;
    if (headerLength < ip.IPV4_HEADER_LENGTH_MIN || end - offset < headerLength) return;
    const claimed = view.getUint16(offset + ip.IPV4_TOTAL_LENGTH);
    const totalLength = claimed === 0 ? frame.wireLengthFrom(offset) : claimed;
    if (totalLength < headerLength) return;
    const field = view.getUint16(offset + ip.IPV4_FRAGMENT);
    const row = this.appendRow(frame, totalLength, offset);
    this.table.masked[row] = this.word(headerLength, KEY_IP_HEADER);
    this.table.identification[row] = view.getUint16(offset + ip.IPV4_IDENTIFICATION);
    this.table.timeToLive[row] = view.getUint8(offset + ip.IPV4_TIME_TO_LIVE);
    this.table.trafficClass[row] = view.getUint8(offset + 1);
    let flags = (field & ip.IPV4_DONT_FRAGMENT) === 0 ? 0 : IDENTITY_DONT_FRAGMENT;
    const fragmentOffset = (field & ip.IPV4_OFFSET_MASK) * 8;
    const more = (field & ip.IPV4_MORE_FRAGMENTS) !== 0;
    if (more || fragmentOffset > 0) flags |= IDENTITY_FRAGMENT | (more ? IDENTITY_MORE_FRAGMENTS : 0);
    this.recordPayload(
      frame,
      row,
      view.getUint8(offset + ip.IPV4_PROTOCOL),
      flags,
      fragmentOffset,
      offset + headerLength,
      offset + totalLength,
      end,
    );
  }

  private recordIpv6(frame: FrameContext, offset: number, end: number): void {
    const view = frame.view;
    const claimed = view.getUint16(offset + ip.IPV6_PAYLOAD_LENGTH);
    const totalLength = claimed === 0 ? frame.wireLengthFrom(offset) : claimed + ip.IPV6_HEADER_LENGTH;
    let next = view.getUint8(offset + ip.IPV6_NEXT_HEADER);
    let at = offset + ip.IPV6_HEADER_LENGTH;
    let flags = IDENTITY_IPV6;
    let fragmentOffset = 0;
    let identification = 0;
    for (
      let header = 0;
      header < EXTENSION_HEADERS_MAX && end - at >= ip.IPV6_FRAGMENT_HEADER_LENGTH;
      header++
    ) {
      if (next === ip.PROTOCOL_FRAGMENT) {
        const field = view.getUint16(at + ip.IPV6_FRAGMENT_OFFSET);
        identification = view.getUint32(at + ip.IPV6_FRAGMENT_IDENTIFICATION);
        fragmentOffset = field & ip.IPV6_FRAGMENT_OFFSET_MASK;
        const more = (field & ip.IPV6_MORE_FRAGMENTS) !== 0;
        // An atomic fragment is a whole packet (RFC 6946).
        if (more || fragmentOffset > 0) flags |= IDENTITY_FRAGMENT | (more ? IDENTITY_MORE_FRAGMENTS : 0);
        next = view.getUint8(at);
        at += ip.IPV6_FRAGMENT_HEADER_LENGTH;
        break;
      }
      if (
        next !== ip.PROTOCOL_HOP_BY_HOP &&
        next !== ip.PROTOCOL_ROUTING &&
        next !== ip.PROTOCOL_DESTINATION_OPTIONS &&
        next !== ip.PROTOCOL_MOBILITY
      )
        break;
      next = view.getUint8(at);
      at += (view.getUint8(at + 1) + 1) * 8;
    }
    if (at > offset + totalLength || at > end) return;
    const row = this.appendRow(frame, totalLength, offset);
    this.table.masked[row] =
      this.word(view.getInt32(offset) & FLOW_LABEL, KEY_FLOW_LABEL) +
      this.word(at - offset - (identification === 0 ? 0 : ip.IPV6_FRAGMENT_HEADER_LENGTH), KEY_IP_HEADER);
    this.table.identification[row] = identification;
    this.table.timeToLive[row] = view.getUint8(offset + ip.IPV6_HOP_LIMIT);
    this.table.trafficClass[row] = (view.getUint16(offset) >> 4) & 0xff;
    this.recordPayload(frame, row, next, flags, fragmentOffset, at, offset + totalLength, end);
  }

  private appendRow(frame: FrameContext, totalLength: number, offset: number): number {
    const row = this.table.rows.append(frame);
    this.table.packetOffset[row] = offset;
    this.table.options[row] = 0;
    this.table.networkLength[row] = totalLength;
    this.table.acknowledgment[row] = 0;
    return row;
  }

  /** `[offset, wireEnd)` is what the IP header claims above itself, `end` where the captured bytes stop. */
  private recordPayload(
    frame: FrameContext,
    row: number,
    protocol: number,
    flags: number,
    fragmentOffset: number,
    offset: number,
    wireEnd: number,
    end: number,
  ): void {
    const { table } = this;
    const view = frame.view;
    const captured = Math.min(end, wireEnd);
    const isFragment = (flags & IDENTITY_FRAGMENT) !== 0;
    let bits = flags | (frame.depth << IDENTITY_DEPTH_SHIFT) | outbound(frame);
    let shape =
      Math.imul(protocol + 1, 0x27d4eb2f) ^
      Math.imul(fragmentOffset + (flags & IDENTITY_MORE_FRAGMENTS), 0x165667b1);
    let header = 0;
    let headerLength = 0;
    table.offset[row] = fragmentOffset;
    if (fragmentOffset === 0) {
      headerLength = this.headerLengthOf(view, protocol, offset, captured, isFragment);
      if (headerLength < 0) {
        table.length[row] = wireEnd - offset;
        table.flags[row] = bits | LEVEL_NONE;
        this.writeDigests(row, shape ^ Math.imul(wireEnd - offset, 0x9e3779b1), 0, 0, 0);
        return;
      }
      header = this.headerDigest(view, protocol, offset);
      if (protocol === ip.PROTOCOL_TCP)
        header = (header + this.recordTcpOptions(row, view, offset, headerLength)) | 0;
      else if (protocol === ip.PROTOCOL_UDP && view.getUint16(offset + transport.UDP_CHECKSUM) === 0)
        table.masked[row] += this.word(0, KEY_ZERO_CHECKSUM);
      if (protocol === ip.PROTOCOL_TCP && !isFragment) {
        table.offset[row] = view.getUint32(offset + transport.TCP_SEQUENCE);
        table.acknowledgment[row] = view.getUint32(offset + transport.TCP_ACKNOWLEDGMENT);
        bits |= view.getUint8(offset + transport.TCP_FLAGS) << IDENTITY_TCP_FLAGS_SHIFT;
      }
    }
    let from = this.payloadFrom(view, protocol, offset, headerLength, wireEnd, fragmentOffset);
    if (frame.stableFrom > from && frame.stableFrom <= wireEnd) from = frame.stableFrom;
    frame.stableFrom = -1;
    table.length[row] = wireEnd - offset - (protocol === ip.PROTOCOL_TCP && !isFragment ? headerLength : 0);
    shape = (Math.imul(shape ^ Math.imul(wireEnd - offset, 0x9e3779b1), 0x85ebca6b) + header) | 0;
    const base = fragmentOffset + (from - offset);
    const headEnd = Math.min(from + HEAD_BYTES, wireEnd);
    const bodyEnd = Math.min(from + BODY_BYTES, wireEnd);
    let level = LEVEL_SHAPE;
    let head = 0;
    let body = 0;
    let full = 0;
    if (headEnd <= captured) {
      level = LEVEL_HEAD;
      head = payloadDigest(view, from, headEnd, base, this.firstKey);
    }
    if (bodyEnd <= captured) {
      level = LEVEL_BODY;
      body = head + payloadDigest(view, headEnd, bodyEnd, base + (headEnd - from), this.firstKey);
    }
    if (wireEnd <= captured) {
      level = LEVEL_FULL;
      full = body + payloadDigest(view, bodyEnd, wireEnd, base + (bodyEnd - from), this.firstKey) + header;
    }
    table.flags[row] = bits | level;
    this.writeDigests(row, shape, head, body, full);
  }

  private writeDigests(row: number, shape: number, head: number, body: number, full: number): void {
    const { table } = this;
    table.shape[row] = shape;
    table.head[row] = head;
    table.body[row] = body;
    table.full[row] = full;
  }

  /** Length of the transport header, 0 where there is none, -1 where the capture cut it. */
  private headerLengthOf(
    view: DataView,
    protocol: number,
    offset: number,
    captured: number,
    isFragment: boolean,
  ): number {
    const room = captured - offset;
    switch (protocol) {
      case ip.PROTOCOL_UDP:
        return room < transport.UDP_HEADER_LENGTH ? -1 : transport.UDP_HEADER_LENGTH;
      case ip.PROTOCOL_TCP: {
        if (room < transport.TCP_HEADER_LENGTH_MIN) return -1;
        const length = (view.getUint8(offset + transport.TCP_DATA_OFFSET) >> 4) * 4;
        if (length < transport.TCP_HEADER_LENGTH_MIN) return transport.TCP_HEADER_LENGTH_MIN;
        return length <= room ? length : isFragment ? transport.TCP_HEADER_LENGTH_MIN : -1;
      }
      case ip.PROTOCOL_ICMP:
      case ip.PROTOCOL_ICMPV6:
        return room < ICMP_HEADER_LENGTH ? -1 : ICMP_HEADER_LENGTH;
      default:
        return 0;
    }
  }

  /**
   * The options of a SYN are masked (a router clamps its MSS); those of other segments identify them.
   * @returns what they add to the digest of the header
   */
  private recordTcpOptions(row: number, view: DataView, offset: number, length: number): number {
    const { table } = this;
    table.masked[row] += this.word(view.getUint16(offset + transport.TCP_URGENT_POINTER), KEY_URGENT);
    if (length <= transport.TCP_HEADER_LENGTH_MIN) return 0;
    const options = payloadDigest(
      view,
      offset + transport.TCP_HEADER_LENGTH_MIN,
      offset + length,
      transport.TCP_HEADER_LENGTH_MIN,
      this.firstKey,
    );
    if ((view.getUint8(offset + transport.TCP_FLAGS) & transport.TCP_SYN) !== 0) {
      table.masked[row] += options;
      return 0;
    }
    table.options[row] = options;
    return options;
  }

  /** Digest of the transport header less ports, checksum, echo identifier and options. */
  private headerDigest(view: DataView, protocol: number, offset: number): number {
    switch (protocol) {
      case ip.PROTOCOL_UDP:
        return this.word(view.getInt32(offset + transport.UDP_LENGTH) & -0x1_0000, 1);
      case ip.PROTOCOL_TCP: {
        const fixed =
          this.word(view.getInt32(offset + transport.TCP_SEQUENCE), KEY_TCP_SEQUENCE) +
          this.word(view.getInt32(offset + transport.TCP_ACKNOWLEDGMENT), KEY_TCP_ACKNOWLEDGMENT) +
          this.word(view.getInt32(offset + transport.TCP_DATA_OFFSET), 3);
        return fixed | 0;
      }
      case ip.PROTOCOL_ICMP:
      case ip.PROTOCOL_ICMPV6: {
        const isEcho = ECHO_TYPES.includes(view.getUint8(offset));
        const rest = view.getInt32(offset + 4);
        return (
          (this.word(view.getInt32(offset) & -0x1_0000, 0) + this.word(isEcho ? rest & 0xffff : rest, 1)) | 0
        );
      }
      default:
        return 0;
    }
  }

  /** Where the payload begins that is to be digested: of a quoted packet nothing, as a NAT rewrites what is inside. */
  private payloadFrom(
    view: DataView,
    protocol: number,
    offset: number,
    headerLength: number,
    wireEnd: number,
    fragmentOffset: number,
  ): number {
    if (fragmentOffset > 0 || headerLength !== ICMP_HEADER_LENGTH) return offset + headerLength;
    const type = view.getUint8(offset);
    const isError =
      (protocol === ip.PROTOCOL_ICMP && ICMP_ERROR_TYPES.includes(type)) ||
      (protocol === ip.PROTOCOL_ICMPV6 && type >= 1 && type <= ICMPV6_ERROR_MAX);
    return isError ? wireEnd : offset + headerLength;
  }

  private word(value: number, key: number): number {
    return identityWord(this.keys, value, key);
  }
}

function outbound(frame: FrameContext): number {
  return (frame.marks & MARK_OUTBOUND) === 0 ? 0 : IDENTITY_OUTBOUND;
}
