import { numberedColumns } from '../../src/observe/numbered-columns.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';

/**
 * What is observed of an ICMP or ICMPv6 message. The columns that begin with `quoted` are written only where
 * `quotedFamily` is not 0.
 */
export const ICMP_ROWS = {
  /** 4 for ICMP, 6 for ICMPv6. */
  family: 'u8',
  type: 'u8',
  code: 'u8',
  /** Of the packet that carries the message. */
  timeToLive: 'u8',
  /** Bytes of the message on the wire; of a first fragment, its part. */
  length: 'u32',
  /** Echo only. */
  identifier: 'u16',
  sequence: 'u16',
  /** The four bytes after the checksum: gateway (redirect), MTU (ICMPv6 type 2), pointer. */
  parameter: 'u32',
  /** Next-hop MTU of 3/4 and of ICMPv6 type 2, in bytes; 0 where the router does not say. */
  nextHopMtu: 'u32',
  /** IP version of the packet that an error quotes, or 0. */
  quotedFamily: 'u8',
  quotedProtocol: 'u8',
  quotedTimeToLive: 'u8',
  /** ICMP type, where the quoted packet is ICMP. */
  quotedType: 'u8',
  /** Flags and fragment offset of the quoted IPv4 header (RFC 791), 0 for IPv6 without fragment header. */
  quotedFragment: 'u16',
  /** Total length of the quoted packet in bytes, IP header included. */
  quotedLength: 'u32',
  quotedIdentification: 'u32',
  quotedSourcePort: 'u16',
  quotedDestinationPort: 'u16',
  /** Identifier of a quoted echo. */
  quotedIdentifier: 'u16',
  /** SPI of quoted ESP (in UDP on 4500 too) or AH, or 0. */
  quotedSpi: 'u32',
  ...numberedColumns('quotedSource', 4, 'i32'),
  ...numberedColumns('quotedDestination', 4, 'i32'),
} as const satisfies Schema;

export type IcmpTable = ObservationTable<typeof ICMP_ROWS>;
