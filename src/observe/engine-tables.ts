import type { Schema } from './table.js';

/*
 * What the engine itself observes, beside the protocols of the catalogue.
 */

/** A header shorter than its protocol needs. */
export const UNREADABLE_HEADER = { protocol: 'u8', kind: 'u8' } as const satisfies Schema;

/** The capture cut the frame (snaplen). */
export const HEADER_TRUNCATED = 1;
/** The sender's own lengths contradict each other. */
export const HEADER_MALFORMED = 2;
/** The rest is in the next fragment or segment. */
export const HEADER_CONTINUES = 3;
/** Tunnels, or link layers in each other, nested deeper than TUNNEL_DEPTH_MAX. */
export const HEADER_TOO_DEEP = 4;
/** A link type that nobody reads. */
export const HEADER_OF_UNKNOWN_LINK_TYPE = 5;
/** A payload of a kind that nobody reads: a whole packet of whatever hosts may be in it. */
export const HEADER_UNDECODED = 6;

/**
 * A checksum that does not fit and that no network card had yet to fill in: `depth` tunnels around its layer; the packet
 * stands for `weight` ones, as larger ones are sampled. The row's flow is the innermost conversation of the frame.
 */
export const DAMAGED = { depth: 'u8', weight: 'u8' } as const satisfies Schema;

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
  /**
   * Of a fragment: the folded sum of its bytes, with that of addresses and protocol in the first one; -1 where it cannot be
   * verified.
   */
  sum: 'i32',
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

/**
 * What identifies a packet at another capture point: one row for every IP header of a frame (inner ones too) and one for
 * ARP, recorded only where two captures are compared. What routers and NATs change (addresses, ports, TTL, DSCP,
 * checksums, the MSS option) is left out of the digests; each digest includes the one before it.
 */
export const IDENTITY = {
  /** Protocol, length, fragment offset and transport header. */
  shape: 'i32',
  /** With the first 16 bytes of payload, and with the first 48. */
  head: 'i32',
  body: 'i32',
  /** Of everything; equal for fragments in sum and for the datagram they make up. */
  full: 'i32',
  identification: 'u32',
  /** Byte offset of a fragment, or the TCP sequence number. */
  offset: 'u32',
  /** Payload bytes on the wire: of the fragment, or above the transport header. */
  length: 'u32',
  acknowledgment: 'u32',
  /** Of the IP packet, header included. */
  networkLength: 'u32',
  /** IDENTITY_ bits, the depth of tunnels around, and the TCP flags. */
  flags: 'u32',
  timeToLive: 'u8',
  trafficClass: 'u8',
  /** Of the TCP options, as far as they are part of the digests (not of a SYN). */
  options: 'i32',
  /** Of what is left out of the other digests though no router has to change it: options of a SYN, flow label … */
  masked: 'i32',
  /** Where the IP header begins in the chunk. */
  packetOffset: 'u32',
} as const satisfies Schema;

/** How much of a packet the capture holds, in the low bits of `flags`: nothing above IP … everything. */
export const IDENTITY_LEVEL_MASK = 7;
export const LEVEL_NONE = 0;
export const LEVEL_SHAPE = 1;
export const LEVEL_HEAD = 2;
export const LEVEL_BODY = 3;
export const LEVEL_FULL = 4;
export const IDENTITY_FRAGMENT = 0x08;
export const IDENTITY_MORE_FRAGMENTS = 0x10;
export const IDENTITY_DONT_FRAGMENT = 0x20;
export const IDENTITY_IPV6 = 0x40;
export const IDENTITY_ARP = 0x80;
/** The frame is marked as sent by the capturing host. */
export const IDENTITY_OUTBOUND = 0x1000;
export const IDENTITY_DEPTH_SHIFT = 8;
export const IDENTITY_DEPTH_MASK = 0x0f;
export const IDENTITY_TCP_FLAGS_SHIFT = 16;
