import type { FINGERPRINT } from '../observe/engine-tables.js';
import type { ObservationTable } from '../observe/table.js';
import { IPV4_SOURCE, IPV6_HOP_LIMIT, IPV6_SOURCE } from '../wire/ip.js';
import type { FrameContext } from './frame-context.js';

/** Payload bytes above the IP header that the fingerprint covers: this many from the start, and the last ones. */
const PAYLOAD_HEAD = 24;
const PAYLOAD_TAIL = 8;

/**
 * Fingerprints of frames, equal for two copies of one packet: the IP header less what a router changes (TTL,
 * checksum, DSCP), the first 24 and the last 8 bytes above it.
 */
export class Fingerprints {
  constructor(private readonly table: ObservationTable<typeof FINGERPRINT>) {}

  record(frame: FrameContext, linkHash: number, offset: number, payload: number, end: number): void {
    const view = frame.view;
    let low = 0x811c9dc5 | 0;
    let high = frame.networkLength;
    if (frame.family === 4) {
      // Identification with the fragment field, then the addresses and whatever options follow them.
      low = mix(low, view.getInt32(offset + 4));
      low = mix(low, frame.protocol);
      for (let at = offset + IPV4_SOURCE; at + 4 <= payload; at += 4) low = mix(low, view.getInt32(at));
    } else {
      low = mix(low, view.getUint8(offset + IPV6_HOP_LIMIT - 1));
      for (let at = offset + IPV6_SOURCE; at + 4 <= payload; at += 4) low = mix(low, view.getInt32(at));
    }
    const headEnd = Math.min(payload + PAYLOAD_HEAD, end);
    for (let at = payload; at < headEnd; at++) high = mix(high, view.getUint8(at));
    // Of a cut frame the tail is not there: two cuts of one packet must still be equal.
    if (!frame.isCut) {
      for (let at = Math.max(headEnd, end - PAYLOAD_TAIL); at < end; at++) low = mix(low, view.getUint8(at));
    }
    const row = this.table.rows.append(frame);
    this.table.low[row] = low;
    this.table.high[row] = high;
    this.table.timeToLive[row] = frame.timeToLive;
    this.table.link[row] = linkHash;
  }
}

function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x01000193);
  return mixed ^ (mixed >>> 15);
}
