import { shownText } from './ascii-text.js';
import { escapeTableCell, escapeText } from './escape.js';
import { severityRank } from './finding-order.js';
import { displayWidth, shorten, shortenEnd } from './line-wrap.js';
import { COLUMN_GAP, plainTable } from './plain-table.js';
import { counted, formatBytes, formatCount, formatDuration } from './quantity.js';
import type { Finding, Severity, Tunnel } from './report.js';
import { timeOfDay } from './report-time.js';
import { endpointsText, subjectText, tunnelName } from './subject-text.js';
import { type TextStyle, textStyle } from './text-style.js';

/** What the screen of a live run shows. */
export interface LiveScreenState {
  /** "v0 (dumpcap)". */
  readonly title: string;
  readonly elapsedSeconds: number;
  readonly frames: number;
  readonly bytes: number;
  /** Frames of the last second. */
  readonly framesPerSecond: number;
  /** Null where it is not known before the end. */
  readonly drops: number | null;
  /** The present by the clock of the capture, or null. */
  readonly now: string | null;
  readonly open: readonly Finding[];
  readonly cleared: readonly { readonly finding: Finding; readonly clearedAt: string | null }[];
  readonly tunnels: readonly Tunnel[];
  /** Packets a second by `rateKey`, where known. */
  readonly rates: ReadonlyMap<string, number>;
}

export interface LiveScreenSize {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
  readonly ascii?: boolean;
}

const COLUMNS_FALLBACK = 80;
const ROWS_FALLBACK = 24;
const COLUMNS_MAX = 200;
const ROWS_MIN = 8;
/** Lines that are always there: head, verdict, blank, two headings. */
const FIXED_ROWS = 6;
const FINDINGS_SHARE = 0.5;
const CLEARED_SHOWN_MAX = 3;
const SEVERITY_WORDS: Readonly<Record<Severity, string>> = {
  error: 'ERROR',
  warning: 'WARNING',
  info: 'info',
};
const TUNNEL_HEADINGS = ['tunnel', 'from', 'to', 'packets', '/s', 'last', 'state'];
const TUNNEL_ALIGNMENTS = ['left', 'left', 'left', 'right', 'right', 'left', 'left'] as const;
/** Below this a piece of a sentence tells nothing. */
const REST_WIDTH_MIN = 8;
const BOTH_ENDS_WIDTH_MIN = 60;
const STATE_WIDTH_MIN = 10;
/** Columns that give where the terminal is too narrow, and how far. */
const NARROWEST = [8, 9, 9, 5, 3, 8, STATE_WIDTH_MIN];

/** Which columns are shown, of the widest terminal to the narrowest; the state is the last one of all. */
const COLUMN_CHOICES = [
  [0, 1, 2, 3, 4, 5, 6],
  [0, 1, 3, 4, 6],
  [0, 1, 3, 6],
];

/** Names a direction of a tunnel in `rates`. */
export function rateKey(tunnel: Tunnel, from: string, to: string): string {
  return `${tunnel.id} ${from} ${to}`;
}

/** One picture: never more lines than the terminal has, nor wider ones; what is worst stands first. */
export function liveScreen(state: LiveScreenState, size: LiveScreenSize): string[] {
  const columns = Math.min(COLUMNS_MAX, size.columns > 0 ? size.columns : COLUMNS_FALLBACK) - 1;
  const rows = Math.max(ROWS_MIN, size.rows > 0 ? size.rows : ROWS_FALLBACK) - 1;
  const style = textStyle({ color: size.color });
  const room = rows - FIXED_ROWS;
  const troubles = worstFirst(state.open);
  const trouble = troubleLines(
    state,
    troubles,
    columns,
    Math.max(2, Math.floor(room * FINDINGS_SHARE)),
    style,
  );
  const tunnels = tunnelLines(state, columns, Math.max(1, room - trouble.length), style);
  const lines = [
    style.heading(fitting(headFacts(state), '  ', columns)),
    fitting(verdictFacts(state), '. ', columns),
    '',
    ...trouble,
    '',
    ...tunnels,
  ];
  return lines.slice(0, rows).map((line) => shownText(line, size.ascii));
}

/** As many of the facts as there is room for, the first ones first. */
function fitting(facts: readonly string[], separator: string, columns: number): string {
  const [first = '', ...rest] = facts;
  let line = first;
  for (const fact of rest) {
    if (displayWidth(line) + separator.length + displayWidth(fact) > columns) break;
    line += separator + fact;
  }
  return shorten(line, columns);
}

function headFacts({
  title,
  elapsedSeconds,
  frames,
  framesPerSecond,
  bytes,
  drops,
}: LiveScreenState): readonly string[] {
  return [
    `capan live ${escapeText(title)}`,
    formatDuration(Math.round(elapsedSeconds)),
    counted(frames, 'packet'),
    `${formatCount(Math.round(framesPerSecond))}/s`,
    formatBytes(bytes),
    drops === null ? 'drops: told at the end' : `${formatCount(drops)} dropped by the capture`,
  ];
}

function verdictFacts({ open, cleared, now }: LiveScreenState): readonly string[] {
  const parts = (['error', 'warning', 'info'] as const).flatMap((severity) => {
    const count = open.filter((finding) => finding.severity === severity).length;
    if (count === 0) return [];
    return [severity === 'info' ? counted(count, 'remark') : counted(count, severity)];
  });
  const trouble = parts.length === 0 ? 'No trouble at present' : `At present: ${parts.join(', ')}`;
  const over = cleared.length === 0 ? '' : `; ${formatCount(cleared.length)} over`;
  const time = now === null ? '' : `, ${timeOfDay(now, null).replace(/\.\d+$/, '')} UTC`;
  return [`${trouble}${over}${time}`, 'Ctrl-C ends with the full report.'];
}

function troubleLines(
  state: LiveScreenState,
  troubles: readonly Finding[],
  columns: number,
  room: number,
  style: TextStyle,
): string[] {
  const date = state.now?.slice(0, 10) ?? null;
  const recent = [...state.cleared].reverse().slice(0, CLEARED_SHOWN_MAX);
  const entries = [
    ...troubles.map((finding) => ({ finding, clearedAt: undefined as string | null | undefined })),
    ...recent,
  ];
  if (entries.length === 0) return [style.dim('FINDINGS  none so far')];
  const shown = entries.length > room ? entries.slice(0, room - 1) : entries;
  const lines = shown.map(({ finding, clearedAt }) => {
    const isOver = clearedAt !== undefined;
    const word = isOver ? 'over' : SEVERITY_WORDS[finding.severity];
    const start = finding.first === null ? '' : shortTime(finding.first, date);
    const end = typeof clearedAt === 'string' ? `-${shortTime(clearedAt, date)}` : '';
    const when = isOver ? `${start}${end}` : start === '' ? '' : `since ${start}`;
    const line = troubleLine(word, when, finding, columns);
    if (isOver) return style.dim(line);
    return line.replace(word, () => style.severity(finding.severity, word));
  });
  const hidden = entries.length - shown.length;
  if (hidden > 0) lines.push(style.dim(`and ${formatCount(hidden)} more`));
  return [style.dim(shorten('FINDINGS', columns)), ...lines];
}

/** The name of the diagnosis stays whole before anything else does. */
function troubleLine(word: string, when: string, finding: Finding, columns: number): string {
  const name = escapeText(finding.id);
  const timed = `${word.padEnd(8)}${when.padEnd(18)}${name}`;
  const head = displayWidth(timed) <= columns ? timed : `${word.padEnd(8)}${name}`;
  const rest = escapeText(`${finding.title}, ${whoText(finding)}`);
  const room = columns - displayWidth(head) - COLUMN_GAP;
  if (room >= displayWidth(rest)) return `${head}  ${rest}`;
  return room < REST_WIDTH_MIN ? shortenEnd(head, columns) : `${head}  ${shortenRest(rest, room)}`;
}

/** Wide terminals show both ends of a sentence: whom it concerns stands last. */
function shortenRest(text: string, room: number): string {
  return room < BOTH_ENDS_WIDTH_MIN ? shortenEnd(text, room) : shorten(text, room);
}

function tunnelLines(state: LiveScreenState, columns: number, room: number, style: TextStyle): string[] {
  if (state.tunnels.length === 0) return [style.dim('TUNNELS  none seen so far')];
  const date = state.now?.slice(0, 10) ?? null;
  const ordered = byTrouble(state);
  const rows: string[][] = [];
  let shown = 0;
  for (const tunnel of ordered) {
    const cells = tunnelCells(tunnel, state, date);
    const isLast = shown === ordered.length - 1;
    // A heading, and a line for what does not fit.
    if (rows.length + cells.length > room - (isLast ? 1 : 2) && shown > 0) break;
    rows.push(...cells);
    shown++;
  }
  const shownColumns = columnsFor(columns);
  const pick = <Cell>(row: readonly Cell[]): Cell[] =>
    row.filter((_, column) => shownColumns.includes(column));
  const table = [TUNNEL_HEADINGS, ...rows].map(pick);
  const widths = columnWidths(table, pick(NARROWEST), columns);
  const lines = plainTable(table, widths, pick(TUNNEL_ALIGNMENTS)).map((line) => line.trimEnd());
  const hidden = ordered.length - shown;
  return [
    ...lines.map((line, index) => (index === 0 ? style.dim(line) : line)),
    ...(hidden > 0 ? [style.dim(`and ${counted(hidden, 'more tunnel')}`)] : []),
  ];
}

function tunnelCells(tunnel: Tunnel, { rates }: LiveScreenState, date: string | null): string[][] {
  const name = tunnelName(tunnel);
  const ways = tunnel.directions.map(({ from, to, packets, last }) => {
    const rate = rates.get(rateKey(tunnel, from, to));
    return [
      from,
      to,
      formatCount(packets),
      rate === undefined ? '' : formatCount(Math.round(rate)),
      last === null ? '' : shortTime(last, date),
    ];
  });
  if (ways.length === 0) ways.push([endpointsText(tunnel.endpoints), '', '0', '', '']);
  return ways.map((way, index) =>
    [index === 0 ? name : '', ...way, index === 0 ? tunnel.state : ''].map(escapeTableCell),
  );
}

/** Tunnels with the worst open finding first, then the busiest; the id decides between equals, so that rows keep their place. */
function byTrouble({ tunnels, open, rates }: LiveScreenState): Tunnel[] {
  const trouble = (tunnel: Tunnel): number =>
    open
      .filter((finding) => finding.tunnel === tunnel.id)
      .reduce((worst, { severity }) => Math.max(worst, 1 + severityRank(severity)), 0);
  const isBusy = (tunnel: Tunnel): number =>
    tunnel.directions.some(({ from, to }) => (rates.get(rateKey(tunnel, from, to)) ?? 0) > 0) ? 1 : 0;
  return [...tunnels].sort(
    (a, b) => trouble(b) - trouble(a) || isBusy(b) - isBusy(a) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
}

function worstFirst(findings: readonly Finding[]): Finding[] {
  const consequence = ({ causedBy }: Finding): number => (causedBy === undefined ? 0 : 1);
  return [...findings].sort(
    (a, b) => severityRank(b.severity) - severityRank(a.severity) || consequence(a) - consequence(b),
  );
}

/** Who is concerned, as short as a line of a table wants it. */
function whoText({ subject, direction }: Finding): string {
  if (direction !== undefined) return `${direction.from} -> ${direction.to}`;
  if (Array.isArray(subject.endpoints)) return endpointsText(subject.endpoints.map(String));
  return subjectText(subject);
}

function shortTime(time: string, date: string | null): string {
  return timeOfDay(time, date).replace(/\.\d+$/, '');
}

/** The columns that a terminal has room for, the state always among them. */
function columnsFor(columns: number): readonly number[] {
  const fits = (shown: readonly number[]): boolean =>
    shown.reduce((sum, column) => sum + (NARROWEST[column] ?? 0) + COLUMN_GAP, -COLUMN_GAP) <= columns;
  return COLUMN_CHOICES.find(fits) ?? COLUMN_CHOICES[COLUMN_CHOICES.length - 1] ?? [];
}

/** As wide as the contents; where that is too wide, the widest give. */
function columnWidths(
  rows: readonly (readonly string[])[],
  narrowest: readonly number[],
  columns: number,
): number[] {
  const widths = narrowest.map((_, column) =>
    Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))),
  );
  const stateColumn = widths.length - 1;
  const available = columns - COLUMN_GAP * (widths.length - 1);
  const total = (): number => widths.reduce((sum, width) => sum + width, 0);
  const state = widths[stateColumn] ?? 0;
  widths[stateColumn] = Math.min(state, Math.max(STATE_WIDTH_MIN, available - (total() - state)));
  while (total() > available) {
    const slack = widths.map((width, column) => width - (narrowest[column] ?? 0));
    const widest = Math.max(...slack);
    if (widest <= 0) break;
    widths[slack.indexOf(widest)] -= 1;
  }
  return widths;
}
