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
import { defineLadder } from '../../src/correlate/pictures/ladder.js';
import type { FatePicture } from '../../src/correlate/pictures/picture.js';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../src/wire/transport.js';
import { tcp } from './dissector.js';

type TcpRows = typeof tcp.observes;

/** Connections whose sizes and round trips are kept: those that carried data first. */
const CONNECTIONS_MAX = 512;
/** Flags that change the state of a connection. */
const STATE_FLAGS = TCP_SYN | TCP_FIN | TCP_RST;
const DATA = 0x100;

/** By connection: which segments were acknowledged by size, and after how long. Bounded by CONNECTIONS_MAX. */
class TcpFates implements Correlation<FatePicture, TcpRows> {
  private readonly connections: FlowPictures<FatesOfFlow>;

  constructor(private readonly run: CorrelationRun) {
    this.connections = new FlowPictures(run, CONNECTIONS_MAX);
  }

  consume(batch: Batch<TcpRows>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order, timeNs } = batch;
    const { sequence, acknowledgment, payloadLength, flags, rows } = columns;
    let connection = this.connections.known(flow);
    if (connection === undefined) {
      const first = firstWithData(columns, order, from, to);
      // Acknowledgments before the first data acknowledge nothing that is pictured.
      if (first < 0) return;
      const firstFrame = batch.frameIdOf(rows.frame[order[first]]);
      const open = () => fatesOfFlow(this.run, flow, firstFrame, batch.segment);
      connection = this.connections.of(flow, firstFrame, open);
    }
    if (connection === null) return;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const direction = rows.direction[row];
      const ns = timeNs[rows.frame[row]];
      if ((flags[row] & TCP_ACK) !== 0) {
        connection.fates[1 - direction].acknowledged(acknowledgment[row], ns);
      }
      const length = payloadLength[row];
      if (length > 0) connection.fates[direction].sent((sequence[row] + length) >>> 0, length, ns);
    }
  }

  endSegment(): void {
    this.connections.endSegment();
  }

  sessions(): readonly FatePicture[] {
    return this.connections
      .all()
      .flatMap(({ fates, around }) => fates.map((fate) => fate.describe('tcp', around, false)));
  }
}

/** Where data begins in the flow's stretch; -1 where it has none: what only opens connections is not pictured. */
function firstWithData(
  { payloadLength }: Batch<TcpRows>['columns'],
  order: Uint32Array,
  from: number,
  to: number,
): number {
  for (let at = from; at < to; at++) if (payloadLength[order[at]] > 0) return at;
  return -1;
}

const fates: Correlator<FatePicture, TcpRows> = defineCorrelator({
  name: 'fates of TCP segments',
  reads: tcp,
  order: 'flow',
  create: (run) => new TcpFates(run),
});

export default [
  fates,
  defineLadder({
    protocol: 'tcp',
    reads: tcp,
    describe({ flags, sequence, payloadLength }, row, rung) {
      const state = flags[row] & STATE_FLAGS;
      const length = payloadLength[row];
      rung.code = state | (state === 0 ? 0 : flags[row] & TCP_ACK) | (length > 0 ? DATA : 0);
      rung.detail = state === 0 ? 0 : length;
      rung.identity = state !== 0 || length > 0 ? (sequence[row] + 1) * 2 ** 16 + (length & 0xffff) : 0;
      rung.asks = length > 0 || (state & (TCP_SYN | TCP_FIN)) !== 0;
      if (rung.code === 0) rung.code = TCP_ACK;
    },
    label(code) {
      const names = [
        ...((code & TCP_SYN) !== 0 ? ['SYN'] : []),
        ...((code & TCP_FIN) !== 0 ? ['FIN'] : []),
        ...((code & TCP_RST) !== 0 ? ['RST'] : []),
        ...((code & DATA) !== 0 ? ['data'] : []),
        ...((code & TCP_ACK) !== 0 ? ['ACK'] : []),
      ];
      return names.join(', ');
    },
  }),
];
