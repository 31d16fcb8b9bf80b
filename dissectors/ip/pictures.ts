import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FragmentPicture } from '../../src/correlate/pictures/picture.js';
import type { FrameId, SegmentIndex } from '../../src/units.js';
import dissector, { type FRAGMENT_ROWS } from './dissector.js';

type Rows = Batch<typeof FRAGMENT_ROWS>;

/** Datagrams that may still lack a piece, those that do, and whole ones that are kept for comparison. */
const OPEN_MAX = 512;
const BROKEN_MAX = 256;
const WHOLE_MAX = 16;
const PIECES_MAX = 64;

interface OpenDatagram {
  readonly firstFrame: FrameId;
  readonly from: string;
  readonly to: string;
  readonly identification: number;
  readonly segment: SegmentIndex;
  readonly pieces: FragmentPicture['pieces'][number][];
  received: number;
  length: number | null;
}

/**
 * The pieces of fragmented datagrams. Holds the first BROKEN_MAX that lack one, the first WHOLE_MAX whole ones, and when an
 * epoch ends OPEN_MAX that may still become whole.
 */
class FragmentPictures implements Correlation<FragmentPicture, typeof FRAGMENT_ROWS> {
  private open = new Map<string, OpenDatagram>();
  private broken: OpenDatagram[] = [];
  private whole: OpenDatagram[] = [];

  constructor(private readonly run: CorrelationRun) {}

  consume(batch: Rows, _flow: FlowId, from: number, to: number): void {
    const { columns, order } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const flow = batch.flowOf(row);
      if (flow >= 0) this.take(batch, row, flow, columns);
    }
  }

  endSegment(): void {
    this.broken.push(...this.open.values());
    this.open = new Map();
    this.bound();
  }

  endEpoch(): void {
    const surplus = this.open.size - OPEN_MAX;
    for (const [name, datagram] of [...this.open].slice(0, Math.max(0, surplus))) {
      this.open.delete(name);
      this.broken.push(datagram);
    }
    this.bound();
  }

  sessions(): readonly FragmentPicture[] {
    const broken = [...this.broken, ...this.open.values()].sort(byFirstFrame).slice(0, BROKEN_MAX);
    return [...broken, ...this.whole.slice(0, WHOLE_MAX)].map(
      ({ from, to, identification, segment, pieces, length }) => ({
        picture: 'fragments' as const,
        from,
        to,
        identification,
        segment,
        pieces,
        length,
      }),
    );
  }

  private take(batch: Rows, row: number, flow: FlowId, columns: Rows['columns']): void {
    const index = columns.rows.frame[row];
    const direction = columns.rows.direction[row];
    const identification = columns.identification[row];
    // By addresses, which unlike its number stay those of a flow.
    const ends = this.run.flows.addresses(flow, direction);
    const name = `${ends.from} ${ends.to} ${identification}`;
    const frame = batch.frameIdOf(index);
    const known = this.open.get(name);
    const datagram =
      known ??
      ({
        ...ends,
        firstFrame: frame,
        identification,
        segment: batch.segment,
        pieces: [],
        received: 0,
        length: null,
      } satisfies OpenDatagram);
    if (known === undefined) this.open.set(name, datagram);
    const [offset, length] = [columns.offset[row], columns.length[row]];
    if (columns.more[row] === 0) datagram.length = offset + length;
    datagram.received += length;
    if (datagram.pieces.length < PIECES_MAX) {
      datagram.pieces.push({ frame, timeNs: batch.timeNs[index], offset, length });
    }
    if (datagram.length === null || datagram.received < datagram.length) return;
    this.open.delete(name);
    if (this.whole.length < WHOLE_MAX) this.whole.push(datagram);
  }

  private bound(): void {
    if (this.broken.length > BROKEN_MAX) this.broken = this.broken.sort(byFirstFrame).slice(0, BROKEN_MAX);
  }
}

function byFirstFrame(a: OpenDatagram, b: OpenDatagram): number {
  return a.firstFrame - b.firstFrame;
}

const fragments: Correlator<FragmentPicture, typeof FRAGMENT_ROWS> = defineCorrelator({
  name: 'pieces of datagrams',
  reads: dissector,
  order: 'capture',
  create: (run) => new FragmentPictures(run),
});

export default [fragments];
