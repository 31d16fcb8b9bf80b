import {
  PIECE_FRAGMENT,
  PIECE_SEGMENT,
  PIECE_STREAM_END,
  PIECE_STREAM_START,
} from '../observe/engine-tables.js';
import { PIECE_BYTES_MAX } from '../observe/slot.js';
import { ORIGIN_FIRST_FRAGMENT } from '../observe/table.js';
import { PROTOCOL_UDP } from '../wire/ip.js';
import {
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER_LENGTH_MIN,
  TCP_RST,
  TCP_SEQUENCE,
  TCP_SYN,
} from '../wire/transport.js';
import type { FrameContext } from './frame-context.js';

/** Copies payload that crosses frames into the slot's blob, for the assembler on the main thread. */
export class PieceRecorder {
  /**
   * A fragment of a datagram. Only UDP is put together: nothing else of what the catalogue reads needs bytes beyond the first
   * fragment. Of other protocols a row stands only for `sum`, its part of the transport checksum (-1: cannot be verified).
   */
  recordFragment(
    frame: FrameContext,
    identification: number,
    fragmentOffset: number,
    more: number,
    wireLength: number,
    sum: number,
    offset: number,
    end: number,
  ): void {
    // Inside a first fragment the bytes may stop early; they come again in the whole datagram.
    if (frame.origin === ORIGIN_FIRST_FRAGMENT) return;
    const isUdp = frame.protocol === PROTOCOL_UDP;
    if (!isUdp && sum < 0) return;
    const table = frame.slot.pieces;
    const row = table.rows.append(frame);
    table.kind[row] = PIECE_FRAGMENT;
    table.protocol[row] = frame.protocol;
    table.more[row] = more;
    table.identification[row] = identification;
    table.offset[row] = fragmentOffset;
    table.wireLength[row] = wireLength;
    table.sum[row] = sum;
    const headerEnd = fragmentOffset === 0 ? offset + TCP_HEADER_LENGTH_MIN : offset;
    this.copy(frame, row, offset, isUdp ? end : Math.min(end, headerEnd));
    // Fragments of a pair share a flow without ports, whatever the first one shows.
    table.rows.flow[row] = frame.discriminatedFlow(frame.protocol, 0);
    table.rows.direction[row] = frame.addressDirection();
  }

  /** A segment of a TCP stream that the dissector `stream` claims by its port; `offset` is the TCP header's. */
  recordSegment(
    frame: FrameContext,
    stream: number,
    offset: number,
    headerLength: number,
    end: number,
  ): void {
    if (frame.origin === ORIGIN_FIRST_FRAGMENT) return;
    const flags = frame.view.getUint8(offset + TCP_FLAGS);
    const wireLength = frame.payloadLength - headerLength;
    if (wireLength <= 0 && (flags & (TCP_SYN | TCP_FIN | TCP_RST)) === 0) return;
    const table = frame.slot.pieces;
    const row = table.rows.append(frame);
    table.kind[row] =
      (flags & TCP_SYN) !== 0
        ? PIECE_STREAM_START
        : (flags & (TCP_FIN | TCP_RST)) !== 0
          ? PIECE_STREAM_END
          : PIECE_SEGMENT;
    table.protocol[row] = stream;
    table.more[row] = 0;
    table.identification[row] = frame.view.getUint32(offset + TCP_SEQUENCE);
    table.offset[row] = 0;
    table.wireLength[row] = Math.max(wireLength, 0);
    table.sum[row] = -1;
    this.copy(frame, row, Math.min(offset + headerLength, end), end);
  }

  private copy(frame: FrameContext, row: number, offset: number, end: number): void {
    const slot = frame.slot;
    const length = Math.min(Math.max(end - offset, 0), PIECE_BYTES_MAX);
    const from = slot.bytesOf(frame.view);
    slot.pieces.blobOffset[row] = slot.blobLength;
    slot.pieces.blobLength[row] = length;
    for (let index = 0; index < length; index++) slot.blob[slot.blobLength + index] = from[offset + index];
    slot.blobLength += length;
  }
}
