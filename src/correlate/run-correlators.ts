import type { DispatchTable } from '../dissect/dispatch-table.js';
import type { DissectEngine } from '../dissect/dissect-engine.js';
import type { Slot } from '../observe/slot.js';
import type { ObservationTable, Schema } from '../observe/table.js';
import { frameId, type SegmentIndex } from '../units.js';
import { Assembler } from './assembler.js';
import { CaptureQualityObserver } from './capture-quality.js';
import { Claims } from './claims.js';
import { CopyDetector } from './copies.js';
import type { Batch, Correlation, CorrelationRun, Correlator } from './correlator.js';
import { FlowRegistry } from './flow-registry.js';
import { HearsPeer } from './hears-peer.js';
import type { IdentitySink } from './identity-sink.js';

export interface CorrelatorFailure {
  readonly where: string;
  readonly message: string;
}

interface Running {
  readonly correlator: Correlator;
  readonly table: number;
  correlation: Correlation<unknown, Schema> | null;
}

/**
 * The ordered half of the pipeline: takes dissected rounds in capture order, maps their flows, leaves out copies,
 * lets the assembler finish messages, and hands rows to the correlators.
 */
export class CorrelatorRunner implements CorrelationRun {
  readonly flows: FlowRegistry;
  readonly hearsPeer = new HearsPeer();
  readonly copies = new CopyDetector();
  readonly quality: CaptureQualityObserver;
  readonly failures: CorrelatorFailure[] = [];
  readonly assembler: Assembler;
  readonly claims: Claims;
  private readonly running: Running[];
  private segment: SegmentIndex = 0;
  private order = new Uint32Array(1024);
  private flowStart = new Uint32Array(1024);
  private grouped = new Uint32Array(1024);

  constructor(
    private readonly dispatch: DispatchTable,
    correlators: readonly Correlator[],
    seed: number,
    private readonly identities: IdentitySink | null = null,
  ) {
    this.flows = new FlowRegistry(seed);
    this.quality = new CaptureQualityObserver();
    this.assembler = new Assembler(dispatch, this.flows, (failure) => this.failures.push(failure));
    this.claims = new Claims(this.flows);
    this.running = correlators.map((correlator) => ({
      correlator,
      table: dispatch.dissectors.findIndex(({ protocol }) => protocol === correlator.reads.protocol),
      correlation: correlator.create(this),
    }));
  }

  /** Takes a dissected round in; afterwards its slot may be used again. `engine` is bound to that slot. */
  consume(slot: Slot, engine: DissectEngine): void {
    if (slot.chunk.segment !== this.segment) this.beginSegment(slot.chunk.segment);
    let global = this.flows.mapFlows(slot, 0);
    const isCopy = this.copies.detect(slot);
    this.flows.mergeCounters(slot, global);
    if (isCopy) this.uncountCopies(slot, global, isCopy);
    this.quality.observe(slot, isCopy);
    this.identities?.take(slot, isCopy);
    const mapped = slot.flows.keys.length;
    // More than once only where messages of the assembler fill a table.
    for (;;) {
      slot.shortfalls.rows.length = 0;
      if (this.assembler.consume(slot, engine, global, isCopy)) global = this.flows.mapFlows(slot, mapped);
      this.quality.observeShortfalls(slot, isCopy);
      const { pausedAt } = this.assembler;
      this.consumeTables(slot, global, isCopy, pausedAt < 0 ? slot.chunk.frameCount - 1 : pausedAt);
      if (pausedAt < 0) return;
      slot.dropRowsUpTo(pausedAt);
    }
  }

  /** Falls due after every multiple of 65,536 frames. */
  endEpoch(): void {
    for (const running of this.running) this.guard(running, (correlation) => correlation.endEpoch?.());
    this.assembler.endEpoch();
    this.flows.endEpoch();
  }

  /** Sessions by correlator name. */
  sessions(): Map<string, readonly unknown[]> {
    const sessions = new Map<string, readonly unknown[]>();
    for (const running of this.running) {
      this.guard(running, (correlation) => sessions.set(running.correlator.name, correlation.sessions()));
    }
    return sessions;
  }

  /** Names of correlators with the number of sessions that were summarised because of a bound. */
  summarised(): { name: string; count: number }[] {
    return this.running
      .map(({ correlator, correlation }) => ({ name: correlator.name, count: correlation?.summarised ?? 0 }))
      .filter(({ count }) => count > 0);
  }

  private beginSegment(segment: SegmentIndex): void {
    this.segment = segment;
    this.copies.endSegment();
    this.assembler.endSegment();
    this.claims.endSegment();
    for (const running of this.running) this.guard(running, (correlation) => correlation.endSegment?.());
  }

  private uncountCopies(slot: Slot, global: Int32Array, isCopy: Uint8Array): void {
    const { rows, byteLength } = slot.touches;
    for (let row = 0; row < rows.length; row++) {
      if (isCopy[rows.frame[row]] === 0) continue;
      this.flows.uncount(global[rows.flow[row]], rows.direction[row], byteLength[row]);
    }
  }

  /** Hands out the rows of frames up to `until`. */
  private consumeTables(slot: Slot, global: Int32Array, isCopy: Uint8Array | null, until: number): void {
    this.claims.decide(slot, this.dispatch.dissectors, global, isCopy, until);
    for (let table = 0; table < slot.tables.length; table++) {
      if (slot.tables[table].rows.length > 0) this.consumeTable(slot, table, global, isCopy, until);
    }
  }

  private consumeTable(
    slot: Slot,
    table: number,
    global: Int32Array,
    isCopy: Uint8Array | null,
    until: number,
  ): void {
    const readers = this.running.filter((running) => running.table === table && running.correlation);
    if (readers.length === 0) return;
    const columns = slot.tables[table];
    const kept = this.orderRows(columns, isCopy, until);
    const accepted = this.claims.accept(table, this.order, kept);
    const batch = batchOf(slot, columns, this.order, global);
    for (const running of readers) {
      if (running.correlator.order === 'capture') {
        this.guard(running, (correlation) => correlation.consume(batch, -1, 0, accepted));
      }
    }
    const perFlow = readers.filter(({ correlator }) => correlator.order === 'flow');
    if (perFlow.length > 0) this.consumePerFlow(perFlow, batch, accepted, slot.flows.keys.length);
  }

  /** Writes the rows that are no copies into `order`, by frame; rows of the assembler stand at the table's end. */
  private orderRows(columns: ObservationTable<Schema>, isCopy: Uint8Array | null, until: number): number {
    const { frame, length } = columns.rows;
    if (this.order.length < length) this.order = new Uint32Array(length * 2);
    let kept = 0;
    let isSorted = true;
    for (let row = 0; row < length; row++) {
      if (frame[row] > until || (isCopy !== null && isCopy[frame[row]] === 1)) continue;
      if (kept > 0 && frame[row] < frame[this.order[kept - 1]]) isSorted = false;
      this.order[kept++] = row;
    }
    if (!isSorted) this.order.subarray(0, kept).sort((a, b) => frame[a] - frame[b] || a - b);
    return kept;
  }

  /** Groups the ordered rows by flow (stable counting sort) and calls each correlator once per flow. */
  private consumePerFlow(
    readers: readonly Running[],
    batch: Batch<Schema>,
    count: number,
    flowCount: number,
  ): void {
    const flowOfRow = batch.columns.rows.flow;
    if (this.flowStart.length < flowCount + 2) this.flowStart = new Uint32Array(flowCount * 2 + 2);
    const start = this.flowStart;
    start.fill(0, 0, flowCount + 2);
    for (let at = 0; at < count; at++) start[flowOfRow[this.order[at]] + 2]++;
    for (let flow = 1; flow < flowCount + 2; flow++) start[flow] += start[flow - 1];
    if (this.grouped.length < count) this.grouped = new Uint32Array(count * 2);
    const grouped = this.grouped;
    for (let at = 0; at < count; at++) {
      const row = this.order[at];
      grouped[start[flowOfRow[row] + 1]++] = row;
    }
    // After the scatter start[f + 1] is the end of group f, with rows without a flow (-1) in front.
    const view: Batch<Schema> = { ...batch, order: grouped };
    for (let flow = -1; flow < flowCount; flow++) {
      const from = flow < 0 ? 0 : start[flow];
      const to = start[flow + 1];
      if (from === to) continue;
      const id = flow < 0 ? -1 : batch.flowOf(grouped[from]);
      for (const running of readers) {
        this.guard(running, (correlation) => correlation.consume(view, id, from, to));
      }
    }
  }

  /** A correlator that throws becomes an error entry and is asked no more; the others still run. */
  private guard(running: Running, use: (correlation: Correlation<unknown, Schema>) => void): void {
    if (!running.correlation) return;
    try {
      use(running.correlation);
    } catch (error) {
      running.correlation = null;
      const message = error instanceof Error ? error.message : String(error);
      this.failures.push({ where: `correlator ${running.correlator.name}`, message });
    }
  }
}

function batchOf(
  slot: Slot,
  columns: ObservationTable<Schema>,
  order: Uint32Array,
  global: Int32Array,
): Batch<Schema> {
  const { frames } = slot;
  const { segment } = slot.chunk;
  return {
    columns,
    order,
    timeNs: frames.timeNs,
    frameLength: frames.originalLength,
    marks: frames.marks,
    segment,
    frameIdOf: (index) => frameId(frames.capture[index], frames.number[index]),
    flowOf: (row) => (columns.rows.flow[row] < 0 ? -1 : global[columns.rows.flow[row]]),
  };
}
