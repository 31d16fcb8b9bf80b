import type { Citation } from '../../src/moment.js';
import { spiText } from './sa-pairs.js';
import type { EspSa } from './session.js';

/** Anti-replay window that receivers have by default (RFC 4303, section 3.4.3). */
export const REPLAY_WINDOW = 64;

/** What the reordered packets of some SAs have in common for a finding. */
export function describeReordering(sas: readonly EspSa[]): {
  readonly counts: { readonly reordered: number; readonly packets: number; readonly maxExtent: number };
  readonly extent: number;
  readonly evidence: Citation[];
} {
  const extent = sas.reduce((most, { maxExtent }) => Math.max(most, maxExtent), 0);
  return {
    counts: {
      reordered: sas.reduce((sum, { reordered }) => sum + reordered, 0),
      packets: sas.reduce((sum, { packets }) => sum + packets, 0),
      maxExtent: extent,
    },
    extent,
    evidence: sas.flatMap(({ spi, firstReordered, lastReordered, reordered }) =>
      firstReordered && lastReordered
        ? [
            { ...firstReordered, summary: `SPI ${spiText(spi)}: first of ${reordered} packets out of order` },
            { ...lastReordered, summary: `SPI ${spiText(spi)}: last of them` },
          ]
        : [],
    ),
  };
}
