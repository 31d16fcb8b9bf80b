import { numberedColumns } from '../../src/observe/numbered-columns.js';
import type { Schema } from '../../src/observe/table.js';

/** What is observed of one ISAKMP message; lengths in bytes. */
export const ISAKMP = {
  initiatorHigh: 'i32',
  initiatorLow: 'i32',
  responderHigh: 'i32',
  responderLow: 'i32',
  /** Major version: 1 or 2. */
  version: 'u8',
  exchangeType: 'u8',
  flags: 'u8',
  firstPayload: 'u8',
  messageId: 'u32',
  /** Length that the header states. */
  messageLength: 'u32',
  /** Bytes of the message that were there to be read. */
  readLength: 'u32',
  /** Hash of those bytes: equal for a retransmission. */
  digestHigh: 'i32',
  digestLow: 'i32',
  timeToLive: 'u8',
  /** HAS_ bits of the payloads that could be read. */
  payloads: 'u16',
  /** IKEv2: length of the SK or SKF payload, its header included. IKEv1: of all that follows the header. 0: in clear. */
  encryptedLength: 'u32',
  /** IKE fragment: number from 1, or 0; how many there are (IKEv1: known of the last one only). */
  fragmentNumber: 'u16',
  fragmentTotal: 'u16',
  /** First error notify in clear, or 0; protocol; group that INVALID_KE_PAYLOAD wants. */
  notifyType: 'u16',
  notifyProtocol: 'u8',
  notifyGroup: 'u16',
  /** STATUS_ bits. */
  statuses: 'u16',
  /** VENDOR_ bits, and how many vendor ids are none of them. */
  vendors: 'u16',
  vendorsUnknown: 'u8',
  /** NAT_ bits, length of the hashes, and the first eight bytes of each. */
  natHashes: 'u8',
  natHashLength: 'u8',
  natDestinationHigh: 'i32',
  natDestinationLow: 'i32',
  natSourceHigh: 'i32',
  natSourceLow: 'i32',
  natSecondSourceHigh: 'i32',
  natSecondSourceLow: 'i32',
  /** Group of the key exchange (IKEv2 only). */
  keyExchangeGroup: 'u16',
  proposalCount: 'u8',
  transformCount: 'u8',
  /** Packed transforms, see sa-proposals.ts; the first 16 of the message. */
  ...numberedColumns('transform', 16, 'i32'),
} as const satisfies Schema;
