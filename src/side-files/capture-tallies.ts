import type { CaptureFacts } from '../capture/capture-source.js';
import type { CaptureTally } from './tcpdump-summary.js';

/**
 * Captures with the drops that tcpdump printed. A tally belongs to the capture that holds just as many packets as it
 * counts, where there is only one such capture and only one such tally, and the file itself says nothing of drops.
 */
export function withTallies(
  captures: readonly CaptureFacts[],
  tallies: readonly CaptureTally[],
): readonly CaptureFacts[] {
  if (tallies.length === 0) return captures;
  return captures.map((facts) => {
    const fitting = tallies.filter(({ captured }) => captured === facts.frames);
    const isAlone = captures.filter(({ frames }) => frames === facts.frames).length === 1;
    const [tally] = fitting;
    return facts.drops === null && fitting.length === 1 && isAlone
      ? { ...facts, drops: tally.dropped }
      : facts;
  });
}
