import {
  changesOf,
  clockText,
  DIRECTION_HEADINGS,
  directionCells,
  directionsShown,
  remarksOf,
  rewrittenOf,
} from './compare-text.js';
import { escapeMarkdown, escapeText } from './escape.js';
import { groupByBlame, isConsequence, isRestatement, SAME_PACKETS } from './finding-order.js';
import { counted, formatBytes, formatCount } from './quantity.js';
import type { CitedFrame, Finding, Report, Tunnel } from './report.js';
import { type Clock, formatRelative, onset, reportClock } from './report-time.js';
import { endpointsText, placeLines, tunnelName } from './subject-text.js';
import { lastGoodFrame, leftOutTexts, sideFileText } from './text-captures.js';
import { verdict } from './verdict.js';

const TUNNELS_SHOWN_MAX = 200;
const DIRECTIONS_SHOWN_MAX = 200;

/** The report for a ticket or a pull request: the same parts as the text. */
export function writeMarkdown(report: Report, out: (text: string) => void): void {
  const clock = reportClock(report.captures);
  const sections = [
    ['# capan report', '', escapeMarkdown(verdict(report, clock))],
    captureSection(report, clock),
    compareSection(report),
    tunnelSection(report, clock),
    ...groupByBlame(report.findings).map(({ root, consequences }) =>
      findingSection(root, consequences, report, clock),
    ),
    checkedSection(report),
    failureSection(report),
  ];
  out(sections.flatMap((lines) => (lines.length === 0 ? [] : [`${lines.join('\n')}\n`])).join('\n'));
}

/** Text in a code block: nothing is markup there, and the fence is longer than any in the text. */
function codeBlock(text: string): string[] {
  const longest = (text.match(/`+/g) ?? []).reduce((length, run) => Math.max(length, run.length), 2);
  const fence = '`'.repeat(longest + 1);
  return [fence, escapeText(text), fence];
}

export function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => escapeMarkdown(cell)).join(' | ')} |`;
}

function captureSection(report: Report, clock: Clock): string[] {
  const date = clock.date === null ? '' : ` (${clock.date}, UTC)`;
  const lines = [
    `## Captures${escapeMarkdown(date)}`,
    '',
    '| # | file | format | frames | bytes | first | last |',
    '|--:|---|---|--:|--:|---|---|',
  ];
  for (const [index, capture] of report.captures.entries()) {
    lines.push(
      tableRow([
        String(index),
        capture.file,
        `${capture.format} ${capture.linkTypes.join(' + ')}`,
        formatCount(capture.frames),
        formatBytes(capture.bytes),
        clock.timeOfDay(capture.firstTime),
        clock.timeOfDay(capture.lastTime),
      ]),
    );
  }
  const limits = report.quality.map(({ id, detail }) => `- limited by ${escapeMarkdown(`${id}: ${detail}`)}`);
  for (const [index, capture] of report.captures.entries()) {
    for (const { offset, reason } of capture.damaged ?? []) {
      limits.push(`- capture ${index} is damaged at byte ${offset}: ${escapeMarkdown(reason)}`);
    }
    for (const [name, count] of Object.entries(capture.skipped ?? {})) {
      limits.push(`- capture ${index}: skipped ${formatCount(count)} ${escapeMarkdown(name)}`);
    }
  }
  for (const text of leftOutTexts(report)) limits.push(`- left out: ${escapeMarkdown(text)}`);
  for (const sideFile of report.sideFiles ?? []) {
    const { file, kinds, facts, warning } = sideFile;
    limits.push(
      warning === undefined
        ? `- read beside them: ${escapeMarkdown(`${file} (${kinds.join(', ')}; ${counted(facts, 'fact')})`)}`
        : `- beside them: ${escapeMarkdown(sideFileText(sideFile))}`,
    );
  }
  return limits.length === 0 ? lines : [...lines, '', ...limits];
}

function compareSection(report: Report): string[] {
  const { compare } = report;
  if (!compare) return [];
  const lines = ['## Comparison', '', `Clock: ${escapeMarkdown(clockText(compare))}`, ''];
  lines.push(tableRow(DIRECTION_HEADINGS), '|---|---|---|--:|--:|--:|---|');
  for (const direction of directionsShown(report, DIRECTIONS_SHOWN_MAX))
    lines.push(tableRow(directionCells(direction)));
  lines.push('');
  for (const direction of directionsShown(report, DIRECTIONS_SHOWN_MAX)) {
    const remarks = remarksOf(direction);
    if (remarks.length > 0)
      lines.push(`- ${escapeMarkdown(`${direction.from} to ${direction.to}: ${remarks.join(', ')}`)}`);
  }
  for (const direction of directionsShown(report, DIRECTIONS_SHOWN_MAX)) {
    for (const change of changesOf(direction))
      lines.push(
        `- changed on the way: ${escapeMarkdown(`${direction.from} to ${direction.to}: ${change}`)}`,
      );
  }
  for (const words of rewrittenOf(compare)) lines.push(`- ${escapeMarkdown(words)}`);
  for (const { a, b, translatedAt } of compare.nat)
    lines.push(
      `- NAT: ${escapeMarkdown(`${a} at A is ${b} at B (host of side ${translatedAt.toUpperCase()})`)}`,
    );
  return lines;
}

function tunnelSection(report: Report, clock: Clock): string[] {
  if (report.tunnels.length === 0) return ['## Tunnels', '', 'None seen.'];
  const lines = [
    '## Tunnels',
    '',
    '| tunnel | endpoints | state | packets | bytes | last packet |',
    '|---|---|---|---|---|---|',
  ];
  for (const tunnel of report.tunnels.slice(0, TUNNELS_SHOWN_MAX))
    lines.push(tunnelRow(tunnel, report, clock));
  const hidden = report.tunnels.length - TUNNELS_SHOWN_MAX;
  return hidden > 0 ? [...lines, '', `${counted(hidden, 'more tunnel')} in the JSON report.`] : lines;
}

function tunnelRow(tunnel: Tunnel, report: Report, clock: Clock): string {
  const carrier = report.tunnels.find((candidate) => candidate.id === tunnel.encapsulatedIn);
  const ways = (show: (direction: Tunnel['directions'][number]) => string) =>
    tunnel.directions.map((direction) => `${direction.from}: ${show(direction)}`).join('; ');
  return tableRow([
    carrier === undefined ? tunnelName(tunnel) : `${tunnelName(tunnel)} in ${tunnelName(carrier)}`,
    endpointsText(tunnel.endpoints, report.names),
    tunnel.state,
    ways((direction) => formatCount(direction.packets)),
    ways((direction) => formatBytes(direction.bytes)),
    ways((direction) => clock.timeOfDay(direction.last)),
  ]);
}

function findingSection(
  root: Finding,
  consequences: readonly Finding[],
  report: Report,
  clock: Clock,
): string[] {
  const lines = [
    `## ${root.severity}: ${escapeMarkdown(root.title)}`,
    '',
    escapeMarkdown(root.explanation),
    '',
    `- id: ${escapeMarkdown(root.id)}, confidence ${root.confidence}`,
    `- where: ${escapeMarkdown(placeLines(root, report).join('; '))}`,
    `- when: ${escapeMarkdown(whenText(root, report, clock))}`,
  ];
  const counts = Object.entries(root.counts).map(([name, count]) => `${name} ${formatCount(count)}`);
  if (counts.length > 0) lines.push(`- counts: ${escapeMarkdown(counts.join(', '))}`);
  if (root.limitedBy.length > 0) lines.push(`- limited by: ${escapeMarkdown(root.limitedBy.join(', '))}`);
  if (root.folded !== undefined) lines.push(`- not listed: ${root.folded} more of this id`);
  if (isConsequence(root)) lines.push(`- follows from: ${escapeMarkdown((root.causedBy ?? []).join(', '))}`);
  for (const consequence of consequences) {
    if (isRestatement(consequence)) {
      lines.push(`- ${SAME_PACKETS} ${escapeMarkdown(`${consequence.id}: ${consequence.title}`)}`);
      continue;
    }
    lines.push(
      `- leads to: ${consequence.severity} ${escapeMarkdown(`${consequence.id}: ${consequence.title}`)}`,
    );
  }
  lines.push('', '| capture | frame | seconds | evidence |', '|--:|--:|--:|---|');
  lines.push(...root.evidence.map(evidenceRow));
  if (root.displayFilter !== '') lines.push('', ...codeBlock(root.displayFilter));
  lines.push(...list('Likely causes', root.causes, '-'), ...list('Next', root.nextSteps, '1.'));
  if (root.refutedBy !== '') lines.push('', `Ruled out by: ${escapeMarkdown(root.refutedBy)}`);
  return lines;
}

function whenText(finding: Finding, report: Report, clock: Clock): string {
  const { time, relativeSeconds } = onset(finding, clock);
  const start = [time, relativeSeconds === null ? '' : formatRelative(relativeSeconds)]
    .filter((part) => part !== '')
    .join(' = ');
  const last = clock.timeOfDay(finding.last);
  const end = finding.ongoingAtEnd
    ? 'not over when the capture ended'
    : last === ''
      ? 'over'
      : `until ${last}`;
  const good = finding.lastGood;
  const before = good === null ? 'not seen working before' : `last good: ${lastGoodFrame(finding, report)}`;
  return [start === '' ? '' : `since ${start}`, end, finding.subject.kind === 'capture' ? '' : before]
    .filter((part) => part !== '')
    .join(', ');
}

function evidenceRow(evidence: CitedFrame): string {
  const seconds = evidence.relativeSeconds === null ? '' : evidence.relativeSeconds.toFixed(3);
  return tableRow([String(evidence.capture), String(evidence.frame), seconds, evidence.summary]);
}

function list(title: string, entries: readonly string[], bullet: string): string[] {
  if (entries.length === 0) return [];
  return ['', `${title}:`, '', ...entries.map((entry) => `${bullet} ${escapeMarkdown(entry)}`)];
}

function checkedSection(report: Report): string[] {
  const ids = (result: string) => report.checked.filter((check) => check.result === result);
  const healthy = ids('healthy').map(({ id }) => escapeMarkdown(id));
  const lines = ['## Checked', '', `Healthy (${healthy.length}): ${healthy.join(', ') || 'nothing'}`];
  for (const check of ids('insufficient-data')) {
    const reason = check.reason === undefined ? '' : `: ${escapeMarkdown(check.reason)}`;
    lines.push('', `Not judged: ${escapeMarkdown(check.id)}${reason}`);
  }
  return [
    ...lines,
    '',
    `Nothing to judge in this capture: ${counted(ids('not-applicable').length, 'check')}`,
  ];
}

function failureSection(report: Report): string[] {
  const summarised = (report.summarised ?? []).map(
    ({ what, count }) => `Summarised: ${count} ${escapeMarkdown(what)} were counted, not kept one by one`,
  );
  if (report.errors.length === 0) return summarised;
  const entries = report.errors.map(({ where, message }) => `- ${escapeMarkdown(`${where}: ${message}`)}`);
  return [...summarised, '## Errors of capan', '', ...entries];
}
