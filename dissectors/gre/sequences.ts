import { MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import { SequenceTracker } from '../../src/correlate/sequence-tracker.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../src/units.js';
import dissector from './dissector.js';
import { FLAG_SEQUENCE } from './layout.js';
import type { GreSequence } from './session.js';

type GreSchema = typeof dissector.observes;
type Rows = Batch<GreSchema>;

/** Directions followed between epochs; beyond that those seen longest ago are closed. */
const TRACKS_MAX = 8192;

class Track {
  readonly tracker = new SequenceTracker();
  outbound = 0;
  firstNs: Nanoseconds = Number.NaN;
  firstFrame: FrameId = 0;
  lastNs: Nanoseconds = Number.NaN;
  lastFrame: FrameId = 0;

  constructor(
    readonly stack: number,
    readonly segment: SegmentIndex,
    readonly kind: 'gre' | 'erspan',
    readonly from: string,
    readonly to: string,
    readonly key: number,
  ) {}

  observe(sequence: number, ns: Nanoseconds, frame: FrameId): void {
    if (this.firstFrame === 0) {
      this.firstNs = ns;
      this.firstFrame = frame;
    }
    this.tracker.observe(sequence, ns, frame, this.lastNs, this.lastFrame);
    this.lastNs = ns;
    this.lastFrame = frame;
  }

  describe(): GreSequence {
    const { stack, segment, kind, from, to, key, outbound, tracker } = this;
    const { distinct, missing, duplicates, reordered, restarts, gapCount } = tracker;
    const ref = (frame: FrameId, timeNs: Nanoseconds): FrameRef => ({ frame, timeNs, segment });
    return {
      kind,
      stack,
      segment,
      from,
      to,
      key,
      distinct,
      missing,
      duplicates,
      reordered,
      restarts,
      gapCount,
      outbound,
      first: ref(this.firstFrame, this.firstNs),
      last: ref(this.lastFrame, this.lastNs),
      gaps: tracker.gaps.map((gap) => ({
        missing: gap.missing,
        before: ref(gap.beforeFrame, gap.beforeNs),
        after: ref(gap.afterFrame, gap.afterNs),
      })),
    };
  }
}

/**
 * Sequence numbers, in capture order over all inner flows of a tunnel. Holds TRACKS_MAX directions between epochs, 1.5 KiB
 * each; closed ones go through a SessionStore.
 */
class SequenceCorrelation implements Correlation<GreSequence, GreSchema> {
  private tracks = new Map<number, Track>();
  private readonly closed = new SessionStore<GreSequence>(({ missing }) => missing);

  constructor(private readonly run: CorrelationRun) {}

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, _flow: number, from: number, to: number): void {
    const { columns, order, timeNs, marks } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      if ((columns.flags[row] & FLAG_SEQUENCE) === 0) continue;
      const track = this.trackOf(batch, row);
      if (!track) continue;
      const index = columns.rows.frame[row];
      track.observe(columns.sequence[row], timeNs[index], batch.frameIdOf(index));
      if ((marks[index] & MARK_OUTBOUND) !== 0) track.outbound++;
    }
  }

  private trackOf(batch: Rows, row: number): Track | null {
    const flow = batch.flowOf(row);
    if (flow < 0) return null;
    const { flows } = this.run;
    const stack = flows.stack(flow);
    const outerDirection = batch.columns.outerDirection[row];
    const id = stack * 2 + outerDirection;
    const known = this.tracks.get(id);
    if (known) return known;
    const layers = flows.tunnelLayers(stack);
    const own = layers[layers.length - 1];
    if (own?.kind !== 'gre' && own?.kind !== 'erspan') return null;
    const [from, to] = outerDirection === 0 ? [own.low, own.high] : [own.high, own.low];
    const track = new Track(stack, batch.segment, own.kind, from, to, own.key);
    this.tracks.set(id, track);
    return track;
  }

  endEpoch(): void {
    if (this.tracks.size <= TRACKS_MAX) return;
    const bySeen = [...this.tracks].sort(([, a], [, b]) => a.lastFrame - b.lastFrame);
    for (const [id, track] of bySeen.slice(0, bySeen.length - TRACKS_MAX)) {
      this.closed.add(track.describe());
      this.tracks.delete(id);
    }
  }

  endSegment(): void {
    for (const track of this.tracks.values()) this.closed.add(track.describe());
    this.tracks = new Map();
  }

  sessions(): readonly GreSequence[] {
    return [...this.closed.sessions(), ...[...this.tracks.values()].map((track) => track.describe())];
  }
}

/** Sequence numbers of GRE and of mirror sessions, by tunnel and direction. */
export const greSequences = defineCorrelator<GreSequence, GreSchema>({
  name: 'gre.sequences',
  reads: dissector,
  order: 'capture',
  create: (run) => new SequenceCorrelation(run),
});
