import type { Channel, DirectionPlan, RewrittenEntry } from './channel.js';
import { isRenumbered } from './channel.js';
import type { LaneEnds } from './lane-table.js';

const ENTRIES_MAX = 200;

/** What the path rewrites in whole flows, by pair of hosts. Bounded: 200 entries. */
export class RewrittenFlows {
  private readonly known = new Map<string, RewrittenEntry>();

  note(what: RewrittenEntry['what'], a: Ends, b: Ends): void {
    const entry = { what, a: `${a.from} > ${a.to}`, b: `${b.from} > ${b.to}` };
    const key = keyOf(what, a, b);
    const flows = (this.known.get(key)?.flows ?? 0) + 1;
    if (flows > 1 || this.known.size < ENTRIES_MAX) this.known.set(key, { ...entry, flows });
  }

  private has(what: RewrittenEntry['what'], a: Ends, b: Ends): boolean {
    return this.known.has(keyOf(what, a, b));
  }

  /** With what the channels show. */
  entries(channels: readonly Channel[], directions: readonly DirectionPlan[]): RewrittenEntry[] {
    for (const channel of channels) {
      if (channel.rewrite === null || channel.rewrite.sequence === null) continue;
      if (!channel.rewrite.isSure && !isRenumbered(channel)) continue;
      const { a, b } = endsOf(directions[channel.direction]);
      this.note(isRenumbered(channel) ? 'tcp-sequence-numbers' : 'tcp-options', a, b);
    }
    for (const direction of directions) {
      if (direction.keepsIdentification) continue;
      const { a, b } = endsOf(direction);
      // A router of the protocol's own sends a packet of its own.
      if (!this.has('scion-hops', a, b)) this.note('ip-identifications', a, b);
    }
    return [...this.known.values()];
  }
}

function keyOf(what: RewrittenEntry['what'], a: Ends, b: Ends): string {
  return `${what} ${a.from} > ${a.to} ${b.from} > ${b.to}`;
}

type Ends = Pick<LaneEnds, 'from' | 'to'>;

function endsOf({ sender, from, to, fromAtReceiver, toAtReceiver }: DirectionPlan): { a: Ends; b: Ends } {
  const [own, other] = [
    { from, to },
    { from: fromAtReceiver, to: toAtReceiver },
  ];
  return sender === 'a' ? { a: own, b: other } : { a: other, b: own };
}
