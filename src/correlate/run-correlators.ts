import type { DispatchTable } from '../dissect/dispatch-table.js';
import type { DissectEngine } from '../dissect/dissect-engine.js';
import { RowGroups } from '../observe/row-groups.js';
import { inOrder, type Slot } from '../observe/slot.js';
import type { ObservationTable, Schema } from '../observe/table.js';
import { frameId, type SegmentIndex } from '../units.js';
import { Assembler } from './assembler.js';
import { CaptureQualityObserver } from './capture-quality.js';
import { Claims } from './claims.js';
import { CopyDetector } from './copies.js';
import type { Batch, Correlation, CorrelationRun, Correlator } from './correlator.js';
import { DiscardedPackets } from './discarded-packets.js';
import { FlowRegistry } from './flow-registry.js';
import { HearsPeer } from './hears-peer.js';
import type { IdentitySink } from './identity-sink.js';
import { LinkNeighbourList } from './link-neighbours.js';
import { OmittedRows } from './omitted-rows.js';
import type { FrameBins } from './pictures/frame-bins.js';

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
  readonly linkNeighbours = new LinkNeighbourList();
  readonly copies = new CopyDetector();
  readonly quality: CaptureQualityObserver;
  readonly failures: CorrelatorFailure[] = [];
  readonly assembler: Assembler;
  readonly claims: Claims;
  private readonly discarded: DiscardedPackets;
  private readonly running: Running[];
  private segment: SegmentIndex = 0;
  private order = new Uint32Array(1024);
  private ordered = 0;
  private readonly regrouped = new RowGroups(1024, 1024);

  constructor(
    private readonly dispatch: DispatchTable,
    correlators: readonly Correlator[],
    seed: number,
    private readonly identities: IdentitySink | null = null,
    private readonly frameBins: FrameBins | null = null,
  ) {
    this.flows = new FlowRegistry(seed);
    this.quality = new CaptureQualityObserver();
    this.discarded = new DiscardedPackets(this.flows);
    this.assembler = new Assembler(dispatch, this.flows, (failure) => this.failures.push(failure));
    this.claims = new Claims(this.flows);
    this.running = correlators.map((correlator) => ({
      correlator,
      table: dispatch.dissectors.findIndex(({ protocol }) => protocol === correlator.reads.protocol),
      correlation: correlator.create(this),
    }));
  }

  /** True once there are copies of frames, and where pictures show each packet at its time: then rows are not aggregated. */
  get needsEveryRow(): boolean {
    return this.copies.copies > 0 || this.frameBins !== null;
  }

  /** Takes a dissected round in; afterwards its slot may be used again. `engine` is bound to that slot. */
  consume(slot: Slot, engine: DissectEngine): void {
    if (slot.chunk.segment !== this.segment) this.beginSegment(slot.chunk.segment);
    const isCopy = this.copies.detect(slot);
    const isPlain = isCopy === null && slot.damaged.rows.length === 0;
    if (isPlain || !slot.aggregatesRows) return this.consumeRound(slot, engine, isCopy);
    // An aggregated row may stand for a copy, or a packet that its receiver drops, and for others.
    slot.aggregatesRows = false;
    const { nextFrame } = slot;
    for (let first = slot.firstFrame; first < nextFrame; first = slot.nextFrame) {
      engine.dissectChunk(first, nextFrame);
      this.consumeRound(slot, engine, isCopy);
    }
  }

  private consumeRound(slot: Slot, engine: DissectEngine, isCopy: Uint8Array | null): void {
    let global = this.flows.mapFlows(slot, 0);
    this.flows.mergeCounters(slot, global);
    if (isCopy) this.uncountCopies(slot, global, isCopy);
    const omitted = OmittedRows.of(slot, isCopy, this.discarded.detect(slot, global, isCopy));
    this.quality.observe(slot, isCopy);
    this.identities?.take(slot, isCopy);
    this.frameBins?.take(slot);
    const mapped = slot.flows.keys.length;
    // More than once only where messages of the assembler fill a table.
    for (;;) {
      slot.unreadableHeaders.rows.length = 0;
      if (this.assembler.consume(slot, engine, global, omitted)) global = this.flows.mapFlows(slot, mapped);
      this.quality.observeUnreadableRows(slot, isCopy);
      const { pausedAt } = this.assembler;
      this.consumeTables(slot, global, omitted, pausedAt < 0 ? slot.chunk.frameCount - 1 : pausedAt);
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
  private consumeTables(slot: Slot, global: Int32Array, omitted: OmittedRows | null, until: number): void {
    this.claims.decide(slot, this.dispatch.dissectors, global, omitted, until);
    for (let table = 0; table < slot.tables.length; table++) {
      if (slot.tables[table].rows.length > 0) this.consumeTable(slot, table, global, omitted, until);
    }
  }

  private consumeTable(
    slot: Slot,
    table: number,
    global: Int32Array,
    omitted: OmittedRows | null,
    until: number,
  ): void {
    const readers = this.running.filter((running) => running.table === table && running.correlation);
    if (readers.length === 0) return;
    const columns = slot.tables[table];
    const { length } = columns.rows;
    const leftOut = this.omittedOf(table, omitted);
    const isWhole =
      leftOut === null &&
      until === slot.chunk.frameCount - 1 &&
      !this.claims.hasDecided(table) &&
      isGrouped(slot, table);
    if (!isWhole) this.orderRows(columns, leftOut, until);
    const accepted = isWhole ? length : this.claims.accept(table, this.order, this.ordered);
    const order = isWhole ? inOrder(length) : this.order;
    const batch = batchOf(slot, columns, order, global);
    for (const running of readers) {
      if (running.correlator.order === 'capture') {
        this.guard(running, (correlation) => correlation.consume(batch, -1, 0, accepted));
      }
    }
    const perFlow = readers.filter(({ correlator }) => correlator.order === 'flow');
    if (perFlow.length === 0) return;
    if (isWhole) return this.consumePerFlow(perFlow, batch, slot.groups[table], slot.groupedFlows);
    const flowCount = slot.flows.keys.length;
    this.regrouped.group(order, accepted, columns.rows.flow, flowCount);
    this.consumePerFlow(perFlow, batch, this.regrouped, flowCount);
  }

  private omittedOf(table: number, omitted: OmittedRows | null): OmittedRows | null {
    if (omitted === null || this.dispatch.dissectors[table].keepsCopies) return null;
    return table === this.dispatch.checksum ? omitted.copies() : omitted;
  }

  /** Writes the rows that are not left out into `order`, by frame; rows of the assembler stand at the table's end. */
  private orderRows(columns: ObservationTable<Schema>, omitted: OmittedRows | null, until: number): void {
    const { frame, flow, length } = columns.rows;
    if (this.order.length < length) this.order = new Uint32Array(length * 2);
    let kept = 0;
    let isSorted = true;
    for (let row = 0; row < length; row++) {
      if (frame[row] > until || omitted?.omits(frame[row], flow[row])) continue;
      if (kept > 0 && frame[row] < frame[this.order[kept - 1]]) isSorted = false;
      this.order[kept++] = row;
    }
    if (!isSorted) this.order.subarray(0, kept).sort((a, b) => frame[a] - frame[b] || a - b);
    this.ordered = kept;
  }

  /** Calls each correlator once per flow. */
  private consumePerFlow(
    readers: readonly Running[],
    batch: Batch<Schema>,
    { rows, starts }: RowGroups,
    flowCount: number,
  ): void {
    const view: Batch<Schema> = { ...batch, order: rows };
    for (const running of readers) {
      this.guard(running, (correlation) => {
        for (let flow = -1; flow < flowCount; flow++) {
          const from = starts[flow + 1];
          const to = starts[flow + 2];
          if (from < to) correlation.consume(view, flow < 0 ? -1 : batch.flowOf(rows[from]), from, to);
        }
      });
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

function isGrouped(slot: Slot, table: number): boolean {
  return slot.groupedFlows >= 0 && slot.groups[table].length === slot.tables[table].rows.length;
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
