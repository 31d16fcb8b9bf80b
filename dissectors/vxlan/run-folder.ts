import type { FrameContext } from '../../src/dissect/frame-context.js';
import type { VxlanTable } from './rows.js';

const FLOWS_START = 1024;

/**
 * Makes one row of packets of one lane that follow each other on a direction of an inner flow: what the tunnel's
 * counters need of them is a sum. Knows the last row of every direction in the current round.
 */
export class RunFolder {
  private lastRow = new Int32Array(FLOWS_START * 2).fill(-1);
  private round = 0;

  constructor(readonly table: VxlanTable) {}

  /** Counts the packet in the last row of its direction; false where it does not continue that one. */
  extend(
    frame: FrameContext,
    flow: number,
    direction: number,
    lane: number,
    outerLength: number,
    innerLength: number,
  ): boolean {
    if (frame.round !== this.round) this.beginRound(frame.round);
    if (flow < 0) return false;
    const way = flow * 2 + direction;
    const run = way < this.lastRow.length ? this.lastRow[way] : -1;
    const { table } = this;
    if (run < 0 || table.lane[run] !== lane) return false;
    table.packets[run]++;
    table.lastFrame[run] = frame.index;
    table.outerBytes[run] += outerLength;
    if (outerLength > table.outerLength[run]) {
      table.outerLength[run] = outerLength;
      table.innerLength[run] = innerLength;
    }
    return true;
  }

  /** A row that packets behind it may continue. */
  begin(row: number): void {
    const { rows } = this.table;
    if (rows.flow[row] < 0) return;
    const way = rows.flow[row] * 2 + rows.direction[row];
    if (way >= this.lastRow.length) this.grow(way);
    this.lastRow[way] = row;
  }

  private beginRound(round: number): void {
    this.round = round;
    this.lastRow.fill(-1);
  }

  private grow(way: number): void {
    const grown = new Int32Array((way + 1) * 2).fill(-1);
    grown.set(this.lastRow);
    this.lastRow = grown;
  }
}
