import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import { refOfFrame } from '../../src/correlate/frame-reference.js';
import { OpenSessions } from '../../src/correlate/open-sessions.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import { ah } from './dissector.js';

/** AH from one address to another. */
export interface AhDirection {
  readonly from: string;
  readonly to: string;
  packets: number;
  /** Bytes of AH with what it protects. */
  bytes: number;
  first: FrameRef | null;
  last: FrameRef | null;
  /** In order of appearance, at most SPIS_KEPT. */
  readonly spis: number[];
}

/** All AH between two addresses, in one time segment. */
export interface AhPair {
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly directions: readonly [AhDirection, AhDirection];
  readonly first: FrameRef;
  last: FrameRef;
}

const PAIRS_MAX = 4096;
const SPIS_KEPT = 16;

type AhSchema = typeof ah.observes;

/** Pairs of addresses with AH. Holds at most PAIRS_MAX between epochs; closed ones go through a SessionStore. */
class AhCorrelation implements Correlation<AhPair, AhSchema> {
  private readonly open: OpenSessions<AhPair, AhPair>;

  constructor(private readonly run: CorrelationRun) {
    this.open = new OpenSessions(run, {
      describe: (pair) => pair,
      score: ({ directions: [there, back] }) => Math.abs(there.packets - back.packets),
      bound: { max: PAIRS_MAX, kept: PAIRS_MAX, lastFrame: ({ last }) => last.frame },
    });
  }

  get summarised(): number {
    return this.open.summarised;
  }

  consume(batch: Batch<AhSchema>, flow: number, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    const { frame, direction } = columns.rows;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const ref = refOfFrame(batch, frame[row]);
      const pair = this.pairOf(flow, ref);
      pair.last = ref;
      const own = direction[row] === 0 ? pair.directions[0] : pair.directions[1];
      own.packets++;
      own.bytes += columns.payloadLength[row];
      own.first ??= ref;
      own.last = ref;
      const spi = columns.spi[row];
      if (own.spis.length < SPIS_KEPT && !own.spis.includes(spi)) own.spis.push(spi);
    }
  }

  private pairOf(flow: number, first: FrameRef): AhPair {
    const known = this.open.of(flow);
    if (known) return known;
    const { flows } = this.run;
    const { low, high } = flows.endpoints(flow);
    const pair: AhPair = {
      stack: flows.stack(flow),
      segment: first.segment,
      directions: [newDirection(low, high), newDirection(high, low)],
      first,
      last: first,
    };
    return this.open.begin(flow, pair);
  }

  endSegment(): void {
    this.open.endSegment();
  }

  endEpoch(): void {
    this.open.endEpoch();
  }

  sessions(): readonly AhPair[] {
    return this.open.sessions().sort((a, b) => a.first.frame - b.first.frame);
  }
}

function newDirection(from: string, to: string): AhDirection {
  return { from, to, packets: 0, bytes: 0, first: null, last: null, spis: [] };
}

/** AH by pair of addresses. */
export const ahPairs = defineCorrelator<AhPair, AhSchema>({
  name: 'ah',
  reads: ah,
  order: 'flow',
  create: (run) => new AhCorrelation(run),
});

export default [ahPairs as Correlator] satisfies Correlator[];
