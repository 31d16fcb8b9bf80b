import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { PROTOCOL_TCP } from '../../src/wire/ip.js';
import {
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_FLAGS,
  TCP_HEADER_LENGTH_MIN,
  TCP_SEQUENCE,
  TCP_SYN,
  TCP_WINDOW,
} from '../../src/wire/transport.js';
import { classifyHttpStart, digestRequestTarget, HTTP_REQUEST } from './http-start.js';
import { AUTHENTICATION_MD5, AUTHENTICATION_OPTION } from './shared/authentication.js';

// Options: kind (1 byte), length (1 byte, both counted), data; the end and no-operation are one byte alone.
// RFC 9293, section 3.1; RFC 7323; RFC 2385; RFC 5925.
const OPTION_END = 0;
const OPTION_NO_OPERATION = 1;
const OPTION_MAXIMUM_SEGMENT_SIZE = 2;
const OPTION_WINDOW_SCALE = 3;
const OPTION_MD5_SIGNATURE = 19;
const OPTION_AUTHENTICATION = 29;

/** One row a segment; of a fragmented one only the first fragment, `origin` says so. */
export const tcp = defineDissector({
  protocol: 'tcp',
  carriedBy: { ipProtocol: [PROTOCOL_TCP] },
  observes: {
    /** CWR 80, ECE 40, URG 20, ACK 10, PSH 08, RST 04, SYN 02, FIN 01. */
    flags: 'u8',
    /** 1 where the checksum field holds the pseudo-header sum that a network card has yet to complete. */
    checksumPending: 'u8',
    /** As in the header, not scaled. */
    window: 'u16',
    sequence: 'u32',
    acknowledgment: 'u32',
    /** Payload bytes on the wire. */
    payloadLength: 'u32',
    /** Of the packet at the capture point. */
    timeToLive: 'u8',
    /** What the payload begins with: HTTP_ constants. */
    http: 'u8',
    /** Of an HTTP request: digest of method and target; otherwise 0. */
    httpTarget: 'i32',
    /** Option 2 of a SYN (RFC 9293, section 3.7.1), in bytes; 0 where there is none. */
    maximumSegmentSize: 'u16',
    /** Of a SYN: window scale plus one, 0 where it names none. */
    windowScale: 'u8',
    /** Of a SYN: AUTHENTICATION_ bits. */
    authentication: 'u8',
  },
  bind(table, binding) {
    return (frame, offset, end) => {
      const view = frame.view;
      if (end - offset < TCP_HEADER_LENGTH_MIN) return frame.observeUnreadable(binding.protocolIndex);
      const headerLength = (view.getUint8(offset + TCP_DATA_OFFSET) >> 4) * 4;
      if (headerLength < TCP_HEADER_LENGTH_MIN || headerLength > frame.payloadLength) {
        return frame.observeUnreadable(binding.protocolIndex);
      }
      const row = table.rows.append(frame);
      const flags = view.getUint8(offset + TCP_FLAGS);
      table.flags[row] = flags;
      table.checksumPending[row] = isChecksumPending(frame, view.getUint16(offset + TCP_CHECKSUM)) ? 1 : 0;
      table.window[row] = view.getUint16(offset + TCP_WINDOW);
      table.sequence[row] = view.getUint32(offset + TCP_SEQUENCE);
      table.acknowledgment[row] = view.getUint32(offset + TCP_ACKNOWLEDGMENT);
      table.payloadLength[row] = frame.payloadLength - headerLength;
      table.timeToLive[row] = frame.timeToLive;
      const payload = offset + headerLength;
      const http = classifyHttpStart(view, payload, end);
      table.http[row] = http;
      table.httpTarget[row] = (http & HTTP_REQUEST) !== 0 ? digestRequestTarget(view, payload, end) : 0;
      table.maximumSegmentSize[row] = 0;
      table.windowScale[row] = 0;
      table.authentication[row] = 0;
      if ((flags & TCP_SYN) !== 0) readOptions(table, row, view, offset, Math.min(end, payload));
    };
  },
});

export default tcp;

/** The columns of a SYN's options. */
interface OptionColumns {
  readonly maximumSegmentSize: Uint16Array;
  readonly windowScale: Uint8Array;
  readonly authentication: Uint8Array;
}

/** Walks the at most 40 bytes of options of a SYN. */
function readOptions(table: OptionColumns, row: number, view: DataView, offset: number, end: number): void {
  let at = offset + TCP_HEADER_LENGTH_MIN;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === OPTION_END) return;
    if (kind === OPTION_NO_OPERATION) {
      at++;
      continue;
    }
    if (end - at < 2) return;
    const length = view.getUint8(at + 1);
    if (length < 2 || length > end - at) return;
    if (kind === OPTION_MAXIMUM_SEGMENT_SIZE && length === 4)
      table.maximumSegmentSize[row] = view.getUint16(at + 2);
    else if (kind === OPTION_WINDOW_SCALE && length === 3) table.windowScale[row] = view.getUint8(at + 2) + 1;
    else if (kind === OPTION_MD5_SIGNATURE) table.authentication[row] |= AUTHENTICATION_MD5;
    else if (kind === OPTION_AUTHENTICATION) table.authentication[row] |= AUTHENTICATION_OPTION;
    at += length;
  }
}

/**
 * With checksum offload the sending host's field holds the folded, not complemented sum of the pseudo-header
 * (RFC 9293, section 3.1). A right checksum equals it by chance in one segment of 65,536.
 */
function isChecksumPending(frame: FrameContext, checksum: number): boolean {
  // The mapped prefix of an IPv4 address adds 0xFFFF, which is nothing in one's complement.
  let sum = PROTOCOL_TCP + (frame.payloadLength & 0xffff) + (frame.payloadLength >>> 16);
  for (let word = 0; word < 4; word++) {
    const source = frame.source[word];
    const destination = frame.destination[word];
    sum += (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
  }
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return sum === checksum;
}
