import type { Dissector } from '../../dissect/dissector.js';
import type { Schema } from '../../observe/table.js';
import type { FrameId, SegmentIndex } from '../../units.js';
import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../correlator.js';
import type { FlowId } from '../flow-id.js';
import type { FlowStates } from '../flow-states.js';
import type { RatePicture } from './picture.js';
import { TimeBins } from './time-bins.js';

/** Tunnels whose rates are kept: those that began first. */
const LANES_MAX = 256;

interface Lane {
  readonly low: string;
  readonly high: string;
  readonly key: number | null;
  readonly firstFrame: FrameId;
  readonly bins: readonly [TimeBins, TimeBins];
}

export interface RateRule<S extends Schema> {
  /** As in `tunnels[].kind`. */
  readonly tunnelKind: string;
  readonly reads: Dissector<S>;
  /** Where rows belong to inner flows: kinds of the layer that is the tunnel. Left out where the flow is the tunnel's own. */
  readonly layerKinds?: readonly string[];
  /** Direction between the tunnel's ends, where it is not that of the row. */
  readonly outerDirection?: (columns: Batch<S>['columns']) => Uint8Array;
  /** Column of what tells tunnels between two ends apart. */
  readonly key?: (columns: Batch<S>['columns']) => Uint32Array;
}

/** Packets and bytes of frames over time, for each direction of the first LANES_MAX tunnels of a kind. */
export function defineRates<S extends Schema>(rule: RateRule<S>): Correlator<RatePicture, S> {
  return defineCorrelator<RatePicture, S>({
    name: `rates of ${rule.reads.protocol}`,
    reads: rule.reads,
    order: 'flow',
    create: (run) => new Rates(run, rule),
  });
}

class Rates<S extends Schema> implements Correlation<RatePicture, S> {
  private readonly ofFlow: FlowStates<Lane | null>;
  private lanes = new Map<string, Lane>();
  private done: Lane[] = [];
  private isFull = false;

  constructor(
    private readonly run: CorrelationRun,
    private readonly rule: RateRule<S>,
  ) {
    this.ofFlow = run.flows.trackStates<Lane | null>(() => {});
  }

  consume(batch: Batch<S>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order, timeNs, frameLength } = batch;
    let lane = this.ofFlow.get(flow);
    if (lane === undefined) {
      lane = this.laneOf(batch, flow, order[from]);
      this.ofFlow.set(flow, lane);
    }
    if (lane === null) return;
    const direction = this.rule.outerDirection?.(columns) ?? columns.rows.direction;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const frame = columns.rows.frame[row];
      const bins = lane.bins[direction[row]];
      const bin = bins.binOf(timeNs[frame]);
      if (bin < 0) continue;
      bins.columns[0][bin]++;
      bins.columns[1][bin] += frameLength[frame];
    }
  }

  endSegment(): void {
    this.done.push(...this.lanes.values());
    this.lanes = new Map();
    this.ofFlow.clear();
  }

  endEpoch(): void {
    if (this.done.length + this.lanes.size < LANES_MAX) return;
    this.isFull = true;
    const kept = new Set(this.all().slice(0, LANES_MAX));
    this.done = this.done.filter((lane) => kept.has(lane));
    this.lanes = new Map([...this.lanes].filter(([, lane]) => kept.has(lane)));
  }

  sessions(): readonly RatePicture[] {
    return this.all()
      .slice(0, LANES_MAX)
      .flatMap(({ low, high, key, bins }) => {
        const common = { picture: 'rate', tunnelKind: this.rule.tunnelKind, key } as const;
        return [
          { ...common, from: low, to: high, bins: bins[0] },
          { ...common, from: high, to: low, bins: bins[1] },
        ];
      })
      .filter(({ bins }) => bins.used > 0);
  }

  private all(): Lane[] {
    return [...this.done, ...this.lanes.values()].sort((a, b) => a.firstFrame - b.firstFrame);
  }

  private laneOf(batch: Batch<S>, flow: FlowId, row: number): Lane | null {
    const ends = this.endsOf(batch, flow, row);
    if (ends === null) return null;
    const name = `${ends.low} ${ends.high} ${ends.key}`;
    const known = this.lanes.get(name);
    if (known !== undefined || this.isFull) return known ?? null;
    const firstFrame = batch.frameIdOf(batch.columns.rows.frame[row]);
    const lane = { ...ends, firstFrame, bins: [rateBins(batch.segment), rateBins(batch.segment)] } as const;
    this.lanes.set(name, lane);
    return lane;
  }

  private endsOf(batch: Batch<S>, flow: FlowId, row: number): Pick<Lane, 'low' | 'high' | 'key'> | null {
    const { flows } = this.run;
    const { layerKinds, key } = this.rule;
    if (layerKinds === undefined) {
      const { low, high } = flows.endpoints(flow);
      return { low, high, key: key === undefined ? null : key(batch.columns)[row] };
    }
    const own = flows.tunnelLayers(flows.stack(flow)).at(-1);
    return own !== undefined && layerKinds.includes(own.kind) ? own : null;
  }
}

function rateBins(segment: SegmentIndex): TimeBins {
  return new TimeBins(segment, ['sum', 'sum']);
}
