import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import { esp } from './dissector.js';
import type { SaState } from './open-sa.js';
import { PairState } from './pair-state.js';
import type { EspPair } from './session.js';

export type { EspDirection, EspPair, EspSa, OneWayRun, SizeClass } from './session.js';

/** SAs kept in full between epochs; beyond that those seen longest ago are aggregated into sums of their direction. */
const SAS_MAX = 16_384;

type EspSchema = typeof esp.observes;

/**
 * ESP between pairs of addresses. Holds at most SAS_MAX SAs (plus those that begin within an epoch), each with at
 * most 1.5 KiB, and as many pairs with at most 2.5 KiB; closed pairs go through a SessionStore.
 */
class EspCorrelation implements Correlation<EspPair, EspSchema> {
  private readonly states: FlowStates<PairState>;
  private open = new Set<PairState>();
  private readonly closed = new SessionStore<EspPair>();

  private aggregatedSas = 0;

  constructor(private readonly run: CorrelationRun) {
    this.states = run.flows.trackStates((state) => this.close(state));
  }

  get summarised(): number {
    return this.closed.summarised + this.aggregatedSas;
  }

  consume(batch: Batch<EspSchema>, flow: number, from: number, to: number): void {
    if (flow < 0) return;
    let state = this.states.get(flow);
    if (state === undefined || state.isClosed) {
      const { low, high } = this.run.flows.endpoints(flow);
      state = new PairState(low, high, this.run.flows.stack(flow), batch.segment);
      this.states.set(flow, state);
      this.open.add(state);
    }
    state.consume(batch, from, to);
  }

  endSegment(): void {
    this.states.clear();
  }

  endEpoch(): void {
    let count = 0;
    for (const pair of this.open) count += pair.saCount;
    if (count <= SAS_MAX) return;
    for (const { pair, sa } of this.longestSilent(count, count - SAS_MAX)) {
      // A pair without SAs goes as a whole, with the last of them.
      if (pair.saCount === 1) this.close(pair);
      else {
        pair.aggregate(sa);
        this.aggregatedSas++;
      }
    }
  }

  /** The `wanted` SAs of all `count` that were seen longest ago, in that order. */
  private longestSilent(count: number, wanted: number): { readonly pair: PairState; readonly sa: SaState }[] {
    const lastFrames = new Float64Array(count);
    let at = 0;
    for (const pair of this.open) for (const sa of pair.allSas()) lastFrames[at++] = sa.lastFrame;
    const latest = lastFrames.sort()[wanted - 1];
    const found: { readonly pair: PairState; readonly sa: SaState }[] = [];
    for (const pair of this.open) {
      for (const sa of pair.allSas()) if (sa.lastFrame <= latest) found.push({ pair, sa });
    }
    return found.sort((a, b) => a.sa.lastFrame - b.sa.lastFrame).slice(0, wanted);
  }

  sessions(): readonly EspPair[] {
    const pairs = this.closed.sessions();
    for (const pair of this.open) pairs.push(pair.session());
    return pairs.sort((a, b) => a.first.frame - b.first.frame);
  }

  private close(pair: PairState): void {
    if (pair.isClosed) return;
    pair.isClosed = true;
    this.open.delete(pair);
    this.closed.offer(pair.badness, () => pair.session());
  }
}

/** ESP by pair of addresses, both directions and all SPIs together. */
export const espPairs = defineCorrelator<EspPair, EspSchema>({
  name: 'esp',
  reads: esp,
  order: 'flow',
  create: (run) => new EspCorrelation(run),
});

export default [espPairs as Correlator] satisfies Correlator[];
