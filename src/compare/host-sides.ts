import { NS_PER_SECOND } from '../units.js';
import type { LaneEnds } from './lane-table.js';
import type { PacketMatch } from './packet-matches.js';

/** A packet and one of the other direction that are this near to each other share the offset of the clocks. */
const NEAR_NS = 5 * NS_PER_SECOND;
/** A hop count decides more surely than the order of packets. */
const HOP_WEIGHT = 4;

interface MatchedEnds {
  readonly match: PacketMatch;
  readonly ends: LaneEnds;
}

/** Which hosts lie on A's side of the path and which on B's; addresses as in A's capture. */
export class HostSides {
  private readonly scores = new Map<string, number>();
  private byHops = false;

  constructor(matched: readonly MatchedEnds[]) {
    for (const { match, ends } of matched) {
      if (match.hops === 0) continue;
      this.byHops = true;
      this.vote(ends.from, ends.to, Math.sign(match.hops) * HOP_WEIGHT);
    }
    this.voteByOrder(matched);
  }

  /** Above 0: packets from `from` to `to` pass A first; below 0: B first; 0: unknown. */
  lean(from: string, to: string): number {
    return (this.scores.get(from) ?? 0) - (this.scores.get(to) ?? 0);
  }

  get knownBy(): 'hops' | 'time' {
    return this.byHops ? 'hops' : 'time';
  }

  /**
   * B's clock minus A's, plus the delay one way, less it the other way: so of two directions the one with the larger
   * difference is that from A to B, whatever the clocks say. Neighbours in time are compared, and a skew cancels out.
   */
  private voteByOrder(matched: readonly MatchedEnds[]): void {
    const last = new Map<string, MatchedEnds>();
    const ordered = [...matched].sort((a, b) => a.match.timeA - b.match.timeA);
    for (const one of ordered) {
      const { from, to } = one.ends;
      const back = last.get(`${to} ${from}`);
      if (back && one.match.timeA - back.match.timeA < NEAR_NS) {
        this.vote(from, to, Math.sign(one.match.differenceNs - back.match.differenceNs));
      }
      last.set(`${from} ${to}`, one);
    }
  }

  private vote(from: string, to: string, weight: number): void {
    this.scores.set(from, (this.scores.get(from) ?? 0) + weight);
    this.scores.set(to, (this.scores.get(to) ?? 0) - weight);
  }
}
