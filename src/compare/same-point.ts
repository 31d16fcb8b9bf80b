import type { Nanoseconds } from '../units.js';
import type { Lane } from './lane-table.js';
import type { PacketMatch } from './packet-matches.js';
import type { SamePoint } from './plan.js';

const PACKETS_MIN = 10;
/** Captures in microseconds and in nanoseconds state one moment within this. */
const SAME_MOMENT_NS = 1000;
const SAME_SHARE = 0.95;
/** Of the flows that are seen both ways, the share of the rarer direction. */
const OTHER_WAY_SHARE = 0.05;

/**
 * Between two points of a path every packet takes time: the difference of the clocks is larger for what passes A first than
 * for what passes B first, and two hosts hardly have one clock. Where nearly all packets of both directions are in both
 * captures at one moment, with one TTL, those were taken at one point; of one direction alone only equal times say so.
 */
export function samePointOf(
  matches: readonly PacketMatch[],
  baseDifferenceNs: Nanoseconds,
): SamePoint | null {
  const told = matches.filter(({ isUnique, shift }) => isUnique && !shift);
  if (told.length < PACKETS_MIN) return null;
  const same = told.filter(
    ({ hops, differenceNs }) => hops === 0 && Math.abs(differenceNs + baseDifferenceNs) <= SAME_MOMENT_NS,
  );
  if (same.length < SAME_SHARE * told.length) return null;
  if (!isTwoWay(same) && same.some(({ differenceNs }) => differenceNs + baseDifferenceNs !== 0)) return null;
  return { packets: same.length, others: told.length - same.length };
}

/** Both directions of flows are among them. */
function isTwoWay(matches: readonly PacketMatch[]): boolean {
  const counts = new Map<Lane, number>();
  for (const { laneA } of matches) counts.set(laneA, (counts.get(laneA) ?? 0) + 1);
  let [more, fewer] = [0, 0];
  for (const [lane, count] of counts) {
    const back = counts.get(lane ^ 1) ?? 0;
    // Each flow once.
    if (back === 0 || lane % 2 === 1) continue;
    more += Math.max(count, back);
    fewer += Math.min(count, back);
  }
  return fewer >= Math.max(1, OTHER_WAY_SHARE * (more + fewer));
}
