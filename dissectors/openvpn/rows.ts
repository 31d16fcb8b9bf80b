import type { ObservationTable, Schema } from '../../src/observe/table.js';

/** How the control channel is protected. */
export const WRAP_PLAIN = 0;
export const WRAP_TLS_AUTH = 1;
/** tls-crypt, version 1 or 2: what follows the session id cannot be read. */
export const WRAP_TLS_CRYPT = 2;
/** The capture cut the packet before it could be told. */
export const WRAP_UNREAD = 3;

/** What a packet shows of itself, whatever its port: nothing, what may be chance, what can hardly be. */
export const PROOF_NONE = 0;
export const PROOF_WEAK = 1;
export const PROOF_STRONG = 2;

/** One row a packet, data and control. Fields of the other kind are 0. */
export const OPENVPN_ROWS = {
  opcode: 'u8',
  keyId: 'u8',
  /** Bytes of the packet on the wire; of a fragmented datagram all of it, of a TCP stream without the length before it. */
  length: 'u16',
  /** Control: WRAP_ value. */
  wrapping: 'u8',
  /** Control: PROOF_ value. */
  proof: 'u8',
  sessionHigh: 'i32',
  sessionLow: 'i32',
  /** Peer's session id, with acknowledgments only. */
  remoteHigh: 'i32',
  remoteLow: 'i32',
  messageId: 'u32',
  ackCount: 'u8',
  /** Highest acknowledged id; bit i of the other: that id less i is acknowledged too. */
  ackHighest: 'u32',
  ackBits: 'u32',
  /** Content type of the TLS record that begins here, or 0; level and description of an alert in clear. */
  tlsType: 'u8',
  alertLevel: 'u8',
  alertDescription: 'u8',
  /** Data version 2: PEER_ID_UNSET where the sender has none. Version 1: 0. */
  peerId: 'u32',
  /** Data: four bytes where AEAD ciphers have the packet id, and the four behind them. */
  packetId: 'u32',
  packetIdTail: 'u32',
} as const satisfies Schema;

export type OpenvpnTable = ObservationTable<typeof OPENVPN_ROWS>;
