import { type Correlation, type Correlator, defineCorrelator } from '../../src/correlate/correlator.js';
import { captureIndexOf, type Nanoseconds, NS_PER_MILLISECOND } from '../../src/units.js';
import type { VPP_ROWS } from './columns.js';
import * as columns from './columns.js';
import dissector from './dissector.js';
import { OpenPath, type Rows } from './open-path.js';
import type { VppTrace, VppVisit } from './session.js';
import { TraceTally } from './trace-tally.js';

export type { VppFault, VppFaultKind, VppFlow, VppPacket, VppPath, VppTrace, VppVisit } from './session.js';

/** Records of one packet follow each other within microseconds; a buffer that rested longer holds another packet. */
const CONTINUES_WITHIN_NS = 50 * NS_PER_MILLISECOND;
/** Paths open between epochs: VPP has 16,384 buffers a pool by default. */
const OPEN_MAX = 65_536;

/**
 * Puts the visits of nodes together to paths of packets and counts these by flow. Holds at most OPEN_MAX open paths
 * between epochs, and what a TraceTally holds.
 */
class TraceCorrelation implements Correlation<VppTrace, typeof VPP_ROWS> {
  private readonly open = new Map<string, OpenPath>();
  private readonly tally = new TraceTally();
  /** The capture of the last visit, and when its first one came. */
  private capture = -1;
  private captureBeganNs: Nanoseconds = Number.NaN;

  get summarised(): number {
    return this.tally.aggregatedFlows;
  }

  consume(batch: Rows, _flow: number, from: number, to: number): void {
    const { columns: table, order } = batch;
    const names = columns.nameColumns(table);
    const reasons = columns.reasonColumns(table);
    const { tally } = this;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const visit = visitOf(batch, row, columns.textOf(names, row));
      const reason = columns.textOf(reasons, row);
      tally.records++;
      tally.first ??= visit;
      tally.last = visit;
      if (table.kind[row] > columns.ROW_DROP_TRAILER) this.takeLine(table, row, visit, reason);
      else this.takeVisit(batch, row, visit, reason);
    }
  }

  private takeVisit(batch: Rows, row: number, visit: VppVisit, reason: string): void {
    const { columns: table } = batch;
    const kind = table.kind[row];
    if (kind === columns.ROW_DROP_TRAILER) {
      const dropped = OpenPath.of(batch, row, visit);
      dropped.take(batch, row, visit, reason);
      this.tally.take(dropped.close());
      return;
    }
    const key = this.keyOf(kind, table.buffer[row], visit);
    let path = this.open.get(key);
    if (path && kind === columns.ROW_DISPATCH && isAnother(path, visit)) {
      this.tally.take(path.close());
      path = undefined;
    }
    // Moves to the end: the map's order is then by last visit.
    this.open.delete(key);
    path ??= this.begin(batch, row, visit);
    this.open.set(key, path);
    path.take(batch, row, visit, reason);
  }

  /** A buffer by its capture; where a rotated file has just begun, packets on their way go on from the file before. */
  private keyOf(kind: number, buffer: number, visit: VppVisit): string {
    const capture = captureIndexOf(visit.frame);
    if (capture > this.capture) {
      this.capture = capture;
      this.captureBeganNs = visit.timeNs;
    }
    const key = `${kind} ${capture} ${buffer}`;
    const isNew = visit.timeNs - this.captureBeganNs <= CONTINUES_WITHIN_NS && capture === this.capture;
    if (kind !== columns.ROW_DISPATCH || !isNew || this.open.has(key)) return key;
    const keyBefore = `${kind} ${capture - 1} ${buffer}`;
    const path = this.open.get(keyBefore);
    if (path && !isAnother(path, visit)) {
      this.open.delete(keyBefore);
      this.open.set(key, path);
    }
    return key;
  }

  private begin(batch: Rows, row: number, visit: VppVisit): OpenPath {
    const path = OpenPath.of(batch, row, visit);
    const { packetsOfThread } = this.tally;
    if (path.origin === 'show-trace')
      packetsOfThread.set(path.thread, (packetsOfThread.get(path.thread) ?? 0) + 1);
    return path;
  }

  private takeLine(table: Rows['columns'], row: number, at: VppVisit, reason: string): void {
    const value = table.buffer[row];
    const { node } = at;
    switch (table.kind[row]) {
      case columns.ROW_EMPTY_THREAD:
        return this.tally.takeEmptyThread(at);
      case columns.ROW_LIMITED:
        return this.tally.takeLimit(value, at);
      case columns.ROW_ERROR_COUNTER:
        return this.tally.takeCounter({
          node,
          reason,
          count: value,
          severity: table.thread[row],
          table: table.packet[row],
          at,
        });
      default:
        this.tally.takePool({ name: node, free: value, at });
    }
  }

  endSegment(): void {
    for (const path of this.open.values()) this.tally.take(path.close());
    this.open.clear();
  }

  endEpoch(): void {
    for (const [key, path] of this.open) {
      if (this.open.size <= OPEN_MAX) break;
      this.open.delete(key);
      this.tally.take(path.close());
    }
  }

  /** What is still open counts as it stands. */
  sessions(): readonly VppTrace[] {
    if (this.tally.records === 0) return [];
    const tally = this.tally.copy();
    for (const path of this.open.values()) tally.take(path.close());
    return [tally.trace()];
  }
}

export const vppTraces = defineCorrelator<VppTrace, typeof VPP_ROWS>({
  name: 'vpp-traces',
  reads: dissector,
  order: 'capture',
  create: () => new TraceCorrelation(),
});

export default [vppTraces as Correlator] satisfies Correlator[];

function visitOf(batch: Rows, row: number, node: string): VppVisit {
  const { columns: table, timeNs, segment } = batch;
  const index = table.rows.frame[row];
  const line = table.line[row];
  return { frame: batch.frameIdOf(index), timeNs: timeNs[index], segment, node, line };
}

function isAnother(path: OpenPath, { node, timeNs }: VppVisit): boolean {
  return timeNs - path.last.timeNs > CONTINUES_WITHIN_NS || path.isOverBefore(node);
}
