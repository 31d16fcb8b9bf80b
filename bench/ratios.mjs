// From measurements to ratios, and from ratios to tables.

/** @typedef {import('./measure.mjs').Measurement} Measurement */
/** @typedef {{ min: number, median: number, max: number, rounds: number }} Spread */

/** @param {readonly number[]} values at least one @returns {Spread} */
export function spreadOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { min: sorted[0], median, max: sorted[sorted.length - 1], rounds: sorted.length };
}

/**
 * The ratio of two programs, taken round by round: both ran in the same minute, so what else the machine did falls on
 * both. Rounds in which one of them did not run do not count.
 * @param {ReadonlyMap<number, Measurement>} measured by round
 * @param {ReadonlyMap<number, Measurement>} reference by round
 * @param {keyof Measurement} quantity
 * @returns {Spread | undefined} undefined without a round in common, or where the reference is too small to measure
 */
export function ratioOf(measured, reference, quantity) {
  const ratios = [];
  for (const [round, measurement] of measured) {
    const divisor = reference.get(round)?.[quantity];
    if (divisor !== undefined && divisor > 0) ratios.push(measurement[quantity] / divisor);
  }
  return ratios.length === 0 ? undefined : spreadOf(ratios);
}

/** @param {Spread | undefined} spread "min / median / max", two or three significant figures each */
export function spreadText(spread) {
  if (spread === undefined) return '–';
  return [spread.min, spread.median, spread.max].map(significantFigures).join(' / ');
}

function significantFigures(value) {
  if (value < 0.1) return value.toPrecision(2);
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/**
 * A Markdown table whose columns are padded, so that it reads as well in a terminal.
 * @param {readonly (readonly string[])[]} rows the first one is the heading
 */
export function markdownTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n');
}
