import { escapeTableCell } from './escape.js';
import { displayWidth, shorten, wrapWords } from './line-wrap.js';
import { COLUMN_GAP, plainTable } from './plain-table.js';
import { counted, formatCount } from './quantity.js';
import type { Report, Tunnel } from './report.js';
import type { Clock } from './report-time.js';
import { namedAddress, tunnelFacts, tunnelName } from './subject-text.js';
import { hang, INDENT, ROOMY_WIDTH, type TextStyle } from './text-style.js';

/** cli-table3 takes about a fifth of a millisecond for a row. */
const ROWS_MAX = 200;
const HEADINGS = ['tunnel', 'from', 'packets', 'last packet', 'state'];
const PACKETS_COLUMN = 2;
const STATE_COLUMN = 4;
const ALIGNMENTS = HEADINGS.map((_, column) => (column === PACKETS_COLUMN ? 'right' : 'left'));
/** State is free text and is wrapped into what the other columns leave; those keep to their line. */
const STATE_WIDTH_MIN = 11;
const STATE_WIDTH_MAX = 24;
/** What a terminal has beyond this goes to the state. */
const ORDINARY_WIDTH = 100;
const STATE_LINES_MAX = 3;
const NAME_WIDTH_MAX = 40;
const KEYS_SHOWN_MAX = 4;
/** Columns that give where a line is too wide: first down to a full IPv6 address, then further; numbers never. */
const NARROWEST = [
  [16, 39, Infinity, 12],
  [8, 12, Infinity, 12],
];

/** The lines of one tunnel: its cells without the state, and the state. */
interface TunnelCells {
  readonly cells: readonly string[][];
  readonly state: string;
}

/** A table of tunnels, a line for what each end sent. */
export function tunnelLines(report: Report, clock: Clock, style: TextStyle): string[] {
  const title = style.heading('TUNNELS');
  if (report.tunnels.length === 0) return [title, `${INDENT}none seen`];
  const tunnels: TunnelCells[] = [];
  let rowCount = 0;
  for (const tunnel of report.tunnels) {
    const cells = tunnelCells(tunnel, report, clock);
    rowCount += Math.max(cells.length, STATE_LINES_MAX);
    if (rowCount > ROWS_MAX) break;
    tunnels.push({ cells, state: escapeTableCell(tunnel.state) });
  }
  const shown = tunnels.length;
  const lines = [title, ...(style.width < ROOMY_WIDTH ? stacked(tunnels, style) : table(tunnels, style))];
  const hidden = report.tunnels.length - shown;
  if (hidden > 0)
    lines.push(...hang(`${INDENT}and `, `${counted(hidden, 'more tunnel')}, see --format json`, style.width));
  if (style.verbose) {
    for (const tunnel of report.tunnels.slice(0, shown)) {
      const facts = tunnelFacts(tunnel);
      if (facts !== '')
        lines.push(...hang(`${INDENT}${shorten(tunnelName(tunnel), NAME_WIDTH_MAX)}: `, facts, style.width));
    }
  }
  return lines;
}

function tunnelCells(tunnel: Tunnel, { tunnels, names }: Report, clock: Clock): string[][] {
  const ways = tunnel.directions.map((direction) => [
    namedAddress(direction.from, names),
    formatCount(direction.packets),
    clock.timeOfDay(direction.last),
  ]);
  const silent = tunnel.endpoints.filter(
    (endpoint) => !tunnel.directions.some((direction) => direction.from === endpoint),
  );
  // Ends that are written otherwise than in the directions (with a port, say) are there already.
  if (tunnel.directions.length < tunnel.endpoints.length) {
    for (const endpoint of silent) ways.push([namedAddress(endpoint, names), '0', 'none']);
  }
  const kinds = nameLines(tunnel, tunnels);
  const height = Math.max(ways.length, kinds.length);
  return Array.from({ length: height }, (_, line) =>
    [kinds[line] ?? '', ...(ways[line] ?? ['', '', ''])].map(escapeTableCell),
  );
}

/** The kind with the key, further keys below it, then what it runs inside. */
function nameLines(tunnel: Tunnel, tunnels: readonly Tunnel[]): string[] {
  const keys = tunnel.key === undefined ? [] : [tunnel.key].flat().map(String);
  const [key = '', ...more] = keys;
  const lines = [`${tunnel.kind} ${key}`.trimEnd(), ...more.slice(0, KEYS_SHOWN_MAX - 1)];
  if (keys.length > KEYS_SHOWN_MAX) lines.push(`+ ${keys.length - KEYS_SHOWN_MAX} keys`);
  const carrier = tunnels.find((candidate) => candidate.id === tunnel.encapsulatedIn);
  if (carrier !== undefined)
    lines.push(`in ${carrier.kind} ${[carrier.key ?? ''].flat()[0] ?? ''}`.trimEnd());
  return lines;
}

function table(tunnels: readonly TunnelCells[], style: TextStyle): string[] {
  const available = style.width - INDENT.length - COLUMN_GAP * (HEADINGS.length - 1);
  const widths = columnWidths(
    tunnels.flatMap(({ cells }) => cells),
    available - STATE_WIDTH_MIN,
  );
  const taken = widths.reduce((sum, width) => sum + width, 0);
  widths.push(Math.min(Math.max(STATE_WIDTH_MAX, style.width - ORDINARY_WIDTH), available - taken));
  const rows = tunnels.flatMap((tunnel) => withState(tunnel, widths[STATE_COLUMN] ?? 0));
  return plainTable([HEADINGS, ...rows], widths, ALIGNMENTS).map((line, index) => {
    const text = (INDENT + line).trimEnd();
    return index === 0 ? style.dim(text) : text;
  });
}

/** Where no table fits: a tunnel and its state, and below it a line for what each end sent. */
function stacked(tunnels: readonly TunnelCells[], { width }: TextStyle): string[] {
  return tunnels.flatMap(({ cells, state }) => {
    const name = cells.map(([part]) => part ?? '').filter((part) => part !== '');
    const ways = cells.filter(([, from]) => from !== undefined && from !== '');
    return [
      ...hang(INDENT, `${name.join(' ')}: ${state}`, width),
      ...ways.flatMap(([, from = '', packets = '', last = '']) =>
        hang(INDENT + INDENT, `${from} sent ${packets}${last === '' ? '' : `, last ${last}`}`, width),
      ),
    ];
  });
}

function withState({ cells, state }: TunnelCells, width: number): string[][] {
  const wrapped = wrapWords(state, width);
  const stateLines = wrapped.slice(0, STATE_LINES_MAX - 1);
  if (wrapped.length >= STATE_LINES_MAX) {
    stateLines.push(shorten(wrapped.slice(STATE_LINES_MAX - 1).join(' '), width));
  }
  const height = Math.max(cells.length, stateLines.length);
  return Array.from({ length: height }, (_, line) => [
    ...(cells[line] ?? ['', '', '', '']),
    stateLines[line] ?? '',
  ]);
}

/** Widths of all columns but the state: as wide as the contents; where that is too wide, the widest ones give. */
function columnWidths(rows: readonly (readonly string[])[], available: number): number[] {
  const widths = HEADINGS.slice(0, STATE_COLUMN).map((heading, column) =>
    rows.reduce(
      (widest, row) => Math.max(widest, Math.min(available, displayWidth(row[column] ?? ''))),
      heading.length,
    ),
  );
  const total = () => widths.reduce((sum, width) => sum + width, 0);
  for (const narrowest of NARROWEST) {
    while (total() > available) {
      const slack = widths.map((width, column) => width - (narrowest[column] ?? 0));
      const widest = Math.max(...slack);
      if (widest <= 0) break;
      const column = slack.indexOf(widest);
      widths[column] = (widths[column] ?? 0) - 1;
    }
  }
  return widths;
}
