import { escapeStrings } from './escape.js';
import type { FleetCell, FleetFinding, FleetReport } from './fleet-report.js';
import { plainTable } from './plain-table.js';
import { counted, formatBytes, formatCount } from './quantity.js';
import { hang, INDENT, labelled, type TextStyle, textStyle, titled } from './text-style.js';

const LINES_MAX = 40;
const NAME_WIDTH = 24;
const COUNT_WIDTH = 9;
const STEPS_SHOWN_MAX = 3;

/** The report of a fleet for a person: what is ill and where, what was looked at, what is missing to settle the rest. */
export function fleetText(
  given: FleetReport,
  options: { color?: boolean; width?: number; verbose?: boolean },
): string {
  const report = escapeStrings(given);
  const style = textStyle(options);
  const sections = [
    hang('', verdictOf(report), style.width),
    findingLines(report, style),
    pointLines(report, style),
    matrixLines(report, style),
    blindSpotLines(report, style),
    errorLines(report, style),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function verdictOf({ findings, points, tunnels, blindSpots }: FleetReport): string {
  const loud = findings.filter(({ severity }) => severity !== 'info');
  const what = `${counted(points.length, 'point')}, ${counted(tunnels.length, 'tunnel')}`;
  const blind =
    blindSpots.length === 0 ? '' : ` ${counted(blindSpots.length, 'tunnel end')} nobody captured.`;
  if (loud.length === 0) return `Nothing wrong found: ${what}.${blind}`;
  const [first] = loud;
  const since = first.since === null ? '' : `, since ${timeOf(first.since)}`;
  const more = loud.length === 1 ? '' : ` ${counted(loud.length - 1, 'other fault')} below.`;
  return `${capitalised(first.title)}${since}.${more} (${what})${blind}`;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Day and time of day to the millisecond. */
function timeOf(time: string): string {
  return time.replace('T', ' ').replace(/(\.\d{3})\d*Z$/, '$1 UTC');
}

function findingLines({ findings }: FleetReport, style: TextStyle): string[] {
  if (findings.length === 0) return [style.heading('FINDINGS'), `${INDENT}none`];
  return [
    ...titled('FINDINGS', 'times by the middle clock of all points', style),
    ...findings.flatMap((finding) => ['', ...findingText(finding, style)]),
  ];
}

function findingText(finding: FleetFinding, style: TextStyle): string[] {
  const { width } = style;
  const head = `${finding.severity.toUpperCase()}  ${finding.title}`;
  const since =
    finding.since === null
      ? ''
      : `${timeOf(finding.since)}${finding.ongoingAtEnd ? ', still so at the end' : ''}`;
  const explains = finding.folded.map(({ id, findings }) => `${findings} × ${id}`).join(', ');
  const [line, ...rest] = hang('', head, width);
  return [
    style.severity(finding.severity, line),
    ...rest,
    ...labelled('what', finding.explanation, width),
    ...labelled('since', since, width),
    ...labelled('last good', finding.lastGood === null ? '' : timeOf(finding.lastGood), width),
    ...labelled('sure', finding.confidence, width),
    ...labelled('seen at', shortList(finding.seenAt, style), width),
    ...labelled('explains', explains, width),
    ...finding.nextSteps
      .slice(0, style.verbose ? finding.nextSteps.length : STEPS_SHOWN_MAX)
      .flatMap((step, index) => labelled(index === 0 ? 'do next' : '', step, width)),
    ...labelled('disproved by', finding.refutedBy, width),
    ...labelled('id', finding.id, width),
  ];
}

function shortList(names: readonly string[], { verbose }: TextStyle): string {
  const shown = verbose ? names : names.slice(0, 8);
  return shown.length === names.length
    ? shown.join(', ')
    : `${shown.join(', ')} and ${names.length - shown.length} more`;
}

function pointLines({ points, links, groups, worstClock }: FleetReport, style: TextStyle): string[] {
  const clock =
    worstClock === null ? '' : `; worst clock: ${worstClock.point}, ${worstClock.offsetSeconds.toFixed(3)} s`;
  const apart = groups.length > 1 ? `; ${groups.length} groups without a packet in common` : '';
  const rows = points.map((point) => [
    point.name,
    point.hosts.join(' '),
    formatCount(point.frames),
    formatBytes(point.bytes),
    point.clockOffsetSeconds === null ? 'not linked' : `${point.clockOffsetSeconds.toFixed(3)} s`,
    String(point.findings.error + point.findings.warning),
  ]);
  return [
    ...titled('POINTS', `${counted(links.length, 'pair')} compared${apart}${clock}`, style),
    ...table(
      ['point', 'tunnel end', 'frames', 'bytes', 'clock', 'findings'],
      rows,
      [NAME_WIDTH, NAME_WIDTH, COUNT_WIDTH, COUNT_WIDTH, 13, COUNT_WIDTH],
      style,
    ),
  ];
}

function matrixLines({ matrix }: FleetReport, style: TextStyle): string[] {
  if (matrix.length === 0) return [];
  const worst = [...matrix].sort((x, y) => (y.lost ?? 0) - (x.lost ?? 0));
  const shown = style.verbose ? matrix : worst.filter(({ lost }) => (lost ?? 0) > 0);
  const note = style.verbose ? 'all' : 'those that lose packets; --verbose shows all';
  const rows = shown.map((cell) => [cell.kind, cell.from, cell.to, ...countsOf(cell)]);
  return [
    ...titled(`HOST TO HOST: ${counted(matrix.length, 'direction')}`, note, style),
    ...(rows.length === 0
      ? [`${INDENT}none`]
      : table(
          ['kind', 'from', 'to', 'sent', 'arrived', 'lost', 'answered'],
          rows,
          [8, 18, 18, COUNT_WIDTH, COUNT_WIDTH, COUNT_WIDTH, COUNT_WIDTH],
          style,
        )),
  ];
}

function countsOf({ sent, arrived, lost, answered }: FleetCell): string[] {
  return [sent, arrived, lost, answered].map((count) => (count === null ? '?' : formatCount(count)));
}

function blindSpotLines({ blindSpots }: FleetReport, style: TextStyle): string[] {
  if (blindSpots.length === 0) return [];
  return [
    ...titled('CAPTURE NEXT', 'tunnel ends at which nobody captured', style),
    ...blindSpots.flatMap(({ address, reason, nextStep }) => [
      ...hang(`${INDENT}${address}: `, reason, style.width),
      ...hang(`${INDENT}${INDENT}`, nextStep, style.width),
    ]),
  ];
}

function errorLines({ errors }: FleetReport, style: TextStyle): string[] {
  if (errors.length === 0) return [];
  return [
    style.heading('ERRORS'),
    ...errors.flatMap(({ where, message }) => hang(`${INDENT}${where}: `, message, style.width)),
  ];
}

function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  style: TextStyle,
): string[] {
  const shown = style.verbose ? rows : rows.slice(0, LINES_MAX);
  const alignments = headings.map((_, column) => (widths[column] === COUNT_WIDTH ? 'right' : 'left'));
  const fitted = widths.map((width, column) =>
    Math.min(width, Math.max(headings[column].length, ...rows.map((row) => row[column].length))),
  );
  const lines = plainTable([headings, ...shown], fitted, alignments).map((line) => (INDENT + line).trimEnd());
  const more = rows.length - shown.length;
  return more === 0 ? lines : [...lines, `${INDENT}and ${more} more, see --verbose`];
}
