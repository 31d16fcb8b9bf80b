import type { Batch } from '../../src/correlate/correlator.js';
import type { arp } from './dissector.js';

export type Rows = Batch<typeof arp.observes>;

/** `02:42:ac:11:00:02`, from the first two bytes and the last four. */
export function formatMac(high: number, low: number): string {
  const digits = high.toString(16).padStart(4, '0') + low.toString(16).padStart(8, '0');
  return digits.replace(/..(?!$)/g, '$&:');
}
