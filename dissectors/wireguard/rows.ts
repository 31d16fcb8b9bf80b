import type { Schema } from '../../src/observe/table.js';

export const WIREGUARD_ROWS = {
  /** Message type: 1 to 4. */
  type: 'u8',
  /** Of the UDP payload on the wire; of a first fragment, its own. */
  length: 'u32',
  /** Index that the sender chose for itself: initiation and response. */
  sender: 'u32',
  /** Index that the other peer chose for itself: all but the initiation. */
  receiver: 'u32',
  /** Of transport data. */
  counterLow: 'u32',
  counterHigh: 'u32',
} as const satisfies Schema;

export type WireguardRows = typeof WIREGUARD_ROWS;
