import type { Schema } from './table.js';

/*
 * What the engine itself observes, beside the protocols of the catalogue.
 */

/** A header shorter than its protocol needs. */
export const SHORTFALL = { protocol: 'u8', kind: 'u8' } as const satisfies Schema;

/** The capture cut the frame (snaplen). */
export const SHORTFALL_TRUNCATED = 1;
/** The sender's own lengths contradict each other. */
export const SHORTFALL_MALFORMED = 2;
/** The rest is in the next fragment or segment. */
export const SHORTFALL_CONTINUES = 3;
/** Tunnels nested deeper than TUNNEL_DEPTH_MAX. */
export const SHORTFALL_TOO_DEEP = 4;

/** Which packets were counted on which flow, so that copies can be taken out again. */
export const TOUCH = { byteLength: 'u32' } as const satisfies Schema;

/**
 * Payload that crosses frames: a fragment of a datagram or a TCP segment of a claimed stream. The bytes lie
 * in the slot's blob.
 */
export const PIECE = {
  kind: 'u8',
  /** IP protocol of the datagram, or the dissector's index for a stream. */
  protocol: 'u8',
  /** 1 where more fragments follow. */
  more: 'u8',
  /** Identification of the datagram, or the sequence number of the segment. */
  identification: 'u32',
  /** Byte offset in the datagram. */
  offset: 'u32',
  /** Payload bytes on the wire, and how many of them lie in the blob. */
  wireLength: 'u32',
  blobOffset: 'u32',
  blobLength: 'u32',
} as const satisfies Schema;

export const PIECE_FRAGMENT = 1;
export const PIECE_SEGMENT = 2;
/** The segment carries SYN, or FIN or RST: its stream starts or ends here. */
export const PIECE_STREAM_START = 3;
export const PIECE_STREAM_END = 4;

/** What of a frame tells a copy from another packet (decision on copies): one row per frame with an IP header. */
export const FINGERPRINT = {
  low: 'i32',
  high: 'i32',
  timeToLive: 'u8',
  /** Hash of the link-layer addresses, 0 where there are none. */
  link: 'i32',
} as const satisfies Schema;
