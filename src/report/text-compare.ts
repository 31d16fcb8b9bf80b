import {
  changesOf,
  clockText,
  DIRECTION_HEADINGS,
  directionCells,
  directionsShown,
  remarksOf,
  rewrittenOf,
} from './compare-text.js';
import { displayWidth, shorten } from './line-wrap.js';
import { counted, formatCount } from './quantity.js';
import type { CompareDirection, Report } from './report.js';
import { hang, INDENT, ROOMY_WIDTH, type TextStyle } from './text-style.js';

const DIRECTIONS_MAX = 40;
const NAT_MAX = 10;
const UNPAIRED_MAX = 5;
const GAP = '  ';
const RIGHT_ALIGNED = [3, 4, 5];
const ADDRESS_WIDTH_MIN = 12;

/** The table of directions, the clock, the NAT map, and what could not be compared. */
export function compareLines(report: Report, style: TextStyle): string[] {
  const { compare } = report;
  if (!compare) return [];
  const lines = [style.heading('COMPARISON'), ...hang(`${INDENT}clock: `, clockText(compare), style.width)];
  const shown = directionsShown(report, style.verbose ? Number.POSITIVE_INFINITY : DIRECTIONS_MAX);
  if (style.width < ROOMY_WIDTH) lines.push(...shown.flatMap((direction) => stacked(direction, style)));
  else if (shown.length > 0) lines.push(...table([DIRECTION_HEADINGS, ...shown.map(directionCells)], style));
  for (const direction of shown) {
    const remarks = remarksOf(direction);
    if (remarks.length > 0)
      lines.push(
        ...hang(`${INDENT}${direction.from} > ${direction.to}: `, `${remarks.join(', ')}.`, style.width),
      );
  }
  for (const direction of shown) {
    const way = `${direction.from} > ${direction.to}`;
    for (const change of changesOf(direction))
      lines.push(...hang(`${INDENT}changed on the way: `, `${way}: ${change}.`, style.width));
  }
  const hidden = compare.directions.length - shown.length;
  if (hidden > 0)
    lines.push(
      ...hang(`${INDENT}and `, `${counted(hidden, 'more direction')}, see --format json`, style.width),
    );
  for (const { a, b, translatedAt } of compare.nat.slice(0, NAT_MAX))
    lines.push(
      ...hang(
        `${INDENT}NAT: `,
        `${a} at A is ${b} at B (host of side ${translatedAt.toUpperCase()})`,
        style.width,
      ),
    );
  if (compare.nat.length > NAT_MAX)
    lines.push(
      ...hang(
        `${INDENT}and `,
        `${counted(compare.nat.length - NAT_MAX, 'more translation')}, see --format json`,
        style.width,
      ),
    );
  const rewritten = rewrittenOf(compare);
  for (const words of rewritten.slice(0, NAT_MAX)) lines.push(...hang(`${INDENT}`, `${words}.`, style.width));
  if (rewritten.length > NAT_MAX)
    lines.push(
      ...hang(
        `${INDENT}and `,
        `${counted(rewritten.length - NAT_MAX, 'more pair')} of rewritten flows, see --format json`,
        style.width,
      ),
    );
  for (const { side, from, to, packets } of compare.unpaired.slice(0, UNPAIRED_MAX)) {
    const words = `${formatCount(packets)} packets from ${from} to ${to} are in ${side.toUpperCase()} only: not of this path`;
    lines.push(...hang(`${INDENT}not compared: `, words, style.width));
  }
  if (compare.unpaired.length > UNPAIRED_MAX)
    lines.push(
      ...hang(
        `${INDENT}and `,
        `${counted(compare.unpaired.length - UNPAIRED_MAX, 'more such direction')}, see --format json`,
        style.width,
      ),
    );
  return lines;
}

/** Where no table fits. */
function stacked(direction: CompareDirection, { width }: TextStyle): string[] {
  const [from, to, sender, sent, arrived, lost, delays] = directionCells(direction);
  const numbers = `sent ${sent}, arrived ${arrived}, lost ${lost}, delay median / p99 ${delays}`;
  return [
    ...hang(INDENT, `${from} > ${to} (sent at ${sender}):`, width),
    ...hang(INDENT + INDENT, numbers, width),
  ];
}

function table(rows: readonly (readonly string[])[], style: TextStyle): string[] {
  const widths = DIRECTION_HEADINGS.map((_, column) =>
    Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))),
  );
  const total = (): number =>
    widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) + INDENT.length;
  while (total() > style.width && Math.max(widths[0], widths[1]) > ADDRESS_WIDTH_MIN) {
    widths[widths[0] > widths[1] ? 0 : 1]--;
  }
  return rows.map((row, index) => {
    const cells = row.map((cell, column) => {
      const text = shorten(cell, widths[column]);
      const blanks = ' '.repeat(Math.max(0, widths[column] - displayWidth(text)));
      return RIGHT_ALIGNED.includes(column) ? blanks + text : text + blanks;
    });
    const line = (INDENT + cells.join(GAP)).trimEnd();
    return index === 0 ? style.dim(line) : line;
  });
}
