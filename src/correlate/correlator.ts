import type { Dissector } from '../dissect/dissector.js';
import type { ObservationTable, Schema } from '../observe/table.js';
import type { FrameId, SegmentIndex } from '../units.js';
import type { FlowId } from './flow-id.js';
import type { FlowRegistry } from './flow-registry.js';
import type { HearsPeer } from './hears-peer.js';
import type { LinkNeighbourList } from './link-neighbours.js';

/**
 * Rows of one table in one chunk. Walk them as `for (let at = from; at < to; at++) { const row = batch.order[at]; … }`;
 * rows of copies of a frame are already left out.
 */
export interface Batch<S extends Schema> {
  readonly columns: ObservationTable<S>;
  readonly order: Uint32Array;
  /** By `columns.rows.frame[row]`: nanoseconds from the segment's base, or NaN. */
  readonly timeNs: Float64Array;
  /** By `columns.rows.frame[row]`: the frame's length on the wire, in bytes. */
  readonly frameLength: Uint32Array;
  /** By `columns.rows.frame[row]`: MARK_ bits. */
  readonly marks: Uint8Array;
  readonly segment: SegmentIndex;
  /** By `columns.rows.frame[row]`. */
  frameIdOf(frameIndex: number): FrameId;
  /** The run-wide flow of a row, or -1. */
  flowOf(row: number): FlowId;
}

/** What the engine hands to a correlator for one run. */
export interface CorrelationRun {
  readonly flows: FlowRegistry;
  readonly hearsPeer: HearsPeer;
  readonly linkNeighbours: LinkNeighbourList;
}

/** The state of one correlator in one run. Bounded: says in its docstring how many sessions it holds. */
export interface Correlation<Session, S extends Schema> {
  /**
   * Takes rows `batch.order[from … to)` in. With order 'flow' they are all of `flow`, in capture order, and it
   * is called once per flow and chunk; with order 'capture' they are all rows of the chunk and `flow` is -1.
   */
  consume(batch: Batch<S>, flow: FlowId, from: number, to: number): void;
  /** The time segment ended: times that follow do not compare with those seen so far. Close what is open. */
  endSegment?(): void;
  /** Called at every multiple of 65,536 frames, the only place where sessions may be evicted or summarised. */
  endEpoch?(): void;
  /** What is known so far, in order of first frame; may be asked at any time. */
  sessions(): readonly Session[];
  /** Sessions that were summarised because of a bound, not kept one by one. */
  readonly summarised?: number;
}

/** Stateful: turns rows into sessions. The definition is also the key by which diagnoses ask for its sessions. */
export interface Correlator<Session = unknown, S extends Schema = Schema> {
  readonly name: string;
  readonly reads: Dissector<S>;
  readonly order: 'flow' | 'capture';
  create(run: CorrelationRun): Correlation<Session, S>;
}

export function defineCorrelator<Session, S extends Schema>(
  correlator: Correlator<Session, S>,
): Correlator<Session, S> {
  return correlator;
}
