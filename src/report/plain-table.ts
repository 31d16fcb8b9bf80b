import Table from 'cli-table3';
import { shorten } from './line-wrap.js';

/** Blanks between two columns. */
export const COLUMN_GAP = 2;

/** Lines of a table without borders; a cell that is too wide for its column loses its middle. Cells hold no control characters. */
export function plainTable(
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
