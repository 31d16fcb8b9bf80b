import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FrameRef } from '../../src/moment.js';
import { type Rows, refOf } from './batch-rows.js';
import { ConnectionTracker } from './connection-tracker.js';
import { tcp } from './dissector.js';
import type { TcpService } from './session.js';
import type { TcpConnection } from './tcp-connection.js';

export type { TcpService } from './session.js';
export type { TcpConnection, TcpDirection } from './tcp-connection.js';

/** One tracker a run feeds both kinds of session. */
const trackers = new WeakMap<CorrelationRun, ConnectionTracker>();

function trackerOf(run: CorrelationRun): ConnectionTracker {
  const known = trackers.get(run);
  if (known) return known;
  const tracker = new ConnectionTracker(run);
  trackers.set(run, tracker);
  return tracker;
}

/** Bounds: see `ConnectionTracker`. */
class ConnectionCorrelation implements Correlation<TcpConnection, Rows> {
  constructor(private readonly tracker: ConnectionTracker) {}

  consume(batch: Batch<Rows>, flow: FlowId, from: number, to: number): void {
    this.tracker.consume(batch, flow, from, to);
  }

  endSegment(): void {
    this.tracker.endSegment();
  }

  endEpoch(): void {
    this.tracker.endEpoch();
  }

  sessions(): readonly TcpConnection[] {
    return this.tracker.connections();
  }
}

/** A second view of what `tcpConnections` tracks; without that correlator in the run there are no services. */
class ServiceCorrelation implements Correlation<TcpService, Rows> {
  constructor(private readonly tracker: ConnectionTracker) {}

  consume(): void {
    // The tracker has taken the rows in already.
  }

  sessions(): readonly TcpService[] {
    return this.tracker.services();
  }

  get summarised(): number {
    return this.tracker.mergedServices;
  }
}

export const tcpConnections = defineCorrelator<TcpConnection, Rows>({
  name: 'tcp',
  reads: tcp,
  order: 'flow',
  create: (run) => new ConnectionCorrelation(trackerOf(run)),
});

/** What each client has with each server endpoint, aggregated over their connections. */
export const tcpServices = defineCorrelator<TcpService, Rows>({
  name: 'tcp.services',
  reads: tcp,
  order: 'capture',
  create: (run) => new ServiceCorrelation(trackerOf(run)),
});

/** All segments of the run; the only session of `tcpChecksums`. */
export interface TcpChecksums {
  readonly segments: number;
  /** Segments whose checksum the sending host's network card had yet to fill in. */
  readonly pending: number;
  readonly examples: readonly FrameRef[];
}

const EXAMPLES_KEPT = 3;

/** Counts unfilled checksums; holds three frames. */
class ChecksumCorrelation implements Correlation<TcpChecksums, Rows> {
  private segments = 0;
  private pending = 0;
  private readonly examples: FrameRef[] = [];

  consume(batch: Batch<Rows>, _flow: FlowId, from: number, to: number): void {
    const { columns, order } = batch;
    this.segments += to - from;
    for (let at = from; at < to; at++) {
      const row = order[at];
      if (columns.checksumPending[row] === 0) continue;
      this.pending++;
      if (this.examples.length < EXAMPLES_KEPT) this.examples.push(refOf(batch, row));
    }
  }

  sessions(): readonly TcpChecksums[] {
    const { segments, pending, examples } = this;
    return segments > 0 ? [{ segments, pending, examples }] : [];
  }
}

export const tcpChecksums = defineCorrelator<TcpChecksums, Rows>({
  name: 'tcp.checksums',
  reads: tcp,
  order: 'capture',
  create: () => new ChecksumCorrelation(),
});

export default [
  tcpConnections as Correlator,
  tcpServices as Correlator,
  tcpChecksums as Correlator,
] satisfies Correlator[];
