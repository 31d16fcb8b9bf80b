import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import { type FatesOfFlow, fatesOfFlow } from '../../src/correlate/pictures/fates.js';
import { FlowPictures } from '../../src/correlate/pictures/flow-pictures.js';
import type { FatePicture } from '../../src/correlate/pictures/picture.js';
import dissector from './dissector.js';
import { ECHO_REPLY, ECHO_REQUEST, V6_ECHO_REPLY, V6_ECHO_REQUEST } from './message-types.js';

type IcmpRows = typeof dissector.observes;

/** Pairs of hosts whose pings are kept: those that began first. */
const PAIRS_MAX = 512;

/** Which pings were answered, by size, and after how long. Bounded by PAIRS_MAX. */
class EchoFates implements Correlation<FatePicture, IcmpRows> {
  private readonly pairs: FlowPictures<FatesOfFlow>;

  constructor(private readonly run: CorrelationRun) {
    this.pairs = new FlowPictures(run, PAIRS_MAX);
  }

  consume(batch: Batch<IcmpRows>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order, timeNs } = batch;
    const { family, type, identifier, sequence, length, rows } = columns;
    const firstFrame = batch.frameIdOf(rows.frame[order[from]]);
    const pair = this.pairs.of(flow, firstFrame, () =>
      fatesOfFlow(this.run, flow, firstFrame, batch.segment),
    );
    if (pair === null) return;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const isV6 = family[row] === 6;
      const direction = rows.direction[row];
      const number = identifier[row] * 65_536 + sequence[row];
      const ns = timeNs[rows.frame[row]];
      if (type[row] === (isV6 ? V6_ECHO_REQUEST : ECHO_REQUEST)) {
        pair.fates[direction].sent(number, length[row], ns);
      } else if (type[row] === (isV6 ? V6_ECHO_REPLY : ECHO_REPLY)) {
        pair.fates[1 - direction].answered(number, ns);
      }
    }
  }

  endSegment(): void {
    this.pairs.endSegment();
  }

  sessions(): readonly FatePicture[] {
    return this.pairs
      .all()
      .flatMap(({ fates, around }) => fates.map((fate) => fate.describe('icmp', around, true)));
  }
}

const fates: Correlator<FatePicture, IcmpRows> = defineCorrelator({
  name: 'fates of pings',
  reads: dissector,
  order: 'flow',
  create: (run) => new EchoFates(run),
});

export default [fates];
