import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds } from '../../src/units.js';
import type { Piece } from './datagram.js';
import dissector, { type FRAGMENT_ROWS } from './dissector.js';
import type { FragmentStream } from './fragment-stream.js';
import { StreamLedger } from './stream-ledger.js';

export type { ArrivalOrder, Lack, Piece } from './datagram.js';
export type { FragmentStream, LedgerEntry } from './fragment-stream.js';

/** Datagrams that may stay open at the end of an epoch, over all streams; the oldest are given up. */
const OPEN_DATAGRAMS_MAX = 4096;
/** Streams that stay open at the end of an epoch; the least recently seen are closed. */
const STREAMS_MAX = 2048;

/** The ledgers of a pair, by direction. */
type LedgersOfPair = [StreamLedger | undefined, StreamLedger | undefined];

/**
 * Keeps the ledger of fragmented datagrams. Bounded at every epoch: OPEN_DATAGRAMS_MAX datagrams in at most 256
 * pieces, STREAMS_MAX streams; closed streams go through a SessionStore, the one with most faults first.
 */
class FragmentCorrelation implements Correlation<FragmentStream, typeof FRAGMENT_ROWS> {
  private readonly closed = new SessionStore<FragmentStream>(faultCount);
  private readonly pairs: FlowStates<LedgersOfPair>;
  private readonly open = new Map<
    StreamLedger,
    { readonly pair: LedgersOfPair; readonly direction: number }
  >();
  private latestNs: Nanoseconds = Number.NEGATIVE_INFINITY;

  constructor(private readonly run: CorrelationRun) {
    this.pairs = run.flows.trackStates<LedgersOfPair>((pair) => {
      for (const ledger of pair) if (ledger) this.close(ledger);
    });
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Batch<typeof FRAGMENT_ROWS>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    let pair = this.pairs.get(flow);
    if (!pair) {
      pair = [undefined, undefined];
      this.pairs.set(flow, pair);
    }
    for (let at = from; at < to; at++) {
      const row = order[at];
      const ref = refOf(batch, row);
      if (ref.timeNs > this.latestNs) this.latestNs = ref.timeNs;
      const piece: Piece = {
        start: columns.offset[row],
        end: columns.offset[row] + columns.length[row],
        isLast: columns.more[row] === 0,
        at: ref,
      };
      const ledger = this.ledgerOf(batch, row, flow, pair, ref);
      ledger.add(columns.identification[row], piece, {
        sourcePort: columns.sourcePort[row],
        destinationPort: columns.destinationPort[row],
        statedBytes: columns.statedLength[row],
      });
    }
  }

  private ledgerOf(
    { columns }: Batch<typeof FRAGMENT_ROWS>,
    row: number,
    flow: FlowId,
    pair: LedgersOfPair,
    first: FrameRef,
  ): StreamLedger {
    const direction = columns.rows.direction[row] === 1 ? 1 : 0;
    const known = pair[direction];
    if (known) return known;
    const { from, to } = this.run.flows.addresses(flow, direction);
    const ledger = new StreamLedger(
      {
        segment: first.segment,
        stack: this.run.flows.stack(flow),
        family: columns.family[row] === 6 ? 6 : 4,
        protocol: columns.protocol[row],
        source: from,
        destination: to,
      },
      first,
    );
    pair[direction] = ledger;
    this.open.set(ledger, { pair, direction });
    return ledger;
  }

  endSegment(): void {
    this.pairs.clear();
    this.latestNs = Number.NEGATIVE_INFINITY;
  }

  endEpoch(): void {
    let openCount = 0;
    for (const ledger of this.open.keys()) {
      ledger.giveUp(this.latestNs);
      openCount += ledger.openCount;
    }
    if (openCount > OPEN_DATAGRAMS_MAX) this.giveUpOldest(openCount - OPEN_DATAGRAMS_MAX);
    if (this.open.size <= STREAMS_MAX) return;
    const bySeen = [...this.open.keys()].sort((a, b) => a.lastFrame - b.lastFrame);
    for (const ledger of bySeen.slice(0, bySeen.length - STREAMS_MAX / 2)) this.close(ledger);
  }

  private giveUpOldest(count: number): void {
    const since = [...this.open.keys()].flatMap((ledger) => ledger.openSince()).sort((a, b) => a - b);
    for (const ledger of this.open.keys()) ledger.giveUpBefore(since[count]);
  }

  private close(ledger: StreamLedger): void {
    const place = this.open.get(ledger);
    if (!place) return;
    this.open.delete(ledger);
    place.pair[place.direction] = undefined;
    this.closed.add(ledger.describe());
  }

  sessions(): readonly FragmentStream[] {
    const open = [...this.open.keys()].map((ledger) => ledger.describe());
    return [...this.closed.sessions(), ...open].sort((a, b) => a.first.frame - b.first.frame);
  }
}

function faultCount({ incompleteCount, conflictingCount }: FragmentStream): number {
  return incompleteCount.first + incompleteCount.middle + incompleteCount.tail + conflictingCount;
}

/** Fragmented datagrams by sender, receiver, protocol and tunnel stack. */
export const fragmentStreams = defineCorrelator<FragmentStream, typeof FRAGMENT_ROWS>({
  name: 'fragments',
  reads: dissector,
  order: 'flow',
  create: (run) => new FragmentCorrelation(run),
});

export default [fragmentStreams as Correlator] satisfies Correlator[];
