import { counted, formatBytes, formatCount, formatDuration } from './quantity.js';
import type { CaptureSummary, Finding, Report, SideFileSummary } from './report.js';
import { type Clock, parseTimeNs } from './report-time.js';
import { hang, INDENT, type TextStyle, titled } from './text-style.js';

const CAPTURES_SHOWN_MAX = 12;
const DAMAGE_SHOWN_MAX = 3;
const LEFT_OUT_SHOWN_MAX = 6;

/** The captures and what limits them. */
export function captureLines(report: Report, clock: Clock, style: TextStyle): string[] {
  const dated = clock.date === null ? 'no dates' : `${clock.date}, times in UTC`;
  const lines = titled('CAPTURES', `${dated}; +s from the first frame of the file`, style);
  const shown = style.verbose ? report.captures : mostTelling(report.captures);
  for (const [index, capture] of report.captures.entries()) {
    if (!shown.includes(capture)) continue;
    lines.push(...oneCapture(capture, captureMark(report, index), clock, style));
  }
  const rest = report.captures.filter((capture) => !shown.includes(capture));
  if (rest.length > 0) {
    const frames = rest.reduce((sum, capture) => sum + capture.frames, 0);
    const more = `${counted(rest.length, 'more file')} with ${counted(frames, 'frame')}, undamaged`;
    lines.push(...hang(`${INDENT}and `, more, style.width));
  }
  for (const text of leftOutTexts(report, style.verbose))
    lines.push(...hang(`${INDENT}left out `, text, style.width));
  if (report.part) lines.push(...hang(`${INDENT}looked at `, partText(report.part), style.width));
  for (const text of acceptanceTexts(report)) lines.push(...hang(`${INDENT}accepted `, text, style.width));
  for (const { id, detail } of report.quality) {
    // The finding of that id has the detail, unless it was filtered out.
    const finding = report.findings.find((candidate) => candidate.id === id);
    const text = finding === undefined ? detail : `${finding.title} (see FINDINGS)`;
    lines.push(...hang(`${INDENT}limited by `, `${id}: ${text}`, style.width));
  }
  for (const sideFile of report.sideFiles ?? []) {
    lines.push(...hang(`${INDENT}beside them `, sideFileText(sideFile), style.width));
  }
  for (const { what, count } of report.summarised ?? []) {
    const text = `${formatCount(count)} ${what} were counted, not kept one by one`;
    lines.push(...hang(`${INDENT}summarised: `, text, style.width));
  }
  return lines;
}

/** What of the directories given was not read: the first files with the reason, then how many more. */
export function leftOutTexts({ filesLeftOut }: Report, all = false): string[] {
  if (filesLeftOut === undefined) return [];
  const { count, files } = filesLeftOut;
  const shown = all ? files : files.slice(0, LEFT_OUT_SHOWN_MAX);
  const texts = shown.map(({ file, reason }) => `${file}: ${reason}`);
  if (count > shown.length) texts.push(`${counted(count - shown.length, 'more file')}`);
  return texts;
}

/** What became of the findings that somebody accepted. */
function acceptanceTexts({ acceptances = [] }: Report): string[] {
  return acceptances.map(({ finding, reason, until, state, findings }) => {
    const date = until === undefined ? '' : ` until ${until}`;
    if (state === 'used') return `${finding}: ${counted(findings, 'finding')}${date} (${reason})`;
    if (state === 'unused') return `${finding}: nothing in this report${date} (${reason})`;
    return `${finding}: expired on ${until}, ${counted(findings, 'finding')} ${findings === 1 ? 'counts' : 'count'} again (${reason})`;
  });
}

/** Which part of the captures was looked at, and how much was not. */
export function partText(part: NonNullable<Report['part']>): string {
  const { filter, tunnel, from, to, frames, leftOut } = part;
  const total = frames + leftOut.byTime + leftOut.byFilter;
  const asked = [
    ...(filter === undefined ? [] : [`filter '${filter}'`]),
    ...(tunnel === undefined ? [] : [`tunnel ${tunnel}`]),
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(to === undefined ? [] : [`to ${to}`]),
  ];
  const reasons = [
    ...(leftOut.byTime > 0 ? [`${formatCount(leftOut.byTime)} outside the time`] : []),
    ...(leftOut.byFilter > 0 ? [`${formatCount(leftOut.byFilter)} that the filter does not mean`] : []),
  ];
  const rest = reasons.length === 0 ? 'nothing was left out' : `left out: ${reasons.join(', ')}`;
  const by = asked.length === 0 ? '' : ` (${asked.join(', ')})`;
  return `${formatCount(frames)} of ${counted(total, 'frame')}${by}; ${rest}`;
}

/** `pluto.log: IKE log, 7 facts`, or why it was not read. */
export function sideFileText({ file, kinds, facts, warning }: SideFileSummary): string {
  if (kinds.length === 0) return `${file} ${warning ?? ''}`.trim();
  const read = `${file}: ${kinds.join(', ')}, ${counted(facts, 'fact')}`;
  return warning === undefined ? read : `${read}; it ${warning}`;
}

/** "[1] " where there are several captures to tell apart, "" where there is one; the side in a comparison. */
export function captureMark(report: Report, index: number): string {
  const { side, point } = report.captures[index] ?? {};
  if (point !== undefined) return `${point} `;
  if (side !== undefined) {
    const files = report.captures.filter((capture) => capture.side === side);
    const place = files.length > 1 ? `[${index}]` : '';
    return `${side.toUpperCase()}${place} `;
  }
  return report.captures.length > 1 ? `[${index}] ` : '';
}

/** `B frame 60`: the last frame before the trouble, with its capture where several are compared and the evidence tells. */
export function lastGoodFrame({ lastGood, evidence }: Finding, report: Report): string {
  if (lastGood === null) return '';
  const cited = evidence.find(({ frame, time }) => frame === lastGood.frame && time === lastGood.time);
  return `${cited ? captureMark(report, cited.capture) : ''}frame ${lastGood.frame}`;
}

/** The first files of many; damaged ones always, as nothing may be dropped silently. */
function mostTelling(captures: readonly CaptureSummary[]): readonly CaptureSummary[] {
  return captures.filter(
    (capture, index) => index < CAPTURES_SHOWN_MAX || (capture.damaged?.length ?? 0) > 0,
  );
}

function oneCapture(capture: CaptureSummary, mark: string, clock: Clock, style: TextStyle): string[] {
  const links = capture.linkTypes.join(' + ');
  const facts = [
    [capture.format, links].filter((part) => part !== '').join(' '),
    counted(capture.frames, 'frame'),
    formatBytes(capture.bytes),
    capture.snaplen === undefined || capture.snaplen === 0 ? '' : `snaplen ${capture.snaplen}`,
    spanText(capture, clock),
  ];
  if (capture.drops !== undefined && capture.drops > 0)
    facts.push(`${formatCount(capture.drops)} dropped by the kernel`);
  if (capture.side !== undefined) facts.push(`side ${capture.side}`);
  const prefix = INDENT + mark;
  const text = `${capture.file}: ${facts.filter((fact) => fact !== '').join(', ')}`;
  const lines = hang(prefix, text, style.width);
  const deeper = ' '.repeat(prefix.length + 2);
  const damaged = capture.damaged ?? [];
  for (const { offset, reason } of style.verbose ? damaged : damaged.slice(0, DAMAGE_SHOWN_MAX)) {
    lines.push(...hang(deeper, `DAMAGED at byte ${offset}: ${reason}`, style.width));
  }
  if (!style.verbose && damaged.length > DAMAGE_SHOWN_MAX) {
    lines.push(`${deeper}and damaged in ${counted(damaged.length - DAMAGE_SHOWN_MAX, 'more place')}`);
  }
  const skipped = Object.entries(capture.skipped ?? {}).map(
    ([name, count]) => `${formatCount(count)} ${name}`,
  );
  if (skipped.length > 0) lines.push(...hang(deeper, `skipped: ${skipped.join(', ')}`, style.width));
  for (const note of capture.notes ?? []) lines.push(...hang(deeper, note, style.width));
  return lines;
}

function spanText(capture: CaptureSummary, clock: Clock): string {
  const { firstTime, lastTime } = capture;
  if (firstTime === null || lastTime === null) {
    return capture.clock === 'relative' ? 'relative clock' : 'no times';
  }
  const firstNs = parseTimeNs(firstTime);
  const lastNs = parseTimeNs(lastTime);
  const span = `${clock.timeOfDay(firstTime)} to ${clock.timeOfDay(lastTime)}`;
  if (firstNs === null || lastNs === null) return span;
  return `${span} (${formatDuration(Number(lastNs - firstNs) / 1e9)})`;
}
