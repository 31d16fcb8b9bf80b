import type { Batch, Correlation } from '../../src/correlate/correlator.js';
import { type Correlator, defineCorrelator } from '../../src/correlate/correlator.js';
import type { Dissector } from '../../src/dissect/dissector.js';
import type { Schema } from '../../src/observe/table.js';
import { frameNumberOf } from '../../src/units.js';

/** A row as a test compares it: the frame's number, and every column by name. */
export interface RecordedRow {
  readonly frame: number;
  readonly values: Readonly<Record<string, number>>;
}

/** A correlator whose sessions are the rows of a dissector, in order of frames. */
export function rowRecorder<S extends Schema>(dissector: Dissector<S>): Correlator<RecordedRow, S> {
  return defineCorrelator<RecordedRow, S>({
    name: `${dissector.protocol}.recorded`,
    reads: dissector,
    order: 'capture',
    create: () => new Recording(Object.keys(dissector.observes)),
  });
}

class Recording<S extends Schema> implements Correlation<RecordedRow, S> {
  private readonly rows: RecordedRow[] = [];

  constructor(private readonly names: readonly string[]) {}

  consume(batch: Batch<S>, _flow: number, from: number, to: number): void {
    const columns = batch.columns as unknown as Record<string, ArrayLike<number>>;
    for (let at = from; at < to; at++) {
      const row = batch.order[at];
      const frame = frameNumberOf(batch.frameIdOf(batch.columns.rows.frame[row]));
      const values = Object.fromEntries(this.names.map((name) => [name, columns[name][row]]));
      this.rows.push({ frame, values });
    }
  }

  sessions(): readonly RecordedRow[] {
    return this.rows;
  }
}
