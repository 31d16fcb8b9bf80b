import Table from 'cli-table3';
import { shorten } from './line-wrap.js';

/** Blanks between two columns. */
export const COLUMN_GAP = 2;
/** For each cell cli-table3 looks at all cells above it: it gets a few rows at a time. */
const ROWS_AT_ONCE = 16;

/** Lines of a table without borders; a cell that is too wide for its column loses its middle. Cells hold no control characters. */
export function plainTable(
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  alignments: readonly ('left' | 'right')[],
): string[] {
  const lines: string[] = [];
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    lines.push(...drawn(rows.slice(from, from + ROWS_AT_ONCE), widths, alignments));
  }
  return lines;
}

function drawn(
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  alignments: readonly ('left' | 'right')[],
): string[] {
  const none = '';
  const grid = new Table({
    colWidths: widths.map((width) => width + COLUMN_GAP),
    colAligns: [...alignments],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': COLUMN_GAP, compact: true },
    chars: {
      top: none,
      'top-mid': none,
      'top-left': none,
      'top-right': none,
      bottom: none,
      'bottom-mid': none,
      'bottom-left': none,
      'bottom-right': none,
      left: none,
      'left-mid': none,
      mid: none,
      'mid-mid': none,
      right: none,
      'right-mid': none,
      middle: none,
    },
  });
  for (const row of rows) grid.push(row.map((cell, column) => shorten(cell, widths[column] ?? 0)));
  return grid.toString().split('\n');
}
