import { FLOW_LOW } from '../observe/flow-key.js';
import { KEY_WORDS } from '../observe/key-table.js';
import type { Slot } from '../observe/slot.js';
import type { Nanoseconds } from '../units.js';
import { IPV4_MAPPED } from '../wire/ip.js';
import type { FlowId } from './flow-id.js';

/** Payload that crosses frames, as read from the slot's piece table. */
export interface Piece {
  /** PIECE_ kind. */
  readonly kind: number;
  /** IP protocol of a fragment, or index of the dissector of a stream. */
  readonly protocol: number;
  readonly hasMore: boolean;
  /** Identification of the datagram, or sequence number of the segment. */
  readonly identification: number;
  /** Byte offset in the datagram. */
  readonly offset: number;
  /** Bytes on the wire; `bytes` is shorter where the capture or PIECE_BYTES_MAX cut them. */
  readonly wireLength: number;
  readonly bytes: Uint8Array;
  /** Part of a transport checksum in a fragment, or -1; see PIECE. */
  readonly sum: number;
  readonly isIpv6: boolean;
  readonly flow: FlowId;
  /** Index of the flow in the chunk's dictionary. */
  readonly chunkFlow: number;
  readonly direction: number;
  /** Index of the frame in the chunk. */
  readonly frameIndex: number;
  /** Nanoseconds from the segment's base, or NaN. */
  readonly timeNs: Nanoseconds;
}

/** Reads a row of the piece table; `bytes` is a view of the blob, valid until the blob is written again. */
export function readPiece(slot: Slot, row: number, global: Int32Array): Piece {
  const { pieces, blob, chunk } = slot;
  const { rows } = pieces;
  const chunkFlow = rows.flow[row];
  const blobOffset = pieces.blobOffset[row];
  return {
    kind: pieces.kind[row],
    protocol: pieces.protocol[row],
    hasMore: pieces.more[row] === 1,
    identification: pieces.identification[row],
    offset: pieces.offset[row],
    wireLength: pieces.wireLength[row],
    bytes: blob.subarray(blobOffset, blobOffset + pieces.blobLength[row]),
    sum: pieces.sum[row],
    isIpv6: chunkFlow >= 0 && !isIpv4(slot, chunkFlow),
    flow: chunkFlow < 0 ? -1 : global[chunkFlow],
    chunkFlow,
    direction: rows.direction[row],
    frameIndex: rows.frame[row],
    timeNs: chunk.frames.timeNs[rows.frame[row]],
  };
}

/** The flow of the chunk lies between IPv4 addresses. */
export function isIpv4(slot: Slot, chunkFlow: number): boolean {
  const { words } = slot.flows.keys;
  const low = chunkFlow * KEY_WORDS + FLOW_LOW;
  return words[low] === 0 && words[low + 1] === 0 && words[low + 2] === IPV4_MAPPED;
}

/**
 * Time of the capture for timers: never steps back, and stays where a frame has no time, so that state in order of
 * arrival is also in order of age.
 */
export class PieceClock {
  nowNs: Nanoseconds = 0;

  advance(timeNs: Nanoseconds): void {
    if (timeNs > this.nowNs) this.nowNs = timeNs;
  }

  /** Times of the next segment do not compare. */
  endSegment(): void {
    this.nowNs = 0;
  }
}
