import type { Dissector } from '../../dissect/dissector.js';
import type { Schema } from '../../observe/table.js';
import type { FrameId, Nanoseconds } from '../../units.js';
import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../correlator.js';
import type { FlowId } from '../flow-id.js';
import { SequenceTracker } from '../sequence-tracker.js';
import { FlowPictures } from './flow-pictures.js';
import type { SequencePicture } from './picture.js';
import { TimeBins } from './time-bins.js';

/** Flows whose sequence numbers are kept, those that began first, and numberings (SPIs) of each of them. */
const FLOWS_MAX = 64;
const NUMBERINGS_MAX = 16;

export interface SequenceRule<S extends Schema> {
  readonly protocol: string;
  readonly reads: Dissector<S>;
  readonly sequence: (columns: Batch<S>['columns']) => Uint32Array;
  /** What has a numbering of its own. */
  readonly key: (columns: Batch<S>['columns']) => Uint32Array;
  /** 1 where the row has a number. */
  readonly isNumbered?: (columns: Batch<S>['columns'], row: number) => boolean;
  readonly ends: (
    run: CorrelationRun,
    flow: FlowId,
  ) => { readonly low: string; readonly high: string } | null;
  readonly outerDirection?: (columns: Batch<S>['columns']) => Uint8Array;
}

/** Sequence numbers over time and what is missing of them, of the first FLOWS_MAX flows with NUMBERINGS_MAX numberings each. */
export function defineSequences<S extends Schema>(rule: SequenceRule<S>): Correlator<SequencePicture, S> {
  return defineCorrelator<SequencePicture, S>({
    name: `sequence numbers of ${rule.protocol}`,
    reads: rule.reads,
    order: 'flow',
    create: (run) => new Sequences(run, rule),
  });
}

class Numbering {
  readonly tracker = new SequenceTracker();
  lastNs: Nanoseconds = Number.NaN;
  lastFrame: FrameId = 0;

  constructor(
    readonly from: string,
    readonly to: string,
    readonly key: number,
    readonly bins: TimeBins,
  ) {}
}

interface NumberedFlow {
  readonly firstFrame: FrameId;
  readonly low: string;
  readonly high: string;
  readonly numberings: Numbering[];
}

class Sequences<S extends Schema> implements Correlation<SequencePicture, S> {
  private readonly flows: FlowPictures<NumberedFlow>;

  constructor(
    private readonly run: CorrelationRun,
    private readonly rule: SequenceRule<S>,
  ) {
    this.flows = new FlowPictures(run, FLOWS_MAX);
  }

  consume(batch: Batch<S>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order, timeNs } = batch;
    const ends = this.rule.ends(this.run, flow);
    if (ends === null) return;
    const firstFrame = batch.frameIdOf(columns.rows.frame[order[from]]);
    const { low, high } = ends;
    const state = this.flows.of(flow, firstFrame, () => ({ firstFrame, low, high, numberings: [] }));
    if (state === null) return;
    const sequence = this.rule.sequence(columns);
    const key = this.rule.key(columns);
    const direction = this.rule.outerDirection?.(columns) ?? columns.rows.direction;
    for (let at = from; at < to; at++) {
      const row = order[at];
      if (this.rule.isNumbered?.(columns, row) === false) continue;
      const numbering = numberingOf(state, key[row], direction[row], batch);
      if (numbering === null) continue;
      const index = columns.rows.frame[row];
      note(numbering, sequence[row], timeNs[index], batch.frameIdOf(index));
    }
  }

  endSegment(): void {
    this.flows.endSegment();
  }

  sessions(): readonly SequencePicture[] {
    return this.flows.all().flatMap(({ numberings }) =>
      numberings.map(({ from, to, key, bins, tracker }) => ({
        picture: 'sequence' as const,
        protocol: this.rule.protocol,
        from,
        to,
        key,
        bins,
        gaps: tracker.gaps.map((gap) => ({
          sequence: gap.sequence,
          missing: gap.missing,
          fromNs: gap.beforeNs,
          toNs: gap.afterNs,
        })),
        missing: tracker.missing,
      })),
    );
  }
}

function numberingOf<S extends Schema>(
  state: NumberedFlow,
  key: number,
  direction: number,
  { segment }: Batch<S>,
): Numbering | null {
  const { numberings, low, high } = state;
  const from = direction === 0 ? low : high;
  for (const known of numberings) if (known.key === key && known.from === from) return known;
  if (numberings.length >= NUMBERINGS_MAX) return null;
  const bins = new TimeBins(segment, ['least', 'largest', 'sum']);
  const numbering = new Numbering(from, direction === 0 ? high : low, key, bins);
  numberings.push(numbering);
  return numbering;
}

function note(numbering: Numbering, sequence: number, ns: Nanoseconds, frame: FrameId): void {
  const { tracker, bins } = numbering;
  if (!tracker.follows(sequence)) {
    tracker.observe(sequence, ns, frame, numbering.lastNs, numbering.lastFrame);
  }
  numbering.lastNs = ns;
  numbering.lastFrame = frame;
  const bin = bins.binOf(ns);
  if (bin < 0) return;
  const [low, high, packets] = bins.columns;
  low[bin] = Math.min(low[bin], sequence);
  high[bin] = Math.max(high[bin], sequence);
  packets[bin]++;
}
