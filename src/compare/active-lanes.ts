import type { IdentityCollector } from './identity-collector.js';
import type { Lane, LaneEnds } from './lane-table.js';
import type { PacketMatch } from './packet-matches.js';
import type { Side } from './side.js';

/** Matches below which the inside of a tunnel is not taken for what the other side shows. */
const INNER_MATCHES_MIN = 2;

/** The lanes of a side that are compared: those outside tunnels, or inside where only that is common to both sides. */
export class ActiveLanes {
  private readonly stacks: Record<Side, Set<number>> = { a: new Set([0]), b: new Set([0]) };
  private readonly replaced: Record<Side, Set<number>> = { a: new Set(), b: new Set() };

  constructor(
    private readonly collectors: Readonly<Record<Side, IdentityCollector>>,
    matches: readonly PacketMatch[],
  ) {
    const outer: Record<Side, Set<number>> = { a: new Set(), b: new Set() };
    for (const { laneA, laneB } of matches) {
      if (this.stackOf('a', laneA) !== 0 || this.stackOf('b', laneB) !== 0) continue;
      outer.a.add(laneA >> 1);
      outer.b.add(laneB >> 1);
    }
    for (const [a, b, carriers] of this.innerCandidates(matches)) {
      if (outer.a.has(carriers.a) || outer.b.has(carriers.b)) continue;
      if (a !== 0) this.activate('a', a, carriers.a);
      if (b !== 0) this.activate('b', b, carriers.b);
    }
  }

  /** True where the lane's packets are to be matched and counted. */
  isActive(side: Side, lane: Lane): boolean {
    return this.stacks[side].has(this.stackOf(side, lane)) && !this.replaced[side].has(lane >> 1);
  }

  scopeOf(side: Side, lane: Lane): 'outer' | 'inner' {
    return this.stackOf(side, lane) === 0 ? 'outer' : 'inner';
  }

  tunnelOf(side: Side, { stack }: LaneEnds): string | null {
    return this.collectors[side].lanes.tunnelOf(stack);
  }

  private activate(side: Side, stack: number, carrier: number): void {
    this.stacks[side].add(stack);
    this.replaced[side].add(carrier);
  }

  private *innerCandidates(
    matches: readonly PacketMatch[],
  ): Iterable<[number, number, Readonly<Record<Side, number>>]> {
    const counts = new Map<string, { count: number; a: number; b: number; carriers: Set<string> }>();
    for (const { laneA, laneB } of matches) {
      const a = this.stackOf('a', laneA);
      const b = this.stackOf('b', laneB);
      if (a === 0 && b === 0) continue;
      const key = `${a} ${b}`;
      const known = counts.get(key) ?? { count: 0, a, b, carriers: new Set<string>() };
      known.count++;
      known.carriers.add(`${this.carrierOf('a', laneA)} ${this.carrierOf('b', laneB)}`);
      counts.set(key, known);
    }
    for (const { count, a, b, carriers } of counts.values()) {
      if (count < INNER_MATCHES_MIN) continue;
      for (const pair of carriers) {
        const [carrierA, carrierB] = pair.split(' ').map(Number);
        yield [a, b, { a: carrierA, b: carrierB }];
      }
    }
  }

  private stackOf(side: Side, lane: Lane): number {
    return this.collectors[side].lanes.stackOf(lane >> 1);
  }

  private carrierOf(side: Side, lane: Lane): number {
    const flow = lane >> 1;
    if (this.stackOf(side, lane) === 0) return flow;
    return this.collectors[side].carriers[flow] ?? -1;
  }
}
