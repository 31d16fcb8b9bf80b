import { type Batch, type Correlation, defineCorrelator } from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowRegistry } from '../../src/correlate/flow-registry.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import { formatMac } from '../../src/wire/address.js';
import dissector, { type eth } from './dissector.js';

/** IP packets of one host to another between two MAC addresses of a link, one of which is made from an IPv4 address. */
export interface LinkLane {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  packets: number;
  readonly first: FrameRef;
  last: FrameRef;
}

type Rows = Batch<typeof eth.observes>;

const LANES_MAX = 4096;

/**
 * Who sends IP packets to whom, with the MAC addresses of both. Holds at most LANES_MAX lanes between epochs; the least
 * recently seen half goes through a SessionStore.
 */
class LinkLaneCorrelation implements Correlation<LinkLane, typeof eth.observes> {
  private readonly open = new Map<string, LinkLane>();
  private readonly closed = new SessionStore<LinkLane>(({ packets }) => packets);

  constructor(private readonly flows: FlowRegistry) {}

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    // Packets of one direction after each other have one lane, so that it is looked up once a run of them.
    for (let direction = 0; direction < 2; direction++) {
      let lane: LinkLane | null = null;
      let before = -1;
      for (let at = from; at < to; at++) {
        const row = order[at];
        if (columns.rows.direction[row] !== direction) continue;
        if (lane === null || !haveSameMacs(batch, before, row)) {
          if (lane !== null) noteLast(lane, refOf(batch, before));
          lane = this.laneOf(batch, flow, row);
        }
        lane.packets++;
        before = row;
      }
      if (lane !== null) noteLast(lane, refOf(batch, before));
    }
  }

  endEpoch(): void {
    if (this.open.size <= LANES_MAX) return;
    const bySeen = [...this.open].sort(([, a], [, b]) => a.last.frame - b.last.frame);
    for (const [key, lane] of bySeen.slice(0, bySeen.length - LANES_MAX / 2)) {
      this.open.delete(key);
      this.closed.add(lane);
    }
  }

  sessions(): readonly LinkLane[] {
    return [...this.closed.sessions(), ...this.open.values()].sort((a, b) => a.first.frame - b.first.frame);
  }

  private laneOf(batch: Rows, flow: FlowId, row: number): LinkLane {
    const { columns } = batch;
    const { from: source, to: destination } = this.flows.addresses(flow, columns.rows.direction[row]);
    const sourceMac = formatMac(columns.sourceMacHigh[row], columns.sourceMacLow[row]);
    const destinationMac = formatMac(columns.destinationMacHigh[row], columns.destinationMacLow[row]);
    const key = `${sourceMac} ${destinationMac} ${source} ${destination}`;
    const known = this.open.get(key);
    if (known) return known;
    const first = refOf(batch, row);
    const lane: LinkLane = { sourceMac, destinationMac, source, destination, packets: 0, first, last: first };
    this.open.set(key, lane);
    return lane;
  }
}

/** Several conversations share a lane, and each is told by itself. */
function noteLast(lane: LinkLane, last: FrameRef): void {
  if (last.frame > lane.last.frame) lane.last = last;
}

function haveSameMacs({ columns }: Rows, a: number, b: number): boolean {
  return (
    columns.sourceMacLow[a] === columns.sourceMacLow[b] &&
    columns.destinationMacLow[a] === columns.destinationMacLow[b] &&
    columns.sourceMacHigh[a] === columns.sourceMacHigh[b] &&
    columns.destinationMacHigh[a] === columns.destinationMacHigh[b]
  );
}

export const linkLanes = defineCorrelator<LinkLane, typeof eth.observes>({
  name: 'eth.lanes',
  reads: dissector,
  order: 'flow',
  create: ({ flows }) => new LinkLaneCorrelation(flows),
});

export default [linkLanes];
