import type { FINGERPRINT } from '../observe/engine-tables.js';
import type { ObservationTable } from '../observe/table.js';
import { IPV4_PROTOCOL, IPV6_HEADER_LENGTH, IPV6_NEXT_HEADER } from '../wire/ip.js';
import type { FrameContext } from './frame-context.js';

/** Payload bytes above the IP header that the fingerprint covers: this many from the start, and the last ones. */
const PAYLOAD_HEAD = 24;
const PAYLOAD_TAIL = 8;
/**
 * Of packets without an IP identification, so many more: the headers of what a tunnel carries, up to its sequence and
 * acknowledgment numbers. Of a cut frame by steps, as another tap may have cut it some bytes earlier.
 */
const PAYLOAD_MORE = 96;
const CUT_STEP = 32;

/**
 * Fingerprints of frames, equal for two copies of one packet: the IP header less what a router changes (TTL,
 * checksum, DSCP), the first 24 and the last 8 bytes above it, and the first 120 where no identification tells
 * packets apart (IPv6, and IPv4 datagrams that must not be fragmented: RFC 6864). Words are multiplied by odd constants and
 * summed, so that the reads do not wait for each other.
 */
export class Fingerprints {
  constructor(private readonly table: ObservationTable<typeof FINGERPRINT>) {}

  record(frame: FrameContext, linkHash: number, offset: number, payload: number, end: number): void {
    const view = frame.view;
    // Of IPv6 the context still names the protocol of the frame before.
    const protocol = view.getUint8(offset + (frame.family === 4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER));
    let low = Math.imul(protocol, 0x27d4eb2f);
    let high = Math.imul(frame.networkLength, 0x165667b1);
    let isNumbered = false;
    if (frame.family === 4) {
      isNumbered = view.getUint16(offset + 4) !== 0;
      // Identification and fragment field, then the addresses; options never differ between copies.
      low = (low + Math.imul(view.getInt32(offset + 4), 0x9e3779b1)) | 0;
      low = (low + Math.imul(view.getInt32(offset + 12), 0x85ebca6b)) | 0;
      high = (high + Math.imul(view.getInt32(offset + 16), 0xc2b2ae35)) | 0;
    } else {
      for (let at = offset + 8; at < offset + IPV6_HEADER_LENGTH; at += 8) {
        low = (Math.imul(low, 31) + Math.imul(view.getInt32(at), 0x9e3779b1)) | 0;
        high = (Math.imul(high, 31) + Math.imul(view.getInt32(at + 4), 0x85ebca6b)) | 0;
      }
    }
    if (end - payload >= PAYLOAD_HEAD) {
      low = (low + Math.imul(view.getInt32(payload), 0x2c1b3c6d)) | 0;
      high = (high + Math.imul(view.getInt32(payload + 4), 0x297a2d39)) | 0;
      low = (low + Math.imul(view.getInt32(payload + 8), 0x1b56c4e9)) | 0;
      high = (high + Math.imul(view.getInt32(payload + 12), 0x7feb352d)) | 0;
      low = (low + Math.imul(view.getInt32(payload + 16), 0x846ca68b)) | 0;
      high = (high + Math.imul(view.getInt32(payload + 20), 0x68e31da5)) | 0;
      if (!isNumbered) {
        const rest = end - payload - PAYLOAD_HEAD;
        const more = Math.min(rest, PAYLOAD_MORE) & (frame.isCut ? -CUT_STEP : -8);
        const until = payload + PAYLOAD_HEAD + more;
        for (let at = payload + PAYLOAD_HEAD; at < until; at += 8) {
          low = (Math.imul(low, 31) + Math.imul(view.getInt32(at), 0x9e3779b1)) | 0;
          high = (Math.imul(high, 31) + Math.imul(view.getInt32(at + 4), 0x85ebca6b)) | 0;
        }
      }
      // Of a cut frame the tail is not there: two cuts of one packet must still be equal.
      if (!frame.isCut && end - payload >= PAYLOAD_HEAD + PAYLOAD_TAIL) {
        low = (low + Math.imul(view.getInt32(end - PAYLOAD_TAIL), 0x31848bab)) | 0;
        high = (high + Math.imul(view.getInt32(end - PAYLOAD_TAIL / 2), 0x45d9f3b3)) | 0;
      }
    } else {
      for (let at = payload; at < end; at++) high = Math.imul(high ^ view.getUint8(at), 0x01000193);
    }
    const row = this.table.rows.append(frame);
    this.table.low[row] = low ^ (low >>> 15);
    this.table.high[row] = high;
    this.table.timeToLive[row] = frame.timeToLive;
    this.table.link[row] = linkHash;
  }
}
